"""Reports things that nobody uses at a plain JSON REST API: `{config.server}/things?after=CURSOR`."""

from dataclasses import dataclass
from typing import Optional
from urllib.parse import quote

from groundcrew_hook import config, dumps, fetch, hook, read
from wit_world import exports
from wit_world.exports.audit import Page
from wit_world.imports.types import Finding, Severity


@dataclass
class Thing:
    """A thing as the API shows it."""

    id: str
    used: bool
    cents: Optional[int] = None


def finding(row):
    """A finding is known from day to day by `code` and `about`; one that a run no longer reports resolves itself."""
    return Finding(
        code="thing.idle",
        subject=None,
        about="thing/" + row.id,
        severity=Severity.WARNING,
        message="nobody uses it",
        cost_cents=row.cents,
        remedy="delete it, if nobody misses it",
        data=dumps({"id": row.id}),
    )


# An exception that nobody catches becomes a failure with its text: the page is asked for again later.
@hook
class Audit(exports.Audit):
    def run(self, cursor):
        """One page; `cursor` is None at the start. Reads only."""
        after = "?after=" + quote(cursor, safe="") if cursor else ""
        page = fetch("GET", config()["server"] + "/things" + after)
        rows = [read(Thing, row) for row in page["items"]]
        return Page(findings=[finding(row) for row in rows if not row.used], next=page.get("next"))
