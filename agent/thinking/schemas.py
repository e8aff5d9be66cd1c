"""The JSON schema of a tool's arguments: made strict once, then what a call is held against.

A schema comes from a server that may be sick or hostile, and the arguments from a language model:
- What is not named is not allowed: every object is closed (`additionalProperties`, or `unevaluatedProperties` where it
  is put together from several schemas), also one that says it is open.
- References are resolved within the schema only, and written out, so that nothing is ever fetched and nothing can run
  away; a schema that refers to itself, or is too big then, is refused.
- `pattern` is left to the server: a regular expression can take for ever. What only describes (titles, examples, ids)
  is left out, since a small model has little room.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

MAX_NODES = 600
MAX_DEPTH = 10
MAX_BYTES = 8192  # of a strict schema
MAX_VALUE_DEPTH = 8

KEPT = frozenset(
    [
        "type",
        "enum",
        "const",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "required",
        "default",
    ]
)
MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
ONE = ("items", "additionalProperties", "not", "contains")
IN_PLACE = frozenset({"allOf", "anyOf", "oneOf"})
MAX_DESCRIPTION = 300

Schema = dict[str, Any]


class BadSchema(ValueError):
    """str() says why a tool with such a schema cannot be offered."""


class BadArguments(ValueError):
    """str() says what is wrong with a call's arguments, for the language model; values are not repeated."""


def strict(schema: object) -> Schema:
    """A closed copy of the schema of an object, without references. Raises BadSchema."""
    made: Any = _Maker(schema).whole(schema, 0, ())
    if not isinstance(made, dict) or made.get("type", "object") != "object":
        raise BadSchema("its schema is not that of an object")
    made["type"] = "object"
    made.setdefault("properties", {})
    _close(made)
    if len(json.dumps(made)) > MAX_BYTES:
        raise BadSchema(f"its schema has over {MAX_BYTES} bytes")
    _check(made)
    return dict(made)


def validate(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Raises BadArguments."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(dict(schema)).iter_errors(dict(arguments)))
    if error is None:
        return
    where = ".".join(str(part) for part in error.absolute_path)[:100]
    match error.validator:
        case "required" | "additionalProperties" | "unevaluatedProperties" | "enum" | "type":
            wanted = json.dumps(error.validator_value)[:200]
            detail = _named(schema, error.absolute_path) if "Properties" in str(error.validator) else wanted
        case _:
            detail = json.dumps(error.validator_value)[:200]
    place = f" at {where}" if where else ""
    raise BadArguments(f"not allowed{place}: {error.validator} {detail}")


def judged(model: type[BaseModel], arguments: Mapping[str, Any]) -> None:
    """As `validate`, of a tool of our own. Raises BadArguments."""
    try:
        model.model_validate(dict(arguments))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:100]
        fields = (field.alias or name for name, field in model.model_fields.items())
        names = f" (there are: {', '.join(fields)})" if first["type"] == "extra_forbidden" else ""
        raise BadArguments(f"not allowed at {where}: {first['type']}{names}") from None


def read_arguments(text: str) -> dict[str, Any]:
    """The JSON object that a language model wrote; "" is an empty one. Raises BadArguments."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadArguments("the arguments are not valid JSON") from error
    if not isinstance(value, dict):
        raise BadArguments("the arguments are not a JSON object")
    if _deep(value, MAX_VALUE_DEPTH):
        raise BadArguments("the arguments are nested too deeply")
    return value


class _Maker:
    """Copies a schema; `_nodes` counts over all of it, whatever it is put together from."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._nodes = 0

    def whole(self, node: object, depth: int, seen: tuple[str, ...]) -> Any:
        """The schema of one whole value, closed."""
        made = self._copy(node, depth, seen)
        if isinstance(made, dict):
            _close(made)
        return made

    def _copy(self, node: object, depth: int, seen: tuple[str, ...]) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise BadSchema("its schema is too big, or refers to itself")
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict):
            raise BadSchema("its schema is none")
        made = {key: value for key, value in node.items() if key in KEPT}
        if isinstance(description := node.get("description"), str):
            made["description"] = " ".join(description.split())[:MAX_DESCRIPTION]
        made |= {key: self._inner(key, node[key], depth, seen) for key in (*MANY, *ONE, "properties") if key in node}
        if isinstance(made.get("additionalProperties"), bool):
            del made["additionalProperties"]
        if "$ref" in node:
            made.setdefault("allOf", []).append(self._referred(node["$ref"], depth, seen))
        return _simple(made)

    def _inner(self, key: str, node: object, depth: int, seen: tuple[str, ...]) -> Any:
        if key == "properties":
            return self._properties(node, depth, seen)
        if key in ONE:
            return self.whole(node, depth + 1, seen)
        return self._several(node, depth, seen, whole=key not in IN_PLACE)

    def _properties(self, properties: object, depth: int, seen: tuple[str, ...]) -> Schema:
        if not isinstance(properties, dict):
            raise BadSchema("its properties are none")
        return {str(name)[:100]: self.whole(each, depth + 1, seen) for name, each in properties.items()}

    def _several(self, nodes: object, depth: int, seen: tuple[str, ...], whole: bool) -> list[Any]:
        if not isinstance(nodes, list) or not nodes:
            raise BadSchema("its schema has an empty choice")
        copy = self.whole if whole else self._copy
        return [copy(node, depth + 1, seen) for node in nodes]

    def _referred(self, reference: object, depth: int, seen: tuple[str, ...]) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#/") or reference in seen:
            raise BadSchema("its schema refers to itself, or to somewhere else")
        node = self._root
        for part in reference[2:].split("/"):
            if not isinstance(node, dict) or part not in node:
                raise BadSchema("its schema refers to what is not there")
            node = node[part]
        return self._copy(node, depth + 1, (*seen, reference))


def _simple(made: Schema) -> Schema:
    """A lone reference is what it refers to."""
    match made:
        case {"allOf": [dict(only)]} if not (made.keys() & only.keys() - {"description"}):
            rest = {key: value for key, value in made.items() if key != "allOf"}
            return {**only, **rest}
        case _:
            return made


def _close(made: Schema) -> None:
    """Let an object have nothing that is not named. A value of another type does not mind."""
    kinds = made.get("type")
    is_object = kinds == "object" or (isinstance(kinds, list) and "object" in kinds) or "properties" in made
    composed = made.keys() & IN_PLACE
    if "additionalProperties" in made or not (is_object or composed or kinds is None):
        return
    made["unevaluatedProperties" if composed else "additionalProperties"] = False


def _check(made: Schema) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(made)
    except (SchemaError, RecursionError) as error:
        raise BadSchema("its schema is none") from error


def _named(schema: Mapping[str, Any], path: Any) -> str:
    """What may be there instead, for the language model."""
    node: Any = schema
    for part in path:
        node = node.get("properties", {}).get(part, {}) if isinstance(node, dict) else {}
    names = node.get("properties", {}) if isinstance(node, dict) else {}
    return f"(there are: {', '.join(map(str, names))})"[:200] if names else ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name comes twice")
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _deep(value: object, limit: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return limit == 0 or any(_deep(each, limit - 1) for each in inner)
