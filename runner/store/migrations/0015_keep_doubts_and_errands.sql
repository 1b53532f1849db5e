-- settle: writes of earlier runs of a delivery of which nobody knows what became, as [[run, call], ...]; NULL: none.
-- `resumes` names the run that its host ended, whose own writes are known from its calls.
ALTER TABLE delivery ADD COLUMN doubts TEXT;
UPDATE delivery SET resumes = NULL, doubts = (SELECT nullif(json_group_array(json_array(call.run, call.n)), '[]')
    FROM call WHERE call.run = delivery.resumes AND call.access = 'write' AND call.answer IS NULL)
  WHERE EXISTS (SELECT 1 FROM run WHERE run.id = delivery.resumes AND run.answer IS NOT NULL);

-- control, scheduler: audits and remedies that people asked for, until they are over: whoever runs next does what is left
CREATE TABLE errand (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: the scheduler remembers which it has taken
  audit TEXT, finding INTEGER, who TEXT NOT NULL,
  begun INTEGER NOT NULL DEFAULT 0,  -- by so many processes that died
  CHECK ((audit IS NULL) <> (finding IS NULL))
) STRICT;
