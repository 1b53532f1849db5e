-- the engine's gate, through the runner's vault: what a thing's API handed out and no guest may see, encrypted
CREATE TABLE sealed (
  resource INTEGER NOT NULL,   -- it goes when this row is pruned
  token TEXT NOT NULL,         -- the same for the same value
  cipher BLOB NOT NULL,
  PRIMARY KEY (resource, token)
) STRICT, WITHOUT ROWID;

CREATE INDEX subject_path   ON subject(path);          -- every incarnation that was at an address
CREATE INDEX resource_owner ON resource(owner, hook);  -- what an owner has or had, gone ones too
