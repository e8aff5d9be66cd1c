"""Tool calls as an OpenAI-compatible server streams them, put together from their pieces.

One piece is `{"index": 0, "id": "call_1", "function": {"name": "…", "arguments": "{\\"a"}}`. In the wild:
- the id and the name come with the first piece only, or with each; the index may be missing, and then a new id begins a
  new call and a piece without one continues the last;
- arguments may be an object instead of a text; an id may be missing, or the same twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from agent.thinking.policy import MAX_ARGUMENTS, ToolCall

MAX_CALLS = 8  # of one reply; what comes behind them is not there
MAX_ID, MAX_NAME = 64, 128


@dataclass(slots=True)
class _Part:
    key: object
    id: str = ""
    name: str = ""
    arguments: str = ""
    overlong: bool = False


class BadCall(ValueError):
    """A piece is none."""


class ToolCalls:
    """Incremental; holds at most MAX_CALLS calls with MAX_ARGUMENTS bytes each, whatever comes."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []

    def __bool__(self) -> bool:
        return bool(self._parts)

    def feed(self, pieces: object) -> bool:
        """The value of `tool_calls`; whether there was anything in it. Raises BadCall."""
        if not isinstance(pieces, list):
            raise BadCall("tool_calls is not a list")
        for piece in pieces:
            if not isinstance(piece, dict):
                raise BadCall("a tool call is not an object")
            self._piece(piece)
        return bool(pieces)

    def finished(self, earlier: Collection[str], new_id: Callable[[], str]) -> list[ToolCall]:
        """All of them, each with an id of its own; one that repeats an id, also of `earlier` ones, says so."""
        known = set(earlier)
        calls: list[ToolCall] = []
        for part in self._parts:
            repeated = part.id in known
            id = part.id if part.id and not repeated else new_id()
            known.add(id)
            calls.append(ToolCall(id, part.name, part.arguments, part.overlong, repeated))
        return calls

    def _piece(self, piece: dict[str, Any]) -> None:
        function = piece.get("function") or {}
        if not isinstance(function, dict):
            raise BadCall("a tool call without a function")
        part = self._part(piece.get("index"), _text(piece.get("id"))[:MAX_ID])
        if part is None:
            return
        part.name = part.name or _text(function.get("name"))[:MAX_NAME]
        given = function.get("arguments")
        text = json.dumps(given) if isinstance(given, dict) else _text(given)
        room = MAX_ARGUMENTS - len(part.arguments)
        part.overlong = part.overlong or len(text) > room
        part.arguments += text[: max(0, room)]

    def _part(self, index: object, id: str) -> _Part | None:
        """The call that a piece belongs to; None where there are too many."""
        if isinstance(index, int):
            key: object = index
        elif id:
            key = id
        else:
            return self._parts[-1] if self._parts else self._new(0, id)
        found = next((part for part in self._parts if part.key == key), None)
        if found is not None:
            found.id = found.id or id
            return found
        return self._new(key, id)

    def _new(self, key: object, id: str) -> _Part | None:
        if len(self._parts) >= MAX_CALLS:
            return None
        self._parts.append(_Part(key, id))
        return self._parts[-1]


def _text(value: object) -> str:
    """A text, without halves of surrogate pairs. Raises BadCall."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadCall("a text of a tool call is none")
    return value.encode("utf-8", "replace").decode()
