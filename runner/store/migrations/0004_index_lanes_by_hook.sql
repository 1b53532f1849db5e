CREATE INDEX lane_hook_due ON lane(hook, due_at, subject) WHERE due_at IS NOT NULL;  -- claim, hook by hook
