-- findings: which of the things of one name one is about: '' (nothing else has its name), the target of a ledger row, or
-- `TARGET want HOOK/SUBJECT` of one of several wants of a thing. Part of the identity of the runner's own.
ALTER TABLE finding ADD COLUMN whose TEXT NOT NULL DEFAULT '';
DROP INDEX finding_identity;
CREATE UNIQUE INDEX finding_identity ON finding(source, code, about, whose);
UPDATE finding SET whose = thing.target
  FROM (SELECT hook, target, kind || '/' || key || iif(inside = '', '', ' of ' || inside) AS name
    FROM resource WHERE state <> 'gone') AS thing
  WHERE source = 0 AND closed_at IS NULL AND code LIKE 'resource.%' AND about = thing.name AND finding.hook = thing.hook
    AND NOT (code = 'resource.conflict' AND message LIKE '% wanted it first and has it; %');
-- Wants shared one finding about their thing, or had lost it: whoever does not have what it wants is asked again.
UPDATE finding SET closed_at = last_at WHERE source = 0 AND closed_at IS NULL AND code = 'resource.conflict' AND whose = '';
UPDATE lane SET view_hash = NULL, dirty = dirty + 1, due_at = coalesce(due_at, 0) WHERE (hook, subject) IN
  (SELECT want.hook, want.subject FROM want JOIN resource USING (target, kind, key, inside)
    WHERE resource.state <> 'gone' AND (resource.hook, resource.owner) <> (want.hook, want.subject));
