-- provisioner driver: since when a row that was sent for an earlier incarnation of its owner is settled for the
-- present one; NULL: it was sent for its own owner.
ALTER TABLE resource ADD COLUMN inherited_at INTEGER;
