"""What waits to be published: last values, and a short memory of what happened.

Rules:
- On a new connection what stands elsewhere (discovery) goes before what stands below our own root, so that it is known
  before it is filled.
- A retained topic has one value, the last one; it is kept for ever, since a broker may forget it, and is due again on
  every new connection. At most `MAX_TOPICS`. An empty one deletes what the broker keeps: it has to arrive, once.
- A momentary message is news: at most `MAX_MOMENTS` wait, none for longer than `TTL_S`, since an event of an hour ago
  would set off automations now. Partials (QoS 0) are replaced by the next one and get stale in `PARTIAL_TTL_S`.
- Messages leave in the order in which they came, so that each topic keeps its order; only in front of an `online` that
  waits, a newer value takes the place of the older one, since nothing that is kept may come after `online`.
- A message that was handed over but not acknowledged when the connection broke goes out once more, and then no more: it
  may be what broke the connection.
- What does not fit is dropped and counted. Any thread may put, one takes; nothing here does I/O or looks at a clock.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from agent.mqtt.topics import Message

MAX_TOPICS = 64
MAX_MOMENTS = 50
MAX_PAYLOAD = 60_000
TTL_S = 60.0
PARTIAL_TTL_S = 2.0
MAX_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the queue. `born`: monotonic seconds; `attempts`: how often it was handed over."""

    number: int
    message: Message
    born: float
    attempts: int = 0

    def stale(self, now: float) -> bool:
        if self.message.retain:
            return False
        return now - self.born > (TTL_S if self.message.qos else PARTIAL_TTL_S)


class Outbox:
    def __init__(self) -> None:
        self.dropped = 0
        self._lock = threading.Lock()  # guards everything here; held for microseconds
        self._last: dict[str, Message] = {}
        self._waiting: dict[int, Entry] = {}
        self._in_flight: dict[int, Entry] = {}
        self._next = 0
        self._online = -1  # the number of the last `online`

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def empty(self) -> bool:
        with self._lock:
            return not self._waiting and not self._in_flight

    def retained(self) -> list[Message]:
        """What the broker is to keep: the last value of each topic."""
        with self._lock:
            return list(self._last.values())

    def last(self, topic: str) -> Message | None:
        """What the broker keeps, or is to keep, on this topic."""
        with self._lock:
            return self._last.get(topic)

    def put(self, message: Message, now: float) -> bool:
        """False where there is no room for it."""
        with self._lock:
            return self._put(message, now)

    def take(self, now: float) -> Entry | None:
        """The next message to hand over; it is in flight until `done` or `lost`."""
        with self._lock:
            for number, entry in list(self._waiting.items()):
                del self._waiting[number]
                if entry.stale(now) or entry.attempts >= MAX_ATTEMPTS:
                    self.dropped += 1
                    continue
                taken = replace(entry, attempts=entry.attempts + 1)
                self._in_flight[number] = taken
                return taken
            return None

    def done(self, entry: Entry) -> None:
        """The broker has it, or refuses it for good."""
        with self._lock:
            self._in_flight.pop(entry.number, None)

    def lost(self) -> None:
        """The connection is gone. Retained values come again with the next one; momentary messages wait once more."""
        with self._lock:
            back = {number: entry for number, entry in self._in_flight.items() if not _kept(entry.message)}
            self._waiting = dict(sorted({**back, **self._waiting}.items()))
            self._in_flight.clear()

    def connected(self, online: Message, now: float) -> None:
        """A new connection: after what waits, every retained value, and `online` last of all."""
        with self._lock:
            for number in [number for number, entry in self._waiting.items() if _kept(entry.message)]:
                del self._waiting[number]
            self._last.pop(online.topic, None)
            root = online.topic.rpartition("/")[0] + "/"
            for message in sorted(self._last.values(), key=lambda message: message.topic.startswith(root)):
                self._append(message, now)
            self._online = self._next
            self._last[online.topic] = online  # there is always room for it
            self._put(online, now)

    def _put(self, message: Message, now: float) -> bool:
        full = message.topic not in self._last and len(self._last) >= MAX_TOPICS
        if len(message.payload) > MAX_PAYLOAD or (_kept(message) and full):
            self.dropped += 1
            return False
        if _kept(message):
            self._last[message.topic] = message
        elif message.retain:
            self._last.pop(message.topic, None)
        if message.retain or not message.qos:
            superseded = self._forget(message.topic, message.qos)
            if message.retain and superseded < self._online:
                self._insert(superseded, message, now)
                return True
        else:
            self._make_room(now)
        self._append(message, now)
        return True

    def _insert(self, number: int, message: Message, now: float) -> None:
        self._waiting = dict(sorted({**self._waiting, number: Entry(number, message, now)}.items()))

    def _append(self, message: Message, now: float) -> None:
        self._waiting[self._next] = Entry(self._next, message, now)
        self._next += 1

    def _forget(self, topic: str, qos: int) -> int:
        """Drop what waits for this topic and is superseded; its number, or that of the next message."""
        for number, entry in self._waiting.items():
            if entry.message.topic == topic and entry.message.qos == qos:
                del self._waiting[number]
                return number
        return self._next

    def _make_room(self, now: float) -> None:
        moments = [entry for entry in self._waiting.values() if not entry.message.retain]
        gone = [entry for entry in moments if entry.stale(now)]
        fresh = len(moments) - len(gone)
        if fresh >= MAX_MOMENTS:
            gone.append(next(entry for entry in moments if not entry.stale(now)))
        for entry in gone:
            del self._waiting[entry.number]
        self.dropped += len(gone)


def _kept(message: Message) -> bool:
    """Whether a broker keeps it."""
    return message.retain and bool(message.payload)
