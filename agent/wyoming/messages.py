"""Messages of the Wyoming protocol: bytes <-> messages.

    {"type": "audio-chunk", "data": {…}, "data_length": 17, "payload_length": 2048} newline · data · payload

The head is one line of JSON. `data_length` bytes of JSON behind it are merged into its `data`; `payload_length` bytes
(sound, as a rule) come last; each part but the line may be missing. The protocol calls a message an event. Ours have
data in any case: older versions of its package, and with them older Home Assistants, break at a "ping" without.

The decoder is our own, since the one of the package `wyoming` has no limit for a line, for data or for a payload, and
ends the connection without a word where something is not as it should be. It is the second opinion in the tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_HEAD = 64 << 10
MAX_DATA = 1 << 20  # what a server tells of its 200 voices takes 150 KiB
MAX_PAYLOAD = 1 << 20

NEWLINE = b"\n"


@dataclass(frozen=True, slots=True)
class Message:
    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""

    def encode(self) -> bytes:
        data = json.dumps(self.data, ensure_ascii=False).encode()
        head: dict[str, Any] = {"type": self.type, "data_length": len(data)}
        if self.payload:
            head["payload_length"] = len(self.payload)
        return json.dumps(head).encode() + NEWLINE + data + self.payload

    def text(self, key: str = "text") -> str:
        """A text of `data`, "" where there is none or something else."""
        value = self.data.get(key)
        return value if isinstance(value, str) else ""


class BadMessage(ValueError):
    """The bytes are no message, or one that is too large: nothing that follows can be understood."""


@dataclass(slots=True)
class _Head:
    type: str
    data: dict[str, Any]
    data_length: int
    payload_length: int

    @property
    def length(self) -> int:
        return self.data_length + self.payload_length


class Decoder:
    """Incremental: bytes in any slicing -> messages. Both raise BadMessage."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # of the buffer, for the end of the line
        self._head: _Head | None = None

    def feed(self, data: bytes) -> list[Message]:
        self._buffer += data
        return list(self._messages())

    def flush(self) -> list[Message]:
        """At the end of the stream."""
        if self._buffer or self._head:
            raise BadMessage("it ended within a message")
        return []

    def _messages(self) -> Iterator[Message]:
        while True:
            if self._head is None:
                line = self._line()
                if line is None:
                    return
                self._head = _head(line)
            if len(self._buffer) < self._head.length:
                return
            yield self._take(self._head)

    def _line(self) -> bytes | None:
        at = self._buffer.find(NEWLINE, self._searched)
        if (len(self._buffer) if at < 0 else at) > MAX_HEAD:
            raise BadMessage(f"a line of over {MAX_HEAD >> 10} KiB")
        if at < 0:
            self._searched = len(self._buffer)
            return None
        line = bytes(self._buffer[:at])
        del self._buffer[: at + 1]
        self._searched = 0
        return line

    def _take(self, head: _Head) -> Message:
        data = bytes(self._buffer[: head.data_length])
        payload = bytes(self._buffer[head.data_length : head.length])
        del self._buffer[: head.length]
        self._head = None
        more = _json_object(data) if data else {}
        return Message(head.type, {**head.data, **more}, payload)


def _head(line: bytes) -> _Head:
    head = _json_object(line)
    kind, data = head.get("type"), head.get("data")
    if not isinstance(kind, str) or not kind:
        raise BadMessage("a message without a type")
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise BadMessage("data that is no object")
    return _Head(kind, data, _length(head, "data_length", MAX_DATA), _length(head, "payload_length", MAX_PAYLOAD))


def _length(head: dict[str, Any], key: str, most: int) -> int:
    value = head.get(key)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadMessage(f"{key} is no length")
    if value > most:
        raise BadMessage(f"{key} of {value}, at most {most} are taken")
    return value


def _json_object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise BadMessage("no JSON") from error
    if not isinstance(value, dict):
        raise BadMessage("no JSON object")
    return value
