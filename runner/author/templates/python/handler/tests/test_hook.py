"""What needs no host, natively, after `groundcrew build`: `python3 -m unittest discover tests`."""

import pathlib
import sys
import unittest
from unittest import mock

# Where `groundcrew build` puts the SDK and the bindings.
_root = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_root / part) for part in (".", ".groundcrew/sdk/python", ".groundcrew/bindings")]

import hook
from wit_world.exports.handler import Event
from wit_world.imports.types import Subject


class Tells(unittest.TestCase):
    def test_an_event_is_posted_under_its_id(self):
        subject = Subject(path="fly/acme/cust-7", id="app:1", state="deployed", labels="{}")
        for about, of in [("fly/acme/cust-7", subject), (None, None)]:
            event = Event(id="e1", kind="app.created", time="2026-11-22T08:00:00Z", subject=of, data="null")
            server = mock.patch.object(hook, "config", return_value={"server": "https://api.example"})
            with server, mock.patch.object(hook, "fetch") as fetch:
                hook.Handler().handle(event)
            body = {"id": "e1", "kind": "app.created", "time": "2026-11-22T08:00:00Z", "about": about}
            fetch.assert_called_once_with(
                "POST", "https://api.example/events", body, headers={"idempotency-key": "e1"}
            )


if __name__ == "__main__":
    unittest.main()
