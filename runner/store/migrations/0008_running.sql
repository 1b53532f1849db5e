-- dispatcher: why a lane is due. 0: something happened to it, or it was to be looked at again; 1: a sweep (a start,
-- a reconcile) owes everybody a look. What happened goes first.
ALTER TABLE lane ADD COLUMN swept INTEGER NOT NULL DEFAULT 0 CHECK (swept IN (0, 1));
DROP INDEX lane_hook_due;
CREATE INDEX lane_cause_due ON lane(hook, swept, due_at, subject) WHERE due_at IS NOT NULL;  -- claim, hook by hook

-- inbox: since when a machine runs, and on what; until when is asked of the clock
CREATE TABLE running (
  machine INTEGER PRIMARY KEY,
  size TEXT NOT NULL,  -- JSON: what it runs on, and where
  since INTEGER NOT NULL
) STRICT;
-- inbox: how long an app's machines of one size ran in a month (UTC; months since the year 0), and how long nobody
-- knows whether they did
CREATE TABLE ran (
  app INTEGER NOT NULL, month INTEGER NOT NULL, size TEXT NOT NULL,
  ms INTEGER NOT NULL, unseen_ms INTEGER NOT NULL,
  PRIMARY KEY (app, month, size)
) STRICT, WITHOUT ROWID;
CREATE INDEX ran_month ON ran(month);  -- pruning
