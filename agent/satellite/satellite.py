"""The satellite's thread: it listens for Home Assistant, drives `agent.satellite.step`, and does what that says.

Other threads only put happenings into a bounded queue and ring a bell; sound that finds it full is dropped. Who is
connected is the matter of `agent.satellite.lines`.
"""

from __future__ import annotations

import logging
import os
import queue
import selectors
import threading
import time
import weakref
from collections.abc import Callable

from agent.config.wyoming import WyomingSection
from agent.events import Turn
from agent.satellite.door import Door
from agent.satellite.happenings import (
    Action,
    Dropped,
    Ended,
    Gone,
    HangUp,
    Happening,
    Heard,
    Owner,
    Passed,
    Played,
    Said,
    Send,
    Woke,
)
from agent.satellite.host import Host
from agent.satellite.lines import Lines
from agent.satellite.state import State
from agent.satellite.step import deadline, step
from agent.wyoming.messages import Message

QUEUE = 1000  # 10 s of 10 ms
TURN_S = 1.0
STOP_S = 2.0

log = logging.getLogger(__name__)


class Satellite:
    def __init__(
        self, config: WyomingSection, description: Message, host: Host, on_fatal: Callable[[str], None]
    ) -> None:
        self._host = host
        self._on_fatal = on_fatal
        self._door = Door(config)
        self._queue: queue.Queue[Happening] = queue.Queue(QUEUE)
        self._bell: int | None = None
        self._thread: threading.Thread | None = None
        self._turned_at = 0.0
        self._ending = False
        self._serving = False
        # The rest is the thread's.
        self._selector = selectors.DefaultSelector()
        said, gone = (lambda message: self._do(Said(message))), (lambda: self._do(Gone()))
        self._lines = Lines(self._door, self._selector, description, said, gone)
        self._state = State()

    def start(self) -> None:
        self._turned_at = time.monotonic()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._bell)  # not before nobody can ring it any more
        self._thread = threading.Thread(target=self._run, name="satellite", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hangs up and joins the thread. Idempotent."""
        self._ending = True
        self._ring()
        if self._thread:
            self._thread.join(STOP_S)

    # From any thread.

    @property
    def port(self) -> int:
        """Where it listens; 0 while it does not."""
        return self._door.port

    @property
    def serving(self) -> bool:
        """Whether turns may be given to Home Assistant."""
        return self._serving

    def woke(self, turn: Turn) -> None:
        self._put(Woke(turn))

    def heard(self, turn: Turn, pcm: bytes) -> None:
        self._put(Heard(turn, pcm))

    def ended(self, turn: Turn) -> None:
        self._put(Ended(turn))

    def drop(self, turn: Turn) -> None:
        self._put(Dropped(turn))

    def played(self, owner: Owner) -> None:
        self._put(Played(owner))

    def progress(self) -> float:
        """When the thread last turned, monotonic seconds; now, where there is none."""
        alive = self._thread is not None and self._thread.is_alive()
        return self._turned_at if alive else time.monotonic()

    def _put(self, happening: Happening) -> None:
        try:
            self._queue.put(happening, block=not isinstance(happening, Heard), timeout=STOP_S)
        except queue.Full:
            log.warning("satellite: %s is lost: the queue is full", type(happening).__name__)
        self._ring()

    def _ring(self) -> None:
        if self._bell is not None:
            os.eventfd_write(self._bell, 1)

    # The rest runs on the thread.

    def _run(self) -> None:
        assert self._bell is not None
        ended = False
        self._selector.register(self._bell, selectors.EVENT_READ)
        try:
            while not self._ending:
                self._turn(self._bell)
            ended = True
        finally:
            self._lines.close()
            self._selector.close()
            self._serving = False
            if not ended:
                self._on_fatal("the satellite's thread ended unexpectedly")

    def _turn(self, bell: int) -> None:
        self._turned_at = now = time.monotonic()
        self._lines.open(now)
        for key, _ in self._selector.select(self._timeout_s(now)):
            self._lines.ready(key)
        self._hear(bell)
        due = deadline(self._state)
        if due is not None and time.monotonic() >= due:
            self._do(Passed())

    def _timeout_s(self, now: float) -> float:
        due = deadline(self._state)
        return TURN_S if due is None else min(TURN_S, max(0.0, due - now))

    def _hear(self, bell: int) -> None:
        """What other threads have put into the queue."""
        try:
            os.eventfd_read(bell)
        except BlockingIOError:
            return
        while True:
            try:
                happening = self._queue.get_nowait()
            except queue.Empty:
                return
            self._do(happening)

    def _do(self, happening: Happening) -> None:
        self._state, actions = step(self._state, happening, time.monotonic())
        self._serving = self._state.serving
        for action in actions:
            self._act(action)

    def _act(self, action: Action) -> None:
        match action:
            case Send(message):
                self._lines.send(message)
            case HangUp(reason):
                self._lines.hang_up(reason)
            case told:
                self._host.satellite(told)
