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

-- inbox: what is kept of a machine that was destroyed, with its end; it stays longer than its events
CREATE TABLE last_words (
  subject INTEGER PRIMARY KEY REFERENCES subject, at INTEGER NOT NULL,
  body TEXT NOT NULL  -- events, exit, redacted configuration, JSON
) STRICT;
CREATE INDEX last_words_at ON last_words(at);  -- pruning

-- operators ask, the running runner tells: a handler that came later hears of everybody who lives
CREATE TABLE backfill (
  id INTEGER PRIMARY KEY, hook INTEGER NOT NULL, who TEXT NOT NULL, at INTEGER NOT NULL,
  kinds TEXT NOT NULL CHECK (kinds IN ('app','machine','both')),
  every_ms INTEGER NOT NULL,        -- between two subjects
  last INTEGER NOT NULL DEFAULT 0,  -- the last subject that was told of, or passed over
  until INTEGER NOT NULL,           -- the last one known when it was asked; who comes later tells by itself
  told INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER,                   -- NULL: it is over
  outcome TEXT
) STRICT;
CREATE UNIQUE INDEX backfill_open ON backfill(hook) WHERE due_at IS NOT NULL;  -- one at a time

-- upgrade gate: with which component and settings a hook was last seen to find its things
CREATE TABLE sight (
  hook INTEGER PRIMARY KEY,
  settings TEXT NOT NULL,           -- COMPONENT:CONFIGURATION that may write
  held TEXT,                        -- those that did not find them
  lost TEXT NOT NULL DEFAULT '[]',  -- the rows that were not found, JSON
  at INTEGER NOT NULL
) STRICT;

-- provisioner driver: the component or configuration that changed a want, until its row has followed; NULL: neither
ALTER TABLE want ADD COLUMN why TEXT;
