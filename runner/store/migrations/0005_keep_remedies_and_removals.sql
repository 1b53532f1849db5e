-- auditors: every attempt to mend a finding; those that changed something count against the window of deletions
CREATE TABLE remedy (
  id INTEGER PRIMARY KEY, finding INTEGER NOT NULL, hook INTEGER NOT NULL, at INTEGER NOT NULL,
  outcome TEXT  -- fixed, no-longer-true, not-now, or the failure; NULL: it was cut off
) STRICT;
CREATE INDEX remedy_hook ON remedy(hook, at);  -- those of the last window

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
