-- inbox + settle: what is owed to a handler, and nothing else, so that a lane's head is the first of its key. Two
-- indexes fewer change with each event.
CREATE TABLE delivery_owed (
  hook INTEGER NOT NULL, subject INTEGER NOT NULL, seq INTEGER NOT NULL REFERENCES event(seq),
  attempts INTEGER NOT NULL DEFAULT 0, error TEXT,  -- failures in a row, and the last of them
  PRIMARY KEY (hook, subject, seq)
) STRICT, WITHOUT ROWID;
-- inbox + settle: deliveries that gave up, out of their lanes' way
CREATE TABLE dead (
  hook INTEGER NOT NULL, seq INTEGER NOT NULL REFERENCES event(seq), subject INTEGER NOT NULL,
  attempts INTEGER NOT NULL, error TEXT,
  PRIMARY KEY (hook, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO delivery_owed (hook, subject, seq, attempts, error)
  SELECT hook, subject, seq, attempts, error FROM delivery WHERE state = 'pending';
INSERT INTO dead (hook, seq, subject, attempts, error)
  SELECT hook, seq, subject, attempts, error FROM delivery WHERE state = 'dead';
DROP TABLE delivery;
ALTER TABLE delivery_owed RENAME TO delivery;
CREATE INDEX delivery_seq ON delivery(seq);      -- pruning of events; the oldest that is owed
CREATE INDEX dead_seq     ON dead(seq);          -- pruning of events
CREATE INDEX dead_lane    ON dead(hook, subject);  -- how many of a lane

DROP INDEX lane_due;  -- lane_hook_due answers hook by hook
CREATE INDEX finding_open ON finding(about) WHERE closed_at IS NULL;  -- what ends with a thing's good order
-- what waits for something that has no time: a person, a level, a scope, a belief
CREATE INDEX resource_waits ON resource(hook, owner) WHERE state <> 'gone' AND (frozen_why IS NOT NULL OR state = 'creating'
  OR (state <> 'retained' AND due_at IS NULL AND waiting IS NOT NULL));
