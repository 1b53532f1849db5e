-- settle: the run of a delivery that sent a write and was ended before it could answer; the next run goes on from there
ALTER TABLE delivery ADD COLUMN resumes INTEGER;
-- inbox: the run with a write of which nobody knows what became, if that is why the delivery gave up
ALTER TABLE dead ADD COLUMN in_doubt INTEGER;
-- runs: the run that this one went on from
ALTER TABLE run ADD COLUMN resumes INTEGER;
