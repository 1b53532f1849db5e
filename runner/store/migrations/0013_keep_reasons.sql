-- lanes: what made them due last, while they are owed a look: `e12` (an event), or a word of `Because`
ALTER TABLE lane ADD COLUMN because TEXT;
-- runs: what made the lane due that they are a part of; NULL: its own time had come, or it is not known
ALTER TABLE run ADD COLUMN because TEXT;
