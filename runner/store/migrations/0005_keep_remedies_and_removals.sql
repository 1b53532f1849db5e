-- auditors: every attempt to mend a finding; those that changed something count against the window of remedies
CREATE TABLE remedy (
  id INTEGER PRIMARY KEY, finding INTEGER NOT NULL, hook INTEGER NOT NULL, at INTEGER NOT NULL,
  asked_by TEXT NOT NULL,              -- the audit, or the person
  effect_by INTEGER NOT NULL,          -- until when what it sends may take effect
  counts INTEGER NOT NULL DEFAULT 1,   -- whether it may have changed something: until it is known, it may have
  ended INTEGER,                       -- NULL: it is under way
  run INTEGER,
  outcome TEXT                         -- fixed, no-longer-true, not-now, or what went wrong
) STRICT;
CREATE INDEX remedy_hook    ON remedy(hook, at);               -- those of the last window
CREATE INDEX remedy_finding ON remedy(finding, id);            -- the last of a finding
CREATE INDEX remedy_open    ON remedy(id) WHERE ended IS NULL; -- recovery

-- operators: whose removal a person asked for, as the thing then was; it goes with the row, or when it is wanted again
CREATE TABLE asked (
  resource INTEGER PRIMARY KEY,
  print TEXT NOT NULL,   -- of the row's thing and spec: another one was not asked for
  what TEXT NOT NULL,    -- `row`: this very thing; `hook`: with its whole hook
  at INTEGER NOT NULL
) STRICT;

-- operators: since when a hook is being ended by command, and how many things it had then; it is `removed` once it
-- has none, and keeps this for as long as its stanza is there, so that the stanza does not begin anew
ALTER TABLE hook ADD COLUMN ending_at INTEGER;
ALTER TABLE hook ADD COLUMN ending_of INTEGER;

-- auditors: how far the mending of a finding is, as the last run of an audit that enforces left it
ALTER TABLE finding ADD COLUMN mend_at INTEGER;    -- when its grace is over; NULL: nobody mends it
ALTER TABLE finding ADD COLUMN mend_held TEXT;     -- why it is not mended although its grace is over
ALTER TABLE finding ADD COLUMN mend_approved TEXT; -- who let it go, until when, and of which opening, JSON

-- scheduler: what a run counted and does not report, for people
ALTER TABLE audit_run ADD COLUMN summary TEXT;

-- provisioner driver: when the last repairs of a thing were intended, JSON; too many in an hour is a fight
ALTER TABLE resource ADD COLUMN repairs TEXT NOT NULL DEFAULT '[]';

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
