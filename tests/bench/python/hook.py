"""As many things of each owner as the stanza says: what `tests/guests/things` wants, in Python. It only looks."""

import json
from urllib.parse import quote

from groundcrew_hook import config, fetch, hook
from wit_world import exports
from wit_world.exports.provision import Spec


@hook
class Provision(exports.Provision):
    def desired(self, view):
        wanted = config()["things"]
        return [
            Spec(kind=it["kind"], key=it["key"], body=json.dumps({"value": it["value"], "shape": None}), after=[])
            for it in wanted
        ]

    def find(self, want):
        fetch("GET", config()["server"] + "/" + quote(want.key, safe=""))
        raise NotImplementedError("nothing listens there")

    def create(self, want):
        raise NotImplementedError("the bench makes nothing")

    def update(self, want, now):
        raise NotImplementedError("the bench changes nothing")

    def remove(self, want, now):
        raise NotImplementedError("the bench removes nothing")
