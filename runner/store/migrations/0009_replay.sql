-- runs: what hooks were configured with, and which tokens stood for their secrets, JSON; the same text is kept once
CREATE TABLE settings (
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL,
  used_at INTEGER NOT NULL  -- by a run that began up to a day later; pruning
) STRICT;
CREATE INDEX settings_used ON settings(used_at);

-- replay: what a run was given beside the event at `seq`, and what it answered; NULL: it is not, or no longer, kept
ALTER TABLE run ADD COLUMN settings INTEGER;
ALTER TABLE run ADD COLUMN input TEXT;   -- what the export was called with, JSON
ALTER TABLE run ADD COLUMN answer TEXT;  -- what it said and wrote to `kv`, JSON; where that is long, its digest
