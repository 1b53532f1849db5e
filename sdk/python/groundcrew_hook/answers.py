"""What an answer's body is. Needs no bindings, so it is tested with plain Python."""

import json
from typing import Any, List, Optional, Tuple

Headers = List[Tuple[str, str]]


class NoJson(ValueError):
    """A body that is no JSON; its text shows how it begins."""


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


def _begin(body: bytes) -> str:
    """The first 80 bytes; a dot for each that is no printable ASCII."""
    return "".join(chr(byte) if 31 < byte < 127 else "." for byte in body[:80])
