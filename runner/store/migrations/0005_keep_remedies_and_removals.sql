-- auditors: every attempt to mend a finding; those that changed something count against the window of deletions
CREATE TABLE remedy (
  id INTEGER PRIMARY KEY, finding INTEGER NOT NULL, hook INTEGER NOT NULL, at INTEGER NOT NULL,
  outcome TEXT  -- fixed, no-longer-true, not-now, or the failure; NULL: it was cut off
) STRICT;
CREATE INDEX remedy_hook ON remedy(hook, at);  -- those of the last window

-- operators ask, the running runner takes it step by step: machines that leave in order
CREATE TABLE retirement (
  id INTEGER PRIMARY KEY, subject INTEGER NOT NULL REFERENCES subject,
  who TEXT NOT NULL, at INTEGER NOT NULL, timeout_ms INTEGER NOT NULL,
  ending TEXT NOT NULL CHECK (ending IN ('destroy','stop')),
  patience TEXT NOT NULL CHECK (patience IN ('wait','none')),
  step TEXT NOT NULL CHECK (step IN ('cordon','tell','stop','destroy','uncordon','done','cancelled')),
  since INTEGER NOT NULL,             -- when it came to this step
  until INTEGER,                      -- how long handlers are waited for, once they are told
  seq INTEGER,                        -- the event that they are told
  told TEXT NOT NULL DEFAULT '[]',    -- the hooks that are told, JSON
  due_at INTEGER,                     -- NULL: it is over
  attempts INTEGER NOT NULL DEFAULT 0, waiting TEXT,
  outcome TEXT
) STRICT;
CREATE UNIQUE INDEX retirement_open ON retirement(subject) WHERE due_at IS NOT NULL;  -- one at a time
CREATE INDEX        retirement_due  ON retirement(due_at) WHERE due_at IS NOT NULL;   -- what is to be done
