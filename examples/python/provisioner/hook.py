"""One thing per app at a plain JSON REST API: `{config.server}/things`, things with names and marks."""

import json
from urllib.parse import quote

from groundcrew_hook import config, fetch, hook, thing
from wit_world import exports
from wit_world.exports.provision import Spec


def url(rest=""):
    return config()["server"] + "/things" + rest


def shown(row):
    return thing(row["id"], {"value": row["value"]}, mark=row.get("mark"))


@hook
class Provision(exports.Provision):
    def desired(self, view):
        app = view.owner.path.split("/")[2]
        plan = json.loads(view.owner.labels).get("plan")
        return [Spec(kind="thing", key=app, body=json.dumps({"value": plan}), after=[])]

    def find(self, want):
        rows = fetch("GET", url("?name=" + quote(want.key, safe="")))["items"]
        return [shown(row) for row in rows if want.id in (None, row["id"])]

    def create(self, want):
        value = json.loads(want.body)["value"]
        return shown(fetch("POST", url(), {"name": want.key, "mark": want.mark, "value": value}))

    def update(self, want, now):
        value = json.loads(want.body)["value"]
        return shown(fetch("PUT", url("/" + quote(now.id, safe="")), {"mark": want.mark, "value": value}))

    def remove(self, want, now):
        fetch("DELETE", url("/" + quote(now.id, safe="")), missing=None)
