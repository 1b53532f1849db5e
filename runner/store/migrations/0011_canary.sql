-- canary: how a candidate compares with the component that runs; counted by the runner, one run at a time
CREATE TABLE canary (
  hook INTEGER NOT NULL,
  candidate TEXT NOT NULL,              -- digest
  current TEXT NOT NULL,                -- digest of what runs; with another one it is counted anew
  since INTEGER NOT NULL,
  equal INTEGER NOT NULL DEFAULT 0,
  differed INTEGER NOT NULL DEFAULT 0,
  unclear INTEGER NOT NULL DEFAULT 0,   -- runs of which it cannot be told
  skipped INTEGER NOT NULL DEFAULT 0,   -- more ended than could be compared
  in_a_row INTEGER NOT NULL DEFAULT 0,  -- equal since the last that differed
  PRIMARY KEY (hook, candidate)
) STRICT, WITHOUT ROWID;
-- canary: runs that differ in one way, or of which it cannot be told for one reason
CREATE TABLE canary_case (
  hook INTEGER NOT NULL, candidate TEXT NOT NULL, op TEXT NOT NULL,
  sign TEXT NOT NULL,  -- what is alike in them, or the reason
  count INTEGER NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('differs','cannot-tell')),
  run INTEGER NOT NULL,  -- the first of them
  difference TEXT,       -- its first, JSON; NULL: there is none, or it is too long
  PRIMARY KEY (hook, candidate, op, sign)
) STRICT, WITHOUT ROWID;
-- promote: what runs in the place of the component that the stanza names, until that names another
CREATE TABLE promotion (
  hook INTEGER PRIMARY KEY,
  instead_of TEXT NOT NULL,  -- digest of what the stanza named
  component TEXT NOT NULL,   -- digest
  at INTEGER NOT NULL, who TEXT NOT NULL
) STRICT;
