"""Dataclasses over JSON bodies. Needs no bindings, so it is tested with plain Python."""

import dataclasses
import json
import typing
from typing import Any, Type, TypeVar, Union

T = TypeVar("T")


def dumps(body: Any) -> str:
    """The JSON of anything that `json` knows, and of dataclasses wherever they are."""
    return json.dumps(body, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON; give a dict, a list, a string or a dataclass")


def read(cls: Type[T], body: Union[str, bytes, dict]) -> T:
    """Reads a JSON object into a dataclass.

    Fields that the dataclass does not name are left out; one that it needs and the body lacks is a `ValueError` that
    names it. Fields whose type is a dataclass, a list of one, or one or None, are read the same way.
    """
    given = json.loads(body) if isinstance(body, (str, bytes)) else body
    if not isinstance(given, dict):
        raise ValueError(f"{cls.__name__} is read from an object, not from {json.dumps(given)[:80]}")
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    needed = [
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    lacking = [name for name in needed if name not in given]
    if lacking:
        raise ValueError(f"{cls.__name__} needs {', '.join(lacking)}")
    return cls(**{field.name: _value(hints[field.name], given[field.name]) for field in fields if field.name in given})


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if dataclasses.is_dataclass(hint):
        return read(hint, value)  # type: ignore[type-var]
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is list and arguments:
        return [_value(arguments[0], item) for item in value]
    inner = next((argument for argument in arguments if dataclasses.is_dataclass(argument)), None)
    return _value(inner, value) if inner is not None and isinstance(value, dict) else value
