"""Posts every event five times; each post says a number that chance gave the run, and what was answered before."""

import random

from groundcrew_hook import config, fetch, hook
from wit_world import exports


@hook
class Handler(exports.Handler):
    def handle(self, event):
        chance = f"{random.SystemRandom().getrandbits(64):016x}"
        before = None
        for n in range(1, 6):
            body = {"event": event.id, "n": n, "chance": chance, "before": before}
            key = f"{event.id}-{n}"
            before = fetch("POST", config()["server"] + "/events", body, headers={"idempotency-key": key})
