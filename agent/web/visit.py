"""A visit: one guest, from the first `hello` until it has been gone for good. Connections come and go in it.

What is to be sent waits here while nobody is connected, as far as `MAX_WAITING` goes; more than that nobody would want
to hear late.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable

from agent.web.loudspeaker import Loudspeaker
from agent.web.microphone import Microphone
from agent.web.protocol import Hello

MAX_WAITING = 1 << 20  # bytes: some 20 s of speech


class Visit:
    """`number`: for people and logs. `send` may be called by any thread; the rest belongs to the server's loop."""

    def __init__(self, number: int, hello: Hello, loop: asyncio.AbstractEventLoop) -> None:
        self.number = number
        self.key = secrets.token_urlsafe(24)
        self.hello = hello
        self.microphone = Microphone()
        self.loudspeaker: Loudspeaker | None = None  # the host's to set
        self.seat: int | None = None  # so is this: where its conversation sits
        self.recap: Callable[[], None] | None = None  # and this: tells again what a broken connection may have lost
        self.gone = False  # for good
        self._loop = loop
        self._waiting: deque[str | bytes] = deque()
        self._bytes = 0
        self._write: Callable[[str | bytes], None] | None = None
        self.lost = 0  # bytes that nobody took in time
        self.received = 0  # bytes, or letters of text

    def send(self, item: str | bytes) -> None:
        """In order; never blocks."""
        try:
            self._loop.call_soon_threadsafe(self._put, item)
        except RuntimeError:
            self.lost += len(item)  # the server has ended

    def connect(self, write: Callable[[str | bytes], None], hello: Hello) -> None:
        """Somebody takes what is sent, and first what has waited."""
        self.hello = hello
        self.microphone.afresh()
        self._write = write
        while self._waiting:
            write(self._waiting.popleft())
        self._bytes = 0

    def disconnect(self, write: Callable[[str | bytes], None]) -> bool:
        """False where another connection has taken over already."""
        if self._write != write:  # bound methods are equal, and never the same
            return False
        self._write = None
        return True

    @property
    def connected(self) -> bool:
        return self._write is not None

    def _put(self, item: str | bytes) -> None:
        if self._write is not None:
            self._write(item)
            return
        self._waiting.append(item)
        self._bytes += len(item)
        while self._bytes > MAX_WAITING:
            oldest = len(self._waiting.popleft())
            self._bytes -= oldest
            self.lost += oldest
