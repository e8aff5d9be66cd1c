"""Writing TOML: the configuration as it is, and as a commented example. (tomllib only reads.)

The result is the inverse of `tomllib.loads`; what is not set becomes a comment, since TOML has no null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined


def document(values: Mapping[str, object]) -> str:
    """Nested mappings as TOML; a value of None as a comment."""
    return "\n".join(_table(values, ())).strip() + "\n"


def _table(values: Mapping[str, object], path: tuple[str, ...]) -> Iterator[str]:
    inner = {key: value for key, value in values.items() if isinstance(value, Mapping) and value}
    if path and len(inner) < len(values):
        yield ""
        yield f"[{'.'.join(map(_key, path))}]"
    for key, value in values.items():
        if key not in inner:
            yield assignment(key, value)
    for key, value in inner.items():
        yield from _table(value, (*path, key))


def assignment(key: str, value: object) -> str:
    return f"# {_key(key)} =" if value is None else f"{_key(key)} = {literal(value)}"


def literal(value: object) -> str:
    """A TOML value on one line. Raises TypeError for what TOML cannot say."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(literal(each) for each in value)}]"
        case Mapping():
            pairs = (f"{_key(str(key))} = {literal(each)}" for key, each in value.items() if each is not None)
            return f"{{ {', '.join(pairs)} }}" if value else "{}"
        case _:
            raise TypeError(f"{type(value).__name__} is no TOML value")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """(key path, field) of all keys, depth first; sections themselves are left out."""
    for name, info in model.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from fields(inner, (*path, name))
        else:
            yield (*path, name), info


def named(info: FieldInfo) -> type[BaseModel] | None:
    """What stands in the tables [….NAME] of a field `dict[str, Model]`; None of any other field."""
    match get_args(info.annotation):
        case (_, inner) if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
        case _:
            return None


def listed(info: FieldInfo) -> type[BaseModel] | None:
    """What stands in the tables [[…]] of a field `tuple[Model, ...]` that is empty by default; None of any other."""
    match get_args(info.annotation):
        case (inner, _) if isinstance(inner, type) and issubclass(inner, BaseModel) and info.default == ():
            return inner
        case _:
            return None


def default(info: FieldInfo) -> object:
    """The default as plain values; None where there is none."""
    value = info.default
    if value is PydanticUndefined:
        return None
    if isinstance(value, tuple):
        return [each.model_dump(exclude_none=True) if isinstance(each, BaseModel) else each for each in value]
    return value
