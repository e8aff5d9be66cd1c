"""A microphone for trying out: the daemon's own capture, whose faults are exceptions here."""

from __future__ import annotations

import queue
import time
from types import TracebackType

from agent import clock
from agent.audio.capture import Capture
from agent.audio.pcm import Block
from agent.config import Mic
from agent.events import Event, Health

OPEN_S = 5.0
READ_S = 0.1


class MicrophoneTrouble(Exception):
    """It cannot be used; str() says why and what helps."""


class Microphone:
    """`with Microphone(config) as microphone: for block in microphone.read(): …`; for one thread."""

    def __init__(self, config: Mic) -> None:
        self._device = config.device
        self._reasons: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._capture = Capture(config, self._on_event, clock.now, self._reasons.put)
        self._heard_at = 0.0

    def __enter__(self) -> Microphone:
        self._heard_at = time.monotonic()
        self._capture.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capture.stop()

    @property
    def ended(self) -> bool:
        """A file that was played instead of a microphone is over."""
        return self._capture.ended

    def read(self) -> list[Block]:
        """What was heard since the last call; waits for a tenth of a second at most. Raises MicrophoneTrouble."""
        blocks = self._capture.read(READ_S)
        now = time.monotonic()
        if blocks:
            self._heard_at = now
        elif not self._reasons.empty():
            raise MicrophoneTrouble(self._reasons.get())
        elif now - self._heard_at > OPEN_S:
            raise MicrophoneTrouble(f"{self._device} is open, but no sound comes")
        return blocks

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Health) and event.status == "failed":
            self._reasons.put(event.reason)
