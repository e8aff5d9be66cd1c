"""Moonshine: whole utterances of English, decoded again and again while they grow. https://github.com/moonshine-ai

Rules:
- A partial is a decode of all so far. The next one waits for `EVERY_MS` of new audio and for as long as the last decode
  took, so that a slow machine gets fewer partials and never falls behind.
- In a pause it decodes ahead; if nobody speaks any more, that text is the final, and there is nothing left to do at the
  endpoint. Silence after the last word does not change the text, so it is not decoded again.
- It understands words worse that stand at the very edge of the sound, and ahead of the endpoint there is but little
  behind them. So each decode has some quiet behind it, and before it, too, unless it begins within the breath of the
  wake word: a word that is cut off by quiet seems to begin with another sound. It is no digital silence, since the
  model knows rooms only. (`bench first-word` measures both: `recall` and `one_breath`.)
- What it makes of the first word depends on where exactly the sound begins, though nobody hears a difference. So where
  it is not sure in a pause (`SURE`), it gets the same sound with another beginning, and the text it is surest of counts
  (by votes alone it would not be better). That is done while the endpoint is waited for: not before what is complete
  would have ended (`HOLD_MS`), and at the endpoint with what is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from agent.audio.pcm import RATE_HZ, Samples
from agent.hearing.moonshine_net import Floats, MoonshineNet, Written
from agent.hearing.words import without_wake

EVERY_MS = 250
LONGEST_S = 15
SHORTEST_MS = 200
BEFORE_MS, BEHIND_MS = 200, 400
QUIET = 10.0 / 32768  # RMS
SURE = -0.2  # mean log probability of its tokens
HOLD_MS = 160  # of sound behind the pause
LATER_MS = (160, 80)  # other beginnings: in a quarter of a second of quiet before the first word
NEARER_MS = (200, 60)  # quiet before the breath of the wake word, after all


def _quiet(milliseconds: int) -> Floats:
    """Always the same: a text may not change without reason."""
    noise = np.random.default_rng(0).normal(0, QUIET, milliseconds * RATE_HZ // 1000)
    return noise.astype(np.float32)


_BEFORE, _BEHIND = _quiet(BEFORE_MS), _quiet(BEHIND_MS)


def load(model: Path) -> MoonshineEngine:
    """Load the model in this folder."""
    return MoonshineEngine(MoonshineNet(model))


class MoonshineEngine:
    """An `Engine`. `clock`: in seconds; `every_ms`: of new sound there is a partial at most."""

    def __init__(
        self,
        write: Callable[[Floats], Written],
        clock: Callable[[], float] = time.monotonic,
        every_ms: int = EVERY_MS,
    ) -> None:
        self._write = write
        self._clock = clock
        self._every = every_ms * RATE_HZ // 1000
        self._sound: list[Samples] = []
        self._length = 0  # samples in `_sound`
        self._decoded = 0  # `_length` at the last decode
        self._not_before = 0.0  # by `clock`
        self._written = Written("", 0.0)
        self._ahead = False  # the text is what the final will be, unless speech goes on
        self._opinions = 0  # of this pause
        self._wake: str | None = None

    @property
    def heard(self) -> int:
        return self._decoded

    def begin(self, word: str | None, lead_ms: int) -> None:
        self._sound, self._length, self._decoded = [], 0, 0
        self._not_before = 0.0
        self._written, self._ahead, self._wake = Written("", 0.0), False, word

    def feed(self, pcm: Samples) -> str | None:
        room = LONGEST_S * RATE_HZ - self._length
        self._sound.append(pcm[:room])
        self._length += len(pcm[:room])
        fresh = self._length - self._decoded
        if self._ahead:
            return self._another_opinion() if fresh >= HOLD_MS * RATE_HZ // 1000 else None
        if fresh < self._every or self._clock() < self._not_before:
            return None
        return self._decode()

    def pause(self) -> str | None:
        self._decode()
        self._ahead, self._opinions = True, 0
        return self._written.text or None

    def resume(self) -> None:
        self._ahead = False

    def finish(self) -> str:
        if not self._ahead:
            self._decode()
        self._sound = []
        return self._written.text

    def _decode(self) -> str | None:
        """Decode all so far; the text if it changed."""
        self._decoded = self._length
        if self._length < SHORTEST_MS * RATE_HZ // 1000:
            return None
        began = self._clock()
        before = _BEFORE if self._wake is None else _BEFORE[:0]
        written = self._hear(before, np.concatenate(self._sound))
        done = self._clock()
        self._not_before = done + (done - began)
        return self._changed(written)

    def _another_opinion(self) -> str | None:
        """Of what was said before the pause, where one is worth while; the text if it changed."""
        others = LATER_MS if self._wake is None else NEARER_MS
        if self._written.sureness >= SURE or self._opinions == len(others):
            return None
        milliseconds = others[self._opinions]
        self._opinions += 1
        said = np.concatenate(self._sound)[: self._decoded]
        if self._wake is None:
            written = self._hear(_BEFORE, said[milliseconds * RATE_HZ // 1000 :])
        else:
            written = self._hear(_quiet(milliseconds), said)
        surer = bool(written.text) and written.sureness > self._written.sureness
        return self._changed(written) if surer else None

    def _hear(self, before: Floats, said: Samples) -> Written:
        written = self._write(np.concatenate((before, said / np.float32(32768), _BEHIND)))
        return Written(without_wake(written.text, self._wake), written.sureness) if self._wake else written

    def _changed(self, written: Written) -> str | None:
        before, self._written = self._written, written
        return None if written.text == before.text else written.text
