-- settle: writes of earlier runs of a delivery of which nobody knows what became, as [[run, call], ...]; NULL: none.
-- `resumes` names the run that its host ended, whose own writes are known from its calls.
ALTER TABLE delivery ADD COLUMN doubts TEXT;
UPDATE delivery SET resumes = NULL, doubts = (SELECT nullif(json_group_array(json_array(call.run, call.n)), '[]')
    FROM call WHERE call.run = delivery.resumes AND call.access = 'write' AND call.answer IS NULL)
  WHERE resumes IN (SELECT id FROM run WHERE answer IS NOT NULL);
