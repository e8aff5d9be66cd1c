"""What others ask of the agent over MQTT: the tail of a topic and some bytes -> a request, or why not.

Rules:
- Pure and strict. Whatever the bytes are, `parse` returns; it raises nothing.
- A payload is at most 4 KiB of UTF-8 and one JSON object (nothing at all stands for `{}`), nested at most eight deep,
  without NaN, infinities and repeated keys; a key nobody knows is an error, not a wish.
- Messages of errors are for people and repeat nothing of the payload, so that they can be published and logged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from pydantic import ValidationError

from agent.mqtt.payloads import MAX_ID, SCHEMAS, UNLIKE, Payload
from agent.requests import Request, SettingRequest
from agent.settings import Unfit, find, fitting

MAX_BYTES = 4096
MAX_DEPTH = 8
SETTING = "setting/"

ErrorCode = Literal[
    "too_large",
    "bad_utf8",
    "bad_json",
    "too_deep",
    "bad_payload",
    "unknown_command",
    "unknown_setting",
]


@dataclass(frozen=True, slots=True)
class Accepted:
    """`id` is the sender's, to be echoed in the result."""

    request: Request
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """`id` is the sender's as far as one could be read."""

    code: ErrorCode
    message: str
    id: str | None = None


class _Setting(Payload):
    """What the value may be is a matter of the setting: `_setting` asks `agent.settings`."""

    value: Any

    def request(self) -> Request:
        raise NotImplementedError


class _Bad(Exception):
    """Why the bytes are no JSON object of ours."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message


def parse(name: str, payload: bytes) -> Accepted | Rejected:
    """A command `name` (the topic below `cmd/`) with its payload."""
    try:
        value = _object(payload)
    except _Bad as bad:
        return Rejected(bad.code, bad.message)
    sender = _id(value)
    if name.startswith(SETTING):
        return _setting(name.removeprefix(SETTING), value, sender)
    schema = SCHEMAS.get(name)
    if schema is None:
        return Rejected("unknown_command", f"commands are {', '.join(SCHEMAS)}, {SETTING}NAME", sender)
    try:
        command = schema.model_validate(value)
    except ValidationError as error:
        return Rejected("bad_payload", _explain(error), sender)
    return Accepted(command.request(), sender)


def _setting(name: str, body: dict[str, Any], sender: str | None) -> Accepted | Rejected:
    """`null` takes back what somebody has set."""
    try:
        setting = find(name)
    except Unfit as unknown:
        return Rejected("unknown_setting", str(unknown), sender)
    try:
        value = _Setting.model_validate(body).value
        return Accepted(SettingRequest(name, None if value is None else fitting(setting, value)), sender)
    except ValidationError as error:
        return Rejected("bad_payload", _explain(error), sender)
    except Unfit as unfit:
        return Rejected("bad_payload", f"value: {unfit}", sender)


def _object(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_BYTES:
        raise _Bad("too_large", f"at most {MAX_BYTES} bytes")
    try:
        text = bytes(payload).decode()
    except UnicodeDecodeError:
        raise _Bad("bad_utf8", "the payload is not UTF-8") from None
    if not text:
        return {}
    if _depth(text) > MAX_DEPTH:
        raise _Bad("too_deep", f"nested deeper than {MAX_DEPTH}")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except ValueError:  # JSONDecodeError, or a number of more digits than Python reads
        raise _Bad("bad_json", "the payload is not JSON") from None
    if not isinstance(value, dict):
        raise _Bad("bad_payload", "the payload is not a JSON object")
    return value


def _depth(text: str) -> int:
    """How deep brackets nest outside of strings, before the recursive parser sees them."""
    depth = deepest = 0
    quoted = escaped = False
    for letter in text:
        if quoted:
            quoted = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            quoted = True
        elif letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Bad("bad_json", "a key stands twice")
    return value


def _no_constant(_: str) -> NoReturn:
    raise _Bad("bad_json", "NaN and infinities are not JSON")


def _id(value: Mapping[str, Any]) -> str | None:
    sender = value.get("id")
    if not isinstance(sender, str) or len(sender) > MAX_ID:
        return None
    # JSON can spell half a surrogate pair ("\ud800"), which no encoder takes back.
    return None if any("\ud800" <= letter <= "\udfff" for letter in sender) else sender


def _explain(error: ValidationError) -> str:
    """The first fault by key, without the value and without the name of a key that the sender made up."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "extra_forbidden":
        return "the payload has a key that this command does not take"
    where = ".".join(str(step) for step in first["loc"]) or "payload"
    unlike = UNLIKE.get(where) if first["type"] == "string_pattern_mismatch" else None
    return f"{where}: {unlike or first['msg']}"
