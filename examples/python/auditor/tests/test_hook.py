"""What needs no host, natively, after `groundcrew build`: `python3 -m unittest discover tests`."""

import pathlib
import sys
import unittest
from unittest import mock

# Where `groundcrew build` puts the SDK and the bindings.
_root = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_root / part) for part in (".", ".groundcrew/sdk/python", ".groundcrew/bindings")]

import hook


class Looks(unittest.TestCase):
    def test_what_nobody_uses_is_found_page_by_page(self):
        rows = [{"id": "t4", "used": False, "cents": 200}, {"id": "t5", "used": True}]
        server = mock.patch.object(hook, "config", return_value={"server": "https://api.example"})
        with server, mock.patch.object(hook, "fetch", return_value={"items": rows, "next": "5"}) as fetch:
            page = hook.Audit().run("3")
        fetch.assert_called_once_with("GET", "https://api.example/things?after=3")
        found = [(finding.code, finding.about, finding.cost_cents) for finding in page.findings]
        self.assertEqual((found, page.next), ([("thing.idle", "thing/t4", 200)], "5"))


if __name__ == "__main__":
    unittest.main()
