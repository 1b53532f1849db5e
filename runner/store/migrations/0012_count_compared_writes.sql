-- canary: of the runs that were equal in a row, those that wrote; before this was counted, none is known to
ALTER TABLE canary ADD COLUMN wrote_in_a_row INTEGER NOT NULL DEFAULT 0;
-- canary: 1: it was equal for long enough, and stored runs of its hook wrote, so one of those in a row has to
ALTER TABLE canary ADD COLUMN writes INTEGER NOT NULL DEFAULT 0;
