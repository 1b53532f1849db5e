"""What an answer's body is. Needs no bindings, so it is tested with plain Python."""

import json
from typing import Any, Callable, Iterator, List, Optional, Tuple
from urllib.parse import quote

Headers = List[Tuple[str, str]]


class NoJson(ValueError):
    """A body that is no JSON; its text shows how it begins."""


class NoPage(ValueError):
    """JSON that is no page of a listing."""


def header(headers: Headers, wanted: str) -> Optional[str]:
    """The first header of a name, in any case."""
    return next((value for name, value in headers if name.lower() == wanted), None)


def parsed(method: str, url: str, status: int, headers: Headers, body: bytes) -> Any:
    """The JSON of a good answer; None of one without a body, and of a 204 or 205."""
    if not body or status in (204, 205):
        return None
    try:
        return json.loads(body)
    except ValueError:
        kind = header(headers, "content-type") or "no content-type"
        raise NoJson(f"{method} {url}: status {status}, {kind}: the answer is no JSON: {_begin(body)}") from None


def listed(ask: Callable[[str], Any], url: str, cursor: str, rows: str, next: str) -> Iterator[Any]:
    """The rows of every page, asked for one after the other."""
    before, joined = None, "&" if "?" in url else "?"
    asked = url
    while True:
        page = ask(asked)
        found = _at(page, rows)
        if not isinstance(found, list):
            raise NoPage(f"GET {asked}: a page without its list {rows}")
        yield from found
        shown = _at(page, next)
        if shown is None or shown == "":
            return
        if shown == before:
            raise NoPage(f"GET {asked}: page {shown} shows itself as the next at {next}")
        before, asked = shown, f"{url}{joined}{quote(cursor, safe='')}={quote(str(shown), safe='')}"


def _at(value: Any, pointer: str) -> Any:
    """What a JSON pointer shows of objects; None where there is nothing."""
    for name in pointer.split("/")[1:]:
        name = name.replace("~1", "/").replace("~0", "~")
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _begin(body: bytes) -> str:
    """The first 80 bytes; a dot for each that is no printable ASCII."""
    return "".join(chr(byte) if 31 < byte < 127 else "." for byte in body[:80])
