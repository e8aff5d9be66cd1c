"""The intake: where records of a microphone wait for their reader, and become blocks with true time stamps.

Two threads meet here. Whoever has the sound (a child's I/O thread, a guest's connection) puts records into a bounded
queue, whose oldest go first when the reader is too slow; the reader (`hearing`'s ear) takes and converts them, many
periods by one numpy call. Lost sound, wherever it was lost, shows as a jump of the position and as `gap`.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from typing import Literal

from agent.audio.convert import SECOND_NS, Converter, Stream
from agent.audio.pcm import RATE_HZ, Block
from agent.records import Record

QUEUE_S = 5.0

Taken = list[tuple[Stream, Record]]


class Intake:
    """`skips`: positions count the time between two streams, too; else nobody was meant to hear anything in it."""

    def __init__(self, channel: int | Literal["mix"] = "mix", gain_db: float = 0.0, skips: bool = True) -> None:
        self._channel: int | Literal["mix"] = channel
        self._gain_db = gain_db
        self._skips = skips
        self._arrived = threading.Condition()  # guards the next two
        self._queue: deque[tuple[Stream, Record]] = deque()
        self._queued_s = 0.0
        self._converter: tuple[Stream, Converter] | None = None  # these two are the reader's alone
        self._end: Block | None = None

    @property
    def empty(self) -> bool:
        with self._arrived:
            return not self._queue

    def put(self, stream: Stream, record: Record) -> int:
        """Returns how many periods had to go for it."""
        dropped = 0
        with self._arrived:
            self._queue.append((stream, record))
            self._queued_s += seconds(stream, record)
            while self._queued_s > QUEUE_S:
                old, oldest = self._queue.popleft()
                self._queued_s -= seconds(old, oldest)
                dropped += periods(len(oldest.payload) // old.frame_bytes, old)
            if len(self._queue) == 1:
                self._arrived.notify()
        return dropped

    def take(self, timeout_s: float) -> Taken:
        """What came since the last call; waits for something, at most `timeout_s`. One thread only."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._queue, timeout_s)
            taken = list(self._queue)
            self._queue.clear()
            self._queued_s = 0.0
        return taken

    def blocks(self, taken: Taken) -> list[Block]:
        """What was taken, in order. The samples may be read-only views. On the thread of `take`."""
        return [block for stream, record in _joined(taken) if (block := self._convert(stream, record))]

    def _convert(self, stream: Stream, record: Record) -> Block | None:
        if self._converter is None or self._converter[0] is not stream:
            origin, gap = self._origin(record, stream), self._end is not None
            self._converter = stream, Converter(stream, self._channel, self._gain_db, origin, gap)
        block = self._converter[1].feed(record)
        self._end = block or self._end
        return block

    def _origin(self, record: Record, stream: Stream) -> int:
        """Position of a new stream's frame 0, so that positions go on: as time does, or from where they were."""
        if self._end is None:
            return 0
        if not self._skips:
            return self._end.position + len(self._end.pcm) - record.position * RATE_HZ // stream.rate_hz
        first_at = record.mono_ns / SECOND_NS - record.position / stream.rate_hz
        end_at = self._end.at + len(self._end.pcm) / RATE_HZ
        return self._end.position + len(self._end.pcm) + max(0, round((first_at - end_at) * RATE_HZ))


def seconds(stream: Stream, record: Record) -> float:
    return len(record.payload) // stream.frame_bytes / stream.rate_hz


def periods(frames: int, stream: Stream) -> int:
    return -(-frames * 100 // stream.rate_hz)


def _joined(taken: Taken) -> Taken:
    """Neighbours that follow each other without a gap become one, to be converted by one call."""
    runs: list[tuple[Stream, list[Record]]] = []
    expected = -1
    for stream, record in taken:
        if not runs or runs[-1][0] is not stream or record.position != expected:
            runs.append((stream, []))
        runs[-1][1].append(record)
        expected = record.position + len(record.payload) // stream.frame_bytes
    return [(stream, _join(records)) for stream, records in runs]


def _join(records: list[Record]) -> Record:
    if len(records) == 1:
        return records[0]
    return dataclasses.replace(records[0], payload=b"".join(record.payload for record in records))
