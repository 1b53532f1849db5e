-- The runner's and auditors' findings; open until what they say is no longer so. `source` is 0 for the runner's
-- own, else the auditor that reports it: (source, code, about) is its identity from day to day.
CREATE TABLE finding_wide (
  id INTEGER PRIMARY KEY, source INTEGER NOT NULL, code TEXT NOT NULL, about TEXT NOT NULL, hook INTEGER,
  severity TEXT NOT NULL, message TEXT NOT NULL, remedy TEXT,
  cost_cents INTEGER,                  -- a month; NULL: unknown
  subject TEXT,                        -- whom it concerns, JSON
  data TEXT NOT NULL DEFAULT 'null',   -- evidence, JSON
  acknowledged TEXT,                   -- who said why it may be, JSON
  openings TEXT NOT NULL DEFAULT '[]', -- when it opened lately, JSON: what flaps is muted
  first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, closed_at INTEGER
) STRICT;
INSERT INTO finding_wide (source, code, about, hook, severity, message, remedy, first_at, last_at, closed_at)
  SELECT 0, code, about, hook, severity, message, remedy, first_at, last_at, closed_at FROM finding
  ORDER BY first_at, code, about;
DROP TABLE finding;
ALTER TABLE finding_wide RENAME TO finding;
CREATE UNIQUE INDEX finding_identity ON finding(source, code, about);

-- scheduler: the last tick of each schedule that was taken up and finished, or left out
CREATE TABLE schedule (name TEXT PRIMARY KEY, last_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- scheduler: each run of an audit; tick is NULL for one by hand
CREATE TABLE audit_run (
  id INTEGER PRIMARY KEY, audit TEXT NOT NULL, tick INTEGER, started INTEGER NOT NULL, ended INTEGER,
  outcome TEXT, found INTEGER NOT NULL DEFAULT 0, opened INTEGER NOT NULL DEFAULT 0,
  resolved INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX audit_run_open ON audit_run(id) WHERE ended IS NULL;  -- recovery
