"""What waits for a connection: messages in full, sound for three seconds at most, the oldest first to go.

So the seconds before a wake word are not lost to what follows them.

Whoever reads the stream sees by the numbers of the periods how much is missing.
"""

from __future__ import annotations

import threading
from collections import deque

from agent.remote.doings import Say, Stream

MAX_PERIODS = 300
MAX_TEXTS = 1000


class Outbox:
    """Of one connection. Any thread may put, one takes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards all below
        self._items: deque[Say | Stream] = deque()
        self._periods = 0
        self._closed = False
        self.lost = 0  # periods

    def put(self, item: Say | Stream) -> None:
        with self._changed:
            self._items.append(item)
            self._periods += _periods(item)
            while self._periods > MAX_PERIODS and (oldest := self._oldest()) is not item:
                self._items.remove(oldest)
                self._periods -= oldest.periods
                self.lost += oldest.periods
            if len(self._items) > MAX_TEXTS:
                self._closed = True  # nothing is taken by the other end: its connection is dead
            self._changed.notify()

    def take(self) -> Say | Stream | None:
        """Waits; None once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            if self._closed:
                return None
            item = self._items.popleft()
            self._periods -= _periods(item)
            return item

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _oldest(self) -> Stream:
        return next(item for item in self._items if isinstance(item, Stream))


def _periods(item: Say | Stream) -> int:
    return item.periods if isinstance(item, Stream) else 0
