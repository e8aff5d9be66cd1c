"""What SIGTERM, SIGINT and SIGHUP do, from the process's first moment on; and the end that nothing can hold up.

Rules:
- Until a daemon attends there is nothing to clean up: a stop ends the process at once, and well (0). A SIGHUP that
  comes so early is remembered, since the file may have been read already.
- Handlers only put into queues whose `put` is reentrant.
- This module is imported before all others and imports next to nothing: what comes before `take` is the system's
  default, death by the signal.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType


class Signals:
    """For the main thread."""

    def __init__(self) -> None:
        self._stop: Callable[[], None] | None = None
        self._reload: Callable[[], None] | None = None
        self._missed = False

    def take(self) -> None:
        """From now on no signal does what it does by default."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stopped)
        signal.signal(signal.SIGHUP, self._reloaded)

    def attend(self, stop: Callable[[], None], reload: Callable[[], None]) -> None:
        """Somebody is there to obey. Both are called between two instructions of the main thread."""
        self._stop, self._reload = stop, reload
        if self._missed:
            reload()

    def _stopped(self, number: int, frame: FrameType | None) -> None:
        if self._stop is None:
            os._exit(0)
        self._stop()

    def _reloaded(self, number: int, frame: FrameType | None) -> None:
        if self._reload is None:
            self._missed = True
        else:
            self._reload()


class LastResort:
    """A thread that ends the process by force, with an exit code, where its end takes too long."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[tuple[float, int] | None] = queue.SimpleQueue()

    def start(self) -> None:
        threading.Thread(target=self._run, name="last-resort", daemon=True).start()

    def arm(self, within_s: float, code: int) -> None:
        """The process is to be gone by then. Of several limits the earliest counts, of the codes the last."""
        self._orders.put((time.monotonic() + within_s, code))

    def disarm(self) -> None:
        """Everything has been stopped; what remains is the interpreter's own end."""
        self._orders.put(None)

    def _run(self) -> None:
        until, code = float("inf"), 0
        while True:
            left_s = None if until == float("inf") else max(0.0, until - time.monotonic())
            try:
                order = self._orders.get(timeout=left_s)
            except queue.Empty:
                os._exit(code)
            if order is None:
                return
            until, code = min(until, order[0]), order[1]
