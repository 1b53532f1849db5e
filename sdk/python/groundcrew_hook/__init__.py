"""What a Groundcrew hook in Python needs beside the bindings, and no more.

`@hook` turns an uncaught exception into a failure with its text, so that the runner can show it and try again; the
traceback goes to the run's log. `Err(Failure(...))`, also one raised by the host's functions, passes unchanged.

Everything at module level runs when the component is *built*: `random()` there is the same number in every run.
Names that must stay come from `want.name`, `want.once` and `event.id`.
"""

import functools
import json
import re
import traceback
from typing import Any, Iterator, Optional, Sequence

from componentize_py_types import Err
from wit_world.imports import config as _config
from wit_world.imports import http, log
from wit_world.imports.types import Failure, Output, Thing, ThingState

from .answers import NoJson, NoPage, header, listed, parsed
from .bodies import dumps, read

__all__ = [
    "Err", "Failure", "Output", "Thing", "ThingState",
    "config", "dumps", "fetch", "hook", "lasting", "no_inventory", "pages", "read", "secret", "spec",
    "thing",
]  # fmt: skip

_RETRY = {401, 408, 409, 412, 423, 425, 429}


def hook(cls: type) -> type:
    """Wraps every public method of an exported class; one that lacks a method is refused when it is built."""
    lacking = sorted(getattr(cls, "__abstractmethods__", ()))
    if lacking:
        raise TypeError(f"class {cls.__name__} lacks {', '.join(lacking)}")
    for name, method in list(vars(cls).items()):
        if callable(method) and not name.startswith("_"):
            setattr(cls, name, _guarded(method))
    return cls


def _guarded(method):
    @functools.wraps(method)
    def call(*args):
        try:
            return method(*args)
        except Err:
            raise
        except Exception as error:
            log.log(log.Level.ERROR, traceback.format_exc())
            raise Err(Failure(message=repr(error), retry=True, after_ms=None)) from error

    return call


def lasting(message: str) -> Err:
    """A failure that only a person can mend: `raise lasting("no such zone")`."""
    return Err(Failure(message=message, retry=False, after_ms=None))


def no_inventory(why: str) -> Err:
    """What `scan` raises where the configuration names nothing to list by: the host takes it as one without an inventory."""
    return lasting(f"inventory.none: {why}")


def config() -> Any:
    """The stanza's `config`, templates filled in."""
    return json.loads(_config.get())


def secret(name: str) -> str:
    """A token that becomes the secret's value on the way out."""
    return _config.secret(name)


def fetch(method: str, url: str, body: Any = None, headers: Optional[dict] = None, missing: Any = Err) -> Any:
    """Sends one request and answers the JSON that comes back, or None for an empty body.

    A 404 answers `missing`, where that is given; every other status but 2xx is raised as a failure, and so is what is
    no JSON.
    """
    given = list((headers or {}).items())
    sent = b""
    if body is not None:
        sent = dumps(body).encode()
        given.append(("content-type", "application/json"))
    answer = http.send(http.Request(method=method, url=url, headers=given, body=sent, seal=[]))
    if answer.status == 404 and missing is not Err:
        return missing
    if not 200 <= answer.status < 300:
        text = answer.body.decode(errors="replace").strip()[:500]
        retry = answer.status in _RETRY or answer.status >= 500
        wait = header(answer.headers, "retry-after") or ""
        after_ms = int(wait) * 1000 if re.fullmatch("[0-9]{1,6}", wait) else None
        raise Err(Failure(message=f"status {answer.status}: {text}", retry=retry, after_ms=after_ms))
    try:
        return parsed(method, url, answer.status, answer.headers, answer.body)
    except NoJson as error:
        raise Err(Failure(message=str(error), retry=True, after_ms=None)) from None


def pages(url: str, cursor: str, rows: str, next: str, headers: Optional[dict] = None) -> Iterator[Any]:
    """Asks for a listing page by page, and gives the rows of all.

    `rows` and `next` are JSON pointers into each answer: `pages(url, "after", "/items", "/next")`. What `next` shows is
    the parameter `cursor` of the next request; the last page shows none, None or "". A page without its rows is raised
    as a failure: it is not a listing without any.
    """
    try:
        yield from listed(lambda asked: fetch("GET", asked, headers=headers), url, cursor, rows, next)
    except NoPage as error:
        raise Err(Failure(message=str(error), retry=True, after_ms=None)) from None


def spec(kind: str, key: str, body: Any, after: Sequence[str] = ()):
    """One thing that should exist; `after` holds `kind/key` of things that must be ready before."""
    # Only the worlds of provisioners have this module.
    from wit_world.exports.provision import Spec

    return Spec(kind=kind, key=key, body=dumps(body), after=list(after))


def thing(id: str, body: Any, mark: Optional[str] = None, made: Optional[str] = None, **outputs: str) -> Thing:
    """A thing that is ready; keyword arguments are its outputs."""
    return Thing(
        id=id,
        state=ThingState.READY,
        note=None,
        poll_ms=None,
        body=dumps(body),
        mark=mark,
        outputs=[Output(name=name, value=value) for name, value in outputs.items()],
        made=made,
    )
