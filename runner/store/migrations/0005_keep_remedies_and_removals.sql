-- auditors: every attempt to mend a finding; those that changed something count against the window of deletions
CREATE TABLE remedy (
  id INTEGER PRIMARY KEY, finding INTEGER NOT NULL, hook INTEGER NOT NULL, at INTEGER NOT NULL,
  outcome TEXT  -- fixed, no-longer-true, not-now, or the failure; NULL: it was cut off
) STRICT;
CREATE INDEX remedy_hook ON remedy(hook, at);  -- those of the last window
