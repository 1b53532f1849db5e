"""Posts every event as JSON to `{config.server}/events`, with the event's id as idempotency key."""

from groundcrew_hook import config, fetch, hook
from wit_world import exports


@hook
class Handler(exports.Handler):
    def handle(self, event):
        about = event.subject.path if event.subject else None
        body = {"id": event.id, "kind": event.kind, "time": event.time, "about": about}
        fetch("POST", config()["server"] + "/events", body, headers={"idempotency-key": event.id})
