"""Sound for the hearing's tests, and a tape that plays it to the ear by the audio's own clock."""

from __future__ import annotations

import queue
import wave
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from agent.audio.pcm import PERIOD, RATE_HZ, Block, Samples
from agent.events import Instant, Turn
from agent.lab.visitor import Utterance

HUMAN = Path("/usr/share/pocketsphinx/test/data")
WAIT_S = 30.0


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), np.int16)


def white(seconds: float, rms: float, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, rms, round(seconds * RATE_HZ))


def coloured(seconds: float, rms: float, slope: float) -> NDArray[np.float64]:
    """Noise whose amplitude falls with frequency to the power of `slope`: 0.5 pink, 1 brown (a fan)."""
    spectrum = np.fft.rfft(white(seconds, 1.0))
    noise = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 20) ** slope, round(seconds * RATE_HZ))
    return np.asarray(noise * (rms / noise.std()))


def tone(seconds: float, hz: float, amplitude: float) -> NDArray[np.float64]:
    return np.asarray(amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ))


def pcm(sound: NDArray[np.float64] | Samples) -> Samples:
    return np.clip(np.round(sound), -32768, 32767).astype(np.int16)


def among(sound: Samples, noise_rms: float, before_s: float = 2.0, after_s: float = 2.0, seed: int = 0) -> Samples:
    """`sound` with quiet around it, and white noise over all."""
    whole = np.concatenate([silence(before_s), sound, silence(after_s)])
    return pcm(whole + white(len(whole) / RATE_HZ, noise_rms, seed)[: len(whole)])


def wav(path: Path) -> Samples:
    """A mono 16 bit WAV file at 16 kHz."""
    with wave.open(str(path), "rb") as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return sound if file.getframerate() == RATE_HZ else soxr.resample(sound, file.getframerate(), RATE_HZ)


def end_ms(utterance: Utterance, before_s: float, position: int) -> float:
    """How long after the last loud sample of `utterance`, played after `before_s`, `position` is."""
    return (position - before_s * RATE_HZ - utterance.last_loud) * 1000 / RATE_HZ


class Tape:
    """A `Source`: plays as fast as it is read, and is the clock too. After its end time stands still.

    `late_s`: how long after it was in the air a block is handed over.
    """

    def __init__(self, sound: Samples, step: int = PERIOD, late_s: float = 0.0) -> None:
        self._sound = sound
        self._step = step
        self._late_s = late_s
        self._position = 0
        self._pushed: queue.Queue[Block] = queue.Queue()
        self._waiting = queue.Queue[None]()
        self.drained: list[int] = []

    @property
    def position(self) -> int:
        """Of the next sample."""
        return self._position

    def clock(self) -> Instant:
        return Instant(self._position / RATE_HZ + self._late_s, datetime(2026, 1, 1, tzinfo=UTC))

    def drain_every(self, periods: int) -> None:
        self.drained.append(periods)

    def read(self, timeout_s: float) -> list[Block]:
        start = self._position
        if start >= len(self._sound):
            self._waiting.put(None)
            return self._push(timeout_s)
        sound = self._sound[start : start + self._step]
        self._position += len(sound)
        return [Block(sound, start, start / RATE_HZ)]

    def _push(self, timeout_s: float) -> list[Block]:
        try:
            block = self._pushed.get(timeout=min(timeout_s, 0.01))
        except queue.Empty:
            return []
        self._position = block.position + len(block.pcm)
        return [block]

    def push(self, block: Block) -> None:
        """One more block, after the tape's end."""
        self._pushed.put(block)

    def played(self) -> None:
        """Wait until everything was read and dealt with: the ear asks for more, twice."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
        for _ in range(2):
            self._waiting.get(timeout=WAIT_S)


class Notes:
    """An `Asr` that writes down what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.sound: dict[Turn, list[Samples]] = {}

    def begin(self, turn: Turn, word: str | None = None, lead_ms: int = 0, persona: str = "") -> None:
        self.told.append(("begin", turn, word, persona) if persona else ("begin", turn, word))
        self.sound[turn] = []

    def feed(self, turn: Turn, pcm: Samples) -> None:
        self.sound[turn].append(pcm)

    def pause(self, turn: Turn) -> None:
        self.told.append(("pause", turn))

    def resume(self, turn: Turn) -> None:
        self.told.append(("resume", turn))

    def finish(self, turn: Turn) -> None:
        self.told.append(("finish", turn))

    def cancel(self, turn: Turn) -> None:
        self.told.append(("cancel", turn))

    def tick(self, mono: float) -> None:
        pass

    def heard(self, turn: Turn) -> Samples:
        return np.concatenate(self.sound[turn])
