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
