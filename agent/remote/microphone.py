"""The microphone of a remote device: periods with their times, and the wake words in them, found here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent import clock
from agent.audio.capture import Capture
from agent.audio.pcm import PERIOD, Block
from agent.config import Config
from agent.events import Event
from agent.hearing import wakewords
from agent.hearing.framing import Framer
from agent.hearing.preroll import Preroll
from agent.hearing.spotter import Spotter
from agent.hearing.wake import Detection
from agent.remote.session import Periods

READ_S = 0.1
STALE_S = 1.0  # a wake word found later is nobody's wish any more
MOST = 100  # periods at a time: a device that was stopped hands over seconds at once
ATTENTIVE, RELAXED = 2, 8  # periods that the device hands over at a time


@dataclass(frozen=True, slots=True)
class Woken:
    word: str
    score: float


class Microphone:
    """For one thread, but for the callbacks. `spot`: look for wake words."""

    def __init__(
        self, config: Config, spot: bool, emit: Callable[[Event], None], on_fatal: Callable[[str], None]
    ) -> None:
        self._config = config
        self._spot = spot
        self._capture = Capture(config.audio.mic, emit, clock.now, on_fatal)
        self._framer = Framer(PERIOD)
        self._preroll = Preroll()
        self._spotter: Spotter | None = None

    def start(self) -> None:
        """Raises `agent.hearing.wake.WakeModelError`."""
        if self._spot:
            self._spotter = Spotter(wakewords.load(self._config), self._config.wake, self._preroll)
        self._capture.start()
        self.attend(False)

    def stop(self) -> None:
        self._capture.stop()

    def attend(self, on: bool) -> None:
        self._capture.drain_every(ATTENTIVE if on else RELAXED)

    def read(self) -> Iterator[Periods | Woken]:
        """What was heard since the last call; waits for `READ_S` at most. A wake word comes after its sound."""
        for block in self._capture.read(READ_S):
            yield from self._periods(block)
            if self._spotter:
                yield from self._woken(self._spotter, block)

    def _periods(self, block: Block) -> Iterator[Periods]:
        whole = self._framer.together(block.pcm, block.position)
        for at in range(0, len(whole.pcm), MOST * PERIOD):
            position = whole.position + at
            yield Periods(position // PERIOD, block.time_of(position), whole.pcm[at : at + MOST * PERIOD])

    def _woken(self, spotter: Spotter, block: Block) -> Iterator[Woken]:
        if block.gap:
            self._preroll.clear()
            spotter.reset()
        self._preroll.append(block)
        _, found = spotter.feed(block)
        for each in found:
            if self._age(each) <= STALE_S:
                yield Woken(each.word, each.score)

    def _age(self, found: Detection) -> float:
        return clock.now().mono - self._preroll.time_of(found.position)
