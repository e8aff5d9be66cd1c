"""The microphone child's pipes: what it tells its parent, what the parent asks of it, and sleeping between the two."""

from __future__ import annotations

import select
from typing import Never

from agent.audio.source import Source
from agent.parent import Parent
from agent.records import Record, split_message


class ParentGone(Exception):
    """Stdin has ended."""


class Line:
    """The pipes to and from the parent; `drain` is what the parent asked for last."""

    def __init__(self, parent: Parent, drain: int) -> None:
        self._parent = parent
        self._told_dropped = 0
        self.drain = drain
        self.credit = 0

    def tell(self, type: str, **fields: object) -> None:
        self._parent.offer(*split_message({"type": type, **fields}))

    def send(self, records: list[Record]) -> None:
        if self._parent.offer(*records) and self._parent.dropped > self._told_dropped:
            self._told_dropped = self._parent.dropped
            self.tell("dropped", records=self._told_dropped)

    def write(self, record: Record) -> None:
        self._parent.send(record)

    def wait(self, source: Source | None, timeout_s: float) -> bool:
        """Sleep until the source has a period or the parent speaks; True for the first. Raises ParentGone."""
        poll = select.poll()
        poll.register(self._parent.fileno(), select.POLLIN)
        for fd, events in source.descriptors() if source else []:
            poll.register(fd, events)
        woken = poll.poll(max(0.0, timeout_s) * 1000)
        if any(fd == self._parent.fileno() for fd, _ in woken):
            self._listen()
        own = [event for event in woken if event[0] != self._parent.fileno()]
        if source and own:
            source.woke(own)
        return bool(own)

    def rest(self) -> Never:
        """Nothing more to do but to wait for the parent's end."""
        while True:
            self.wait(None, 3600.0)

    def _listen(self) -> None:
        records = self._parent.receive()
        if records is None:
            raise ParentGone
        for record in records:
            message = record.message()
            match message["type"]:
                case "drain":
                    self.drain = message["periods"]
                case "credit":
                    self.credit = message["until"]
                case other:
                    raise ValueError(f"no such request: {other}")
