"""`python3 -m unittest discover sdk/python/tests`"""

import importlib.util
import pathlib
import unittest
from dataclasses import dataclass, field
from typing import List, Optional

# Read by its path: the package itself needs the bindings of a component.
_path = pathlib.Path(__file__).parent.parent / "groundcrew_hook" / "bodies.py"
_spec = importlib.util.spec_from_file_location("bodies", _path)
bodies = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bodies)


@dataclass
class Record:
    name: str
    ttl: int = 300


@dataclass
class Zone:
    id: str
    records: List[Record] = field(default_factory=list)
    soa: Optional[Record] = None


class Bodies(unittest.TestCase):
    def test_what_is_written_reads_back(self):
        zone = Zone("z-ü", [Record("a"), Record("b", 60)], Record("soa"))
        self.assertEqual(bodies.read(Zone, bodies.dumps(zone)), zone)
        self.assertIn("z-ü", bodies.dumps({"zone": zone}))

    def test_unknown_fields_are_left_out_and_absent_ones_have_their_defaults(self):
        self.assertEqual(bodies.read(Record, {"name": "a", "etag": "x"}), Record("a", 300))
        self.assertEqual(bodies.read(Zone, '{"id": "z", "soa": null}'), Zone("z"))

    def test_what_lacks_a_field_or_is_no_object_says_so(self):
        with self.assertRaisesRegex(ValueError, "Record needs name"):
            bodies.read(Zone, {"id": "z", "records": [{}]})
        with self.assertRaisesRegex(ValueError, "from an object"):
            bodies.read(Record, "[]")

    def test_what_has_no_json_says_so(self):
        with self.assertRaisesRegex(TypeError, "object has no JSON"):
            bodies.dumps({"a": object()})


if __name__ == "__main__":
    unittest.main()
