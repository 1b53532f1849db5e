-- settle: outputs of a thing that is to go are shown until nothing but time and their readers keeps it: one that is
-- held keeps what was made from them, too
ALTER TABLE resource ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1));
UPDATE resource SET withdrawn = 1 WHERE unwanted_at IS NOT NULL AND frozen_why IS NULL AND state <> 'gone';

CREATE INDEX subject_gone ON subject(gone_at) WHERE gone_at IS NOT NULL;  -- pruning
CREATE INDEX retirement_subject ON retirement(subject);  -- the same
