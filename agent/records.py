"""Records: how processes of the agent talk over pipes.

A record is a fixed header and a payload of at most `MAX_PAYLOAD` bytes, so that header and payload together fit into
PIPE_BUF (4,096 bytes) and one `write` is atomic (pipe(7)): a full pipe drops whole records, never halves.

    kind u8 · flags u8 · length u16 · turn u32 · position i64 · mono_ns i64 · delay i32 · reserved u32 · payload

- AUDIO: payload is interleaved PCM as the device or engine has it. `position`: index of the first frame since the
  stream began; `mono_ns`: CLOCK_MONOTONIC at which that frame was in the air (0 = unknown); `delay`: device delay in
  frames.
- MESSAGE: payload is a JSON object with a key "type". Longer texts are split by the sender (`split_message`).
- END: the stream of this turn is complete.

This module imports nothing but the standard library, since the microphone child must stay small.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

HEADER = struct.Struct("<BBHIqqiI")
MAX_RECORD = 4096
MAX_PAYLOAD = MAX_RECORD - HEADER.size
MAX_MESSAGE = 1 << 20


class Kind(IntEnum):
    AUDIO = 1
    MESSAGE = 2
    END = 3
    HEARTBEAT = 4


MORE = 1  # flag: the payload goes on in the next record of this kind


@dataclass(frozen=True, slots=True)
class Record:
    kind: Kind
    payload: bytes = b""
    turn: int = 0
    position: int = 0
    mono_ns: int = 0
    delay: int = 0
    flags: int = 0

    def encode(self) -> bytes:
        """Header and payload as bytes. Raises ValueError where the payload is over MAX_PAYLOAD."""
        if len(self.payload) > MAX_PAYLOAD:
            raise ValueError(f"payload of {len(self.payload)} bytes, at most {MAX_PAYLOAD} fit a record")
        head = HEADER.pack(
            self.kind, self.flags, len(self.payload), self.turn, self.position, self.mono_ns, self.delay, 0
        )
        return head + self.payload

    def message(self) -> dict[str, Any]:
        """The JSON object of a MESSAGE. Raises ValueError where it is none."""
        value = json.loads(self.payload)
        if not isinstance(value, dict):
            raise ValueError("a message is a JSON object")
        return value


class BadRecord(ValueError):
    """The bytes on the pipe are no record: the other side is broken and has to be replaced."""


class Decoder:
    """Incremental: bytes in any slicing -> records. A message that was split comes out whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._parts_bytes = 0

    def feed(self, data: bytes) -> list[Record]:
        self._buffer += data
        return list(self._records())

    def flush(self) -> list[Record]:
        """At the end of the pipe. Raises BadRecord where it ends within a record."""
        if self._buffer or self._parts:
            raise BadRecord(f"the pipe ended {len(self._buffer)} bytes into a record")
        return []

    def _records(self) -> Iterator[Record]:
        while len(self._buffer) >= HEADER.size:
            kind, flags, length, turn, position, mono_ns, delay, _ = HEADER.unpack_from(self._buffer)
            if length > MAX_PAYLOAD or kind not in Kind._value2member_map_:
                raise BadRecord(f"kind {kind}, length {length}")
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[HEADER.size : end])
            del self._buffer[:end]
            if flags & MORE:
                self._keep(payload)
                continue
            if self._parts:
                payload = b"".join([*self._parts, payload])
                self._parts.clear()
                self._parts_bytes = 0
            yield Record(Kind(kind), payload, turn, position, mono_ns, delay)

    def _keep(self, part: bytes) -> None:
        self._parts.append(part)
        self._parts_bytes += len(part)
        if self._parts_bytes > MAX_MESSAGE:
            raise BadRecord(f"a message of over {MAX_MESSAGE} bytes")


def split_message(message: dict[str, Any], turn: int = 0) -> list[Record]:
    """A message as one or more records. Raises ValueError where it is over MAX_MESSAGE."""
    data = json.dumps(message, ensure_ascii=False).encode()
    if len(data) > MAX_MESSAGE:
        raise ValueError(f"a message of {len(data)} bytes, at most {MAX_MESSAGE} are allowed")
    slices = [data[i : i + MAX_PAYLOAD] for i in range(0, len(data), MAX_PAYLOAD)] or [b""]
    last = len(slices) - 1
    return [Record(Kind.MESSAGE, part, turn, flags=MORE if i < last else 0) for i, part in enumerate(slices)]


def split_audio(pcm: bytes, frame_bytes: int, turn: int = 0, position: int = 0) -> list[Record]:
    """PCM of any length as AUDIO records of whole frames."""
    step = MAX_PAYLOAD // frame_bytes * frame_bytes
    return [Record(Kind.AUDIO, pcm[i : i + step], turn, position + i // frame_bytes) for i in range(0, len(pcm), step)]
