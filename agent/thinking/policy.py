"""What the language model may do with tools: decided here for every call, in code, never by the model. Pure.

Rules:
- Default deny: only a tool that was offered in this turn may be called, and offered is what the configuration allows.
- The classes are the configuration's: "safe" is done, "confirm" is asked aloud first, "never" is refused (and not even
  offered). What a server says about its own tools changes nothing.
- Arguments have to fit the tool's strict schema (`agent.thinking.schemas`) and MAX_ARGUMENTS.
- A number of calls a turn and an hour; refused ones count for the turn, so that a model cannot knock for ever, and
  those that are done count for the hour. The same call id twice in a turn is refused.
- Each decision is one audit line: which tool, what was decided, a hash of the arguments; never a value.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from agent.thinking.schemas import BadArguments, judged, read_arguments, validate
from agent.thinking.tools import Tool

HOUR_S = 3600.0
MAX_ARGUMENTS = 4096  # bytes
MAX_ASKED = 200  # characters of a question that somebody has to say yes to

Code = Literal["unknown_tool", "never", "bad_arguments", "turn_limit", "hour_limit", "repeated", "not_askable"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """As the language model wrote it; `id` is unique.

    `overlong`: its arguments were cut off when they became too many; `repeated`: it came with the id of another one.
    """

    id: str
    name: str
    arguments: str
    overlong: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Allowed:
    tool: Tool
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToConfirm:
    """`words`: what is to be done, as it is said to whoever has to agree."""

    tool: Tool
    arguments: Mapping[str, Any]
    words: str


@dataclass(frozen=True, slots=True)
class Denied:
    """`reason`: for the language model."""

    code: Code
    reason: str


Verdict = Allowed | ToConfirm | Denied


@dataclass(frozen=True, slots=True)
class Budget:
    """`done`: when calls were let through, monotonic seconds; `ids`: of this turn's calls, refused ones too."""

    per_turn: int = 8
    per_hour: int = 30
    done: tuple[float, ...] = ()
    ids: tuple[str, ...] = ()

    def new_turn(self) -> Budget:
        return replace(self, ids=())

    @property
    def spent(self) -> bool:
        """No further call can be let through in this turn."""
        return len(self.ids) >= self.per_turn

    def called(self, id: str) -> Budget:
        return replace(self, ids=(*self.ids, id))

    def let_through(self, now: float) -> Budget:
        return replace(self, done=(*self._lately(now), now))

    def exhausted(self, now: float) -> bool:
        return len(self._lately(now)) >= self.per_hour

    def _lately(self, now: float) -> tuple[float, ...]:
        return tuple(at for at in self.done if now - at < HOUR_S)


def judge(call: ToolCall, offered: Mapping[str, Tool], budget: Budget, now: float) -> Verdict:
    """`budget`: before this call."""
    if budget.spent:
        return Denied("turn_limit", f"no more than {budget.per_turn} calls for one question; answer now")
    if call.repeated:
        return Denied("repeated", "a call with this id was made already")
    tool = offered.get(call.name)
    if tool is None:
        return Denied("unknown_tool", "there is no such tool")
    if tool.risk == "never":
        return Denied("never", "this is not allowed")
    if budget.exhausted(now):
        return Denied("hour_limit", f"no more than {budget.per_hour} calls an hour; try again later")
    if call.overlong or len(call.arguments.encode()) > MAX_ARGUMENTS:
        return Denied("bad_arguments", f"the arguments have more than {MAX_ARGUMENTS} bytes")
    try:
        arguments = read_arguments(call.arguments)
        check(tool, arguments)
    except BadArguments as error:
        return Denied("bad_arguments", str(error))
    if tool.risk == "safe":
        return Allowed(tool, arguments)
    words = spoken(tool.name, arguments)
    if words is None:
        return Denied("not_askable", "the user has to agree to this, and it cannot be put into a short question")
    return ToConfirm(tool, arguments, words)


def check(tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Raises BadArguments."""
    if tool.model is not None:
        judged(tool.model, arguments)
    else:
        validate(tool.schema, arguments)


def digest(arguments: str) -> str:
    """Tells equal arguments from others, in the order and spacing of JSON's sorted form where they are JSON."""
    try:
        canonical = json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        canonical = arguments
    return hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()[:12]


def spoken(name: str, arguments: Mapping[str, Any]) -> str | None:
    """The whole call in words, such as "turn on: name front door"; None where that cannot be said, or not in short.

    Nothing is left out, and a value cannot look like more than a value: it has no punctuation.
    """
    words = " ".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)).lower().removeprefix("hass ")
    leaves = _leaves("", arguments)
    if not words or any(_UNSPEAKABLE.search(value) or not value.strip() for _, value in leaves):
        return None
    parts = [f"{_plain(key)} {_plain(value)}" for key, value in leaves]
    said = f"{words}: {', '.join(parts)}" if parts else words
    return said if len(said) <= MAX_ASKED else None


_UNSPEAKABLE = re.compile(r"[^\w\s.,:%'/+-]")


def _leaves(prefix: str, value: object) -> list[tuple[str, str]]:
    match value:
        case dict():
            return [leaf for key, each in value.items() for leaf in _leaves(f"{prefix} {key}", each)]
        case list():
            return [leaf for each in value for leaf in _leaves(prefix, each)]
        case str():
            return [(prefix, value)]
        case _:
            return [(prefix, json.dumps(value))]


def _plain(text: str) -> str:
    """Words and numbers only."""
    return " ".join(re.findall(r"-?\d+(?:[.,:]\d+)*%?|[^\W\d_]+", text))
