"""One thing per app at a plain JSON REST API: `{config.server}/things`, things with names and marks."""

import json
from dataclasses import dataclass
from typing import Optional
from urllib.parse import quote

from groundcrew_hook import config, fetch, hook, pages, read, spec, thing
from wit_world import exports
from wit_world.exports import inventory


@dataclass
class Body:
    value: Optional[str]  # how a thing should be: what hook.toml's schema of the kind says


def url(rest=""):
    return config()["server"] + "/things" + rest


def shown(row):
    return thing(row["id"], read(Body, row), mark=row.get("mark"))


# Every call is a fresh instance and may be repeated at any time; an exception is tried again later.
@hook
class Provision(exports.Provision):
    def desired(self, view):
        """What should exist for one app. Pure: no HTTP here. An empty list means that nothing should."""
        app = view.owner.path.split("/")[2]
        return [spec("thing", app, Body(value=json.loads(view.owner.labels).get("plan")))]

    def find(self, want):
        """Everything that could be it, page by page, whoever's it is: the host judges. Never filter by mark here."""
        rows = pages(url("?name=" + quote(want.key, safe="")), "after", "/items", "/next")
        return [shown(row) for row in rows if want.id in (None, row["id"])]  # with an id: that or none

    def create(self, want):
        """The mark goes into the same request as the thing. If this fails, the host calls `find` and decides."""
        body = read(Body, want.body)
        return shown(fetch("POST", url(), {"name": want.key, "mark": want.mark, "value": body.value}))

    def update(self, want, now):
        body = read(Body, want.body)
        return shown(fetch("PUT", url("/" + quote(now.id, safe="")), {"mark": want.mark, "value": body.value}))

    def remove(self, want, now):
        """None says that it is gone, also when it was gone before."""
        fetch("DELETE", url("/" + quote(now.id, safe="")), missing=None)


# Optional: with it, orphans are found, and a lost ledger can be recovered.
@hook
class Inventory(exports.Inventory):
    def scan(self, owner, cursor):
        page = fetch("GET", url("?after=" + quote(cursor, safe="") if cursor else ""))
        things = [inventory.Listed(kind="thing", key=row["name"], thing=shown(row)) for row in page["items"]]
        return inventory.Page(things=things, next=page.get("next"))
