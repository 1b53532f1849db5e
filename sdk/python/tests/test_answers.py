"""`python3 -m unittest discover sdk/python/tests`"""

import importlib.util
import pathlib
import unittest

# Read by its path: the package itself needs the bindings of a component.
_path = pathlib.Path(__file__).parent.parent / "groundcrew_hook" / "answers.py"
_spec = importlib.util.spec_from_file_location("answers", _path)
answers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(answers)

URL = "https://api.example/things"


def parsed(status, body, *headers):
    return answers.parsed("GET", URL, status, list(headers), body)


class Answers(unittest.TestCase):
    def test_json_is_read_and_an_empty_body_is_none(self):
        self.assertEqual(parsed(200, b'{"items": []}'), {"items": []})
        self.assertIsNone(parsed(200, b"", ("content-length", "0")))
        self.assertIsNone(parsed(204, b"<html>"))
        self.assertIsNone(parsed(205, b"\n"))

    def test_what_is_no_json_is_told_with_its_request_and_its_beginning(self):
        html = "<html>\n".encode() + "ü".encode() * 50
        with self.assertRaises(answers.NoJson) as raised:
            parsed(200, html, ("Content-Type", "text/html"))
        shown = "<html>." + "." * 73
        self.assertEqual(str(raised.exception), f"GET {URL}: status 200, text/html: the answer is no JSON: {shown}")

    def test_what_stands_behind_json_and_no_text_at_all_are_no_json(self):
        for body, shown in ((b"{} x", "{} x"), (b"\xff{", ".{")):
            with self.assertRaises(answers.NoJson) as raised:
                parsed(201, body)
            said = f"GET {URL}: status 201, no content-type: the answer is no JSON: {shown}"
            self.assertEqual(str(raised.exception), said)

    def test_every_page_is_read(self):
        for end in (None, ""):
            asked = []

            def ask(url):
                asked.append(url)
                at = len(asked) - 1
                return {"data": {"rows": [at * 2, at * 2 + 1]}, "next": [1, "a b", end][at]}

            self.assertEqual(list(answers.listed(ask, URL + "?a=b", "from", "/data/rows", "/next")), [0, 1, 2, 3, 4, 5])
            self.assertEqual(asked, [URL + "?a=b" + rest for rest in ("", "&from=1", "&from=a%20b")])
        alone = answers.listed(lambda url: {"a/b": []}, URL, "from", "/a~1b", "/next")
        self.assertEqual(list(alone), [])

    def test_what_is_no_page_is_told(self):
        circle = f"GET {URL}?from=7: page 7 shows itself as the next at /next"
        for page, said in (
            ({"rows": None}, f"GET {URL}: a page without its list /rows"),
            (None, f"GET {URL}: a page without its list /rows"),
            ([1], f"GET {URL}: a page without its list /rows"),
            ({"rows": [], "next": 7}, circle),
        ):
            with self.assertRaises(answers.NoPage) as raised:
                list(answers.listed(lambda url: page, URL, "from", "/rows", "/next"))
            self.assertEqual(str(raised.exception), said)


if __name__ == "__main__":
    unittest.main()
