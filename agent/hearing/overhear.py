"""Hearing others while the agent itself speaks: somebody's voice, and the wake word said over the reply.

Rules:
- Only while something of ours sounds, or dies away in the room; else nothing is computed.
- A *voice* is what is left when the echo is taken away and that was not to be expected: `OVER_DB` more than what a
  filter that has not settled leaves (`agent.hearing.echo`), than what is usually left here, and than the room's noise,
  in `CLUSTER` periods of `WINDOW`. A click has fewer. What is usually left is learned (`QUANTILE`), so that a bent
  loudspeaker, or a television behind it all, stops being news.
- The wake word is looked for in the residual as well, by the same engine, gate and detector as in the sound itself:
  from there it is heard even where the echo is much louder than the user. It counts where for some of its time
  (`SOME`) a voice was there, since what is left of our own words may be like anything.
- What the agent itself says may hold the wake word. Where it does (`agent.hearing.selfwake`), only a wake word in the
  residual counts, and only where for much of its time (`MOST`) a voice was there: our own is in neither.

Used by one thread: the ear's.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import numpy as np

from agent.audio.pcm import PERIOD, RATE_HZ, Block
from agent.config import WakeSection
from agent.hearing.echo import Cancelled, EchoFilter, Floats
from agent.hearing.framing import Framer
from agent.hearing.preroll import Preroll
from agent.hearing.spotter import Spotter
from agent.hearing.wake import Detection, WakeEngine

EARLY_S = 0.01  # the reference is read so much ahead, since stamps of both devices are not exact
OVER_DB = 10.0
QUANTILE = 0.85
LEARNING_DB = 0.03  # per period
MARGIN_DB = 6.0  # over what is usually left
NOISE_DB = 8.0  # over the room's noise
RISE_DB = 0.03  # of the room's noise per period
CLUSTER, WINDOW = 6, 10  # periods
LASTS = 25  # periods after the last cluster in which a voice counts as going on
TOLD = 50  # periods
PATIENCE = 300  # periods after which a voice that goes on is what is usual here
WORD = 80  # periods: what a wake word takes at most
SOME, MOST = 0.2, 0.4  # shares of them


class Reference(Protocol):
    """What the agent says, by the time at which it is in the air (monotonic seconds)."""

    @property
    def turn(self) -> int: ...

    def playing(self, at: float) -> bool:
        """Whether anything of it may be heard at `at`."""
        ...

    def read(self, at: float, count: int) -> Floats:
        """Samples at 16 kHz; zeros where nothing was played."""
        ...


class Guard(Protocol):
    """Knows when the agent itself says something like the wake word."""

    def guarded(self, at: float) -> bool: ...


class VoiceOver:
    """Periods without echo -> is there a voice that is not ours?"""

    def __init__(self) -> None:
        self._usual_db = 0.0  # of the excess
        self._noise_db: float | None = None
        self._recent: deque[bool] = deque(maxlen=WORD)
        self._since = LASTS + 1  # periods since the last cluster
        self._lasted = 0

    @property
    def active(self) -> bool:
        return self._since <= LASTS

    @property
    def share(self) -> float:
        """Of the last periods, as many as a wake word has: in how many there was a voice."""
        return sum(self._recent) / WORD

    def rest(self) -> None:
        """Nothing sounds any more; what was learned of the room stays."""
        self._recent.clear()
        self._since, self._lasted = LASTS + 1, 0

    def feed(self, period: Cancelled) -> int:
        """For how many periods a voice has been going on; 0: there is none."""
        noise = period.residual_db if self._noise_db is None else self._noise_db
        self._noise_db = min(period.residual_db, noise + RISE_DB)
        excess = period.residual_db - max(period.expected_db, self._noise_db + NOISE_DB - OVER_DB)
        self._recent.append(excess > max(OVER_DB, self._usual_db + MARGIN_DB))
        clustered = sum(list(self._recent)[-WINDOW:]) >= CLUSTER
        self._since = 0 if clustered else min(self._since + 1, LASTS + 1)
        self._lasted = self._lasted + 1 if self.active else 0
        if not self.active or self._lasted > PATIENCE:
            step = QUANTILE if excess > self._usual_db else QUANTILE - 1
            self._usual_db = max(0.0, self._usual_db + LEARNING_DB * step)
        return self._lasted


class Overhear:
    def __init__(self, engine: WakeEngine, config: WakeSection, reference: Reference | None, guard: Guard) -> None:
        """`engine`: one of its own; what hears the room itself has another. `reference` None: nothing is taken away,
        nobody is overheard, and only the guard is on."""
        self._reference = reference
        self._guard = guard
        self._refractory = config.refractory_ms * RATE_HZ // 1000
        self._framer = Framer(PERIOD)
        self._filter = EchoFilter()
        self._voice = VoiceOver()
        self.on = False  # something of ours sounds
        self.voice_from: int | None = None  # position at which the last voice over it began
        self._last: int | None = None  # position of the last wake word
        self.residual = Preroll()  # the sound without echo, as far as there was one
        self._spotter = Spotter(engine, config, self.residual)

    def reset(self) -> None:
        """Sound was lost, or was not to be heard."""
        self._framer.flush()
        self._rest()

    def feed(self, block: Block, heard: list[Detection], hurried: bool = False) -> tuple[int | None, list[Detection]]:
        """`heard`: the wake words in the block as it is; `hurried`: there is no time for more than the guard.

        Returns the position at which somebody begins to speak over the agent (again every `TOLD` periods while that
        goes on), or None; and the wake words that are meant for it."""
        began: int | None = None
        found = [each for each in heard if not self._guard.guarded(block.time_of(each.position))]
        if hurried or self._reference is None or not self._reference.playing(block.at):
            if self.on:
                self._rest()
            return None, self._once(found)
        if not self.on:
            self.on = True
            self._filter.moved()
        for hop in self._framer.feed(block.pcm, block.position):
            at = block.time_of(hop.position)
            played = self._reference.read(at + EARLY_S, PERIOD)
            period = self._filter.feed(hop.pcm.astype(np.float32), played)
            lasted = self._voice.feed(period)
            if lasted == 1:
                self.voice_from = hop.position
                self._spotter.restart()  # what is left of our own words is no past for somebody else's
            if lasted % TOLD == 1:
                began = hop.position
            found += self._spot(Block(_whole(period.residual), hop.position, at))
        return began, self._once(found)

    @property
    def turn(self) -> int:
        """Whose speech it is that sounds; 0: no turn's."""
        return self._reference.turn if self._reference is not None else 0

    @property
    def voice(self) -> bool:
        """Somebody speaks over the agent, or has just done so."""
        return self.on and self._voice.active

    def _rest(self) -> None:
        self.on = False
        self._voice.rest()
        self.residual.clear()
        self._spotter.reset()

    def _spot(self, block: Block) -> list[Detection]:
        self.residual.append(block)
        detections = self._spotter.feed(block)[1]
        return [each for each in detections if self._theirs(block.time_of(each.position))]

    def _theirs(self, at: float) -> bool:
        return self._voice.share >= (MOST if self._guard.guarded(at) else SOME)

    def _once(self, found: list[Detection]) -> list[Detection]:
        """The same word is heard in the sound and in the residual."""
        kept: list[Detection] = []
        for each in sorted(found, key=lambda each: each.position):
            if self._last is None or each.position >= self._last + self._refractory or each.position < self._last:
                self._last = each.position
                kept.append(each)
        return kept


def _whole(sound: Floats) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
