"""What needs no host, natively, after `groundcrew build`: `python3 -m unittest discover tests`."""

import pathlib
import sys
import unittest

# Where `groundcrew build` puts the SDK and the bindings.
_root = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_root / part) for part in (".", ".groundcrew/sdk/python", ".groundcrew/bindings")]

import hook
from wit_world.exports.provision import Spec, View
from wit_world.imports.types import Subject


def view(labels):
    owner = Subject(path="fly/acme/cust-7", id="app:1", state="deployed", labels=labels)
    return View(owner=owner, app=None, members=[], inputs=[])


class Desired(unittest.TestCase):
    def test_one_thing_per_app_with_its_plan(self):
        for labels, body in [('{"plan": "pro"}', '{"value": "pro"}'), ("{}", '{"value": null}')]:
            wanted = hook.Provision().desired(view(labels))
            self.assertEqual(wanted, [Spec(kind="thing", key="cust-7", body=body, after=[])])


if __name__ == "__main__":
    unittest.main()
