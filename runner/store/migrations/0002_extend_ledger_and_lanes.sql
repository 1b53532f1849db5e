-- What came after the first schema and before the first release.

-- provisioner driver: since when a row that was sent for an earlier incarnation of its owner is settled for the
-- present one; NULL: it was sent for its own owner.
ALTER TABLE resource ADD COLUMN inherited_at INTEGER;

-- operators: what a plan's approval allows although the level does not: one thing each, as `print` says, until then
CREATE TABLE applied (
  hook INTEGER NOT NULL, subject INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
  action TEXT NOT NULL, print TEXT NOT NULL, who TEXT NOT NULL, at INTEGER NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (hook, subject, kind, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX lane_hook_due ON lane(hook, due_at, subject) WHERE due_at IS NOT NULL;  -- claim, hook by hook
