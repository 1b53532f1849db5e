-- operators: what a plan's approval allows although the level does not: one thing each, as `print` says, until then
CREATE TABLE applied (
  hook INTEGER NOT NULL, subject INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
  action TEXT NOT NULL, print TEXT NOT NULL, who TEXT NOT NULL, at INTEGER NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (hook, subject, kind, key)
) STRICT, WITHOUT ROWID;
