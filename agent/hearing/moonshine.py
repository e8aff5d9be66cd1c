"""Moonshine: whole utterances of English, decoded again and again while they grow. https://github.com/moonshine-ai

Rules:
- Its own segmentation is switched off (`vad_threshold` 0): it gave wrong and extra lines, and where speech begins and
  ends is known already.
- A partial is a decode of all so far. The next one waits for `EVERY_MS` of new audio and for as long as the last decode
  took, so that a slow machine gets fewer partials and never falls behind.
- In a pause it decodes ahead; if nobody speaks any more, that text is the final, and there is nothing left to do at the
  endpoint. Silence after the last word does not change the text, so it is not decoded again.
- It understands words worse that stand at the very edge of the sound, and ahead of the endpoint there is but little
  behind them. So each decode has some quiet behind it, and before it, too, unless it begins within the breath of the
  wake word: a word that is cut off by quiet seems to begin with another sound. It is no digital silence, since the
  model knows rooms only. (`bench first-word` measures both: `recall` and `one_breath`.)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from moonshine_voice import ModelArch, Transcriber
from numpy.typing import NDArray

from agent.audio.pcm import RATE_HZ, Samples
from agent.hearing.words import without_wake

EVERY_MS = 250
LONGEST_S = 15
SHORTEST_MS = 200
BEFORE_MS, BEHIND_MS = 200, 400
QUIET = 10.0 / 32768  # RMS


def _quiet(milliseconds: int) -> NDArray[np.float32]:
    """Always the same: a text may not change without reason."""
    noise = np.random.default_rng(0).normal(0, QUIET, milliseconds * RATE_HZ // 1000)
    return noise.astype(np.float32)


_BEFORE, _BEHIND = _quiet(BEFORE_MS), _quiet(BEHIND_MS)


def load(model: Path) -> MoonshineEngine:
    """Load the model in this folder; its name begins with its size ("tiny-en")."""
    return MoonshineEngine(transcriber(model))


def transcriber(model: Path) -> Any:
    """The library's own transcriber, with its segmentation switched off."""
    size = model.name.partition("-")[0].upper()
    arch = ModelArch[size] if size in ModelArch.__members__ else ModelArch.TINY
    return Transcriber(str(model), arch, options={"vad_threshold": "0.0"})


class MoonshineEngine:
    """An `Engine`. `clock`: in seconds; `every_ms`: of new sound there is a partial at most."""

    def __init__(self, transcriber: Any, clock: Callable[[], float] = time.monotonic, every_ms: int = EVERY_MS) -> None:
        self._transcriber = transcriber
        self._clock = clock
        self._every = every_ms * RATE_HZ // 1000
        self._sound: list[Samples] = []
        self._length = 0  # samples in `_sound`
        self._decoded = 0  # `_length` at the last decode
        self._not_before = 0.0  # by `clock`
        self._text = ""
        self._ahead = False  # `_text` is what the final will be, unless speech goes on
        self._wake: str | None = None

    @property
    def heard(self) -> int:
        return self._decoded

    def begin(self, word: str | None, lead_ms: int) -> None:
        self._sound, self._length, self._decoded = [], 0, 0
        self._not_before = 0.0
        self._text, self._ahead, self._wake = "", False, word

    def feed(self, pcm: Samples) -> str | None:
        room = LONGEST_S * RATE_HZ - self._length
        self._sound.append(pcm[:room])
        self._length += len(pcm[:room])
        fresh = self._length - self._decoded
        if self._ahead or fresh < self._every or self._clock() < self._not_before:
            return None
        return self._decode()

    def pause(self) -> str | None:
        self._decode()
        self._ahead = True
        return self._text or None

    def resume(self) -> None:
        self._ahead = False

    def finish(self) -> str:
        if not self._ahead:
            self._decode()
        self._sound = []
        return self._text

    def _decode(self) -> str | None:
        """Decode all so far; the text if it changed."""
        self._decoded = self._length
        if self._length < SHORTEST_MS * RATE_HZ // 1000:
            return None
        began = self._clock()
        before = _BEFORE if self._wake is None else _BEFORE[:0]
        sound = np.concatenate((before, np.concatenate(self._sound) / np.float32(32768), _BEHIND))
        lines = self._transcriber.transcribe_without_streaming(sound.tolist(), RATE_HZ).lines
        done = self._clock()
        self._not_before = done + (done - began)
        text = " ".join(line.text.strip() for line in lines if line.text.strip())
        text = without_wake(text, self._wake) if self._wake else text
        if text == self._text:
            return None
        self._text = text
        return text
