"""The connections to the satellite, and which of them is Home Assistant's.

Home Assistant connects to us. Whoever says "run-satellite" is Home Assistant from then on; an older one, which may have
gone without a word, is hung up on. "describe" and "ping" are answered to anybody that is let in.
"""

from __future__ import annotations

import logging
import selectors
from collections.abc import Callable

from agent.satellite.door import Door
from agent.satellite.line import Line
from agent.wyoming.connection import Lost
from agent.wyoming.messages import Message

LINES = 4

log = logging.getLogger(__name__)


class Lines:
    """For one thread. `said`: Home Assistant said this; `gone`: its connection has ended."""

    def __init__(
        self,
        door: Door,
        selector: selectors.BaseSelector,
        description: Message,
        said: Callable[[Message], None],
        gone: Callable[[], None],
    ) -> None:
        self._door = door
        self._selector = selector
        self._description = description
        self._on_said = said
        self._on_gone = gone
        self._lines: list[Line] = []
        self._home: Line | None = None

    def open(self, now: float) -> None:
        """Listen, if that is not so and it is time to try again."""
        if not self._door.port and now >= self._door.retry_at and (listening := self._door.open(now)):
            self._selector.register(listening, selectors.EVENT_READ, self._door)

    def close(self) -> None:
        self._door.close()
        for line in self._lines:
            line.close()

    def ready(self, key: selectors.SelectorKey) -> None:
        """Somebody knocks, or one of them has something to say or takes something in."""
        if key.data is self._door:
            self._admit()
        elif isinstance(key.data, Line):
            self._attend(key.data)

    def send(self, message: Message) -> None:
        """To Home Assistant, if it is there."""
        line = self._home
        if line is None:
            return
        try:
            line.send(message)
        except Lost as error:
            self._lost(line, str(error))
        else:
            self._want(line)

    def hang_up(self, reason: str) -> None:
        """On Home Assistant, without news of it: whoever calls knows."""
        line, self._home = self._home, None
        if line is not None:
            log.info("satellite: Home Assistant is gone: %s", reason)
            self._lost(line, reason)

    def _admit(self) -> None:
        guest = self._door.admit()
        if guest is None:
            return
        if len(self._lines) >= LINES:
            log.warning("satellite: there are %d connections already", LINES)
            guest.close()
            return
        line = Line(guest)
        self._lines.append(line)
        self._selector.register(guest, selectors.EVENT_READ, line)

    def _attend(self, line: Line) -> None:
        """Read what came, and send what waits."""
        try:
            line.send()
            for message in line.read():
                self._said(line, message)
        except Lost as error:
            self._lost(line, str(error))
        else:
            self._want(line)

    def _said(self, line: Line, message: Message) -> None:
        if line not in self._lines:
            return
        if message.type == "describe":
            line.send(self._description)
        elif message.type == "run-satellite" and line is not self._home:
            if self._home is not None:
                self._lost(self._home, "another Home Assistant has connected")
            self._home = line
            self._on_said(message)
        elif line is self._home:
            self._on_said(message)
        elif message.type == "ping":
            line.send(Message("pong", message.data))

    def _lost(self, line: Line, reason: str) -> None:
        if line not in self._lines:
            return
        self._lines.remove(line)
        self._selector.unregister(line.socket)
        line.close()
        if line is self._home:
            self._home = None
            log.info("satellite: Home Assistant is gone: %s", reason)
            self._on_gone()

    def _want(self, line: Line) -> None:
        if line in self._lines:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.waits else 0)
            self._selector.modify(line.socket, events, line)
