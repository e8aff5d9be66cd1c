"""The hearing's parts over recorded sound, for benches and tuning: no thread, no clock, the same code."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Condition

import numpy as np

from agent import clock
from agent.audio.pcm import PERIOD, RATE_HZ, Block, Samples
from agent.child import ChildSpec
from agent.config import WakeSection
from agent.events import AsrFailed, Event, Final, Health, Partial
from agent.hearing.preroll import Preroll
from agent.hearing.quality import quality
from agent.hearing.recogniser import Recogniser
from agent.hearing.spotter import Spotter
from agent.hearing.wake import Detection, WakeEngine


def read_wav(path: Path) -> Samples:
    """The samples of a 16 kHz mono 16 bit WAV file. Raises ValueError for another format."""
    with wave.open(str(path), "rb") as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE_HZ, 1, 2):
            raise ValueError(f"{path} is not 16 kHz mono 16 bit")
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def blocks(sound: Samples, step: int = PERIOD) -> Iterator[Block]:
    """Sound as the microphone delivers it; the first sample was in the air at 0 s."""
    for at in range(0, len(sound), step):
        yield Block(sound[at : at + step], at, at / RATE_HZ)


def find_wakes(sound: Samples, engine: WakeEngine, config: WakeSection, step: int = PERIOD) -> list[Detection]:
    """All wake words in `sound`, with the position at which each was decided."""
    return [detection for detection, _ in judge_wakes(sound, engine, config, step)]


def judge_wakes(
    sound: Samples, engine: WakeEngine, config: WakeSection, step: int = PERIOD
) -> list[tuple[Detection, float]]:
    """The same, and how well each was heard (`agent.hearing.quality`)."""
    preroll = Preroll()
    spotter = Spotter(engine, config, preroll)
    engine.reset()
    found: list[tuple[Detection, float]] = []
    for block in blocks(sound, step):
        preroll.append(block)
        for detection in spotter.feed(block)[1]:
            heard = quality(detection.score, detection.position, preroll.periods_since(0))
            found.append((detection, heard))
    return found


@dataclass(frozen=True, slots=True)
class Heard:
    """What the recogniser made of a sound. Times in monotonic seconds; `partials` as (time, text)."""

    text: str
    partials: tuple[tuple[float, str], ...]
    ended_at: float
    final_at: float


class Transcriber:
    """The real recogniser in its child, one sound after the other. `start` waits until the models are loaded."""

    def __init__(self, spec: ChildSpec) -> None:
        self._recogniser = Recogniser(spec, self._on_event, clock.now, self._on_fatal)
        self._changed = Condition()  # guards the events
        self._events: list[Event] = []
        self._failure: str | None = None
        self._turn = 0

    @property
    def pid(self) -> int | None:
        return self._recogniser.pid

    def start(self, timeout_s: float = 60.0) -> None:
        """Raises RuntimeError where the child does not become ready."""
        self._recogniser.start()
        self._await(lambda event: isinstance(event, Health) and event.status == "ok", timeout_s)

    def stop(self) -> None:
        self._recogniser.stop()

    def transcribe(self, sound: Samples, pause: bool = False, timeout_s: float = 30.0) -> Heard:
        """Decode a whole utterance, fed as fast as the child takes it; `pause`: let it work ahead as in a turn.

        Raises RuntimeError where no final comes.
        """
        self._turn += 1
        turn, asr = self._turn, self._recogniser
        with self._changed:
            self._events.clear()
        asr.begin(turn)
        for at in range(0, len(sound), RATE_HZ // 20):
            asr.feed(turn, sound[at : at + RATE_HZ // 20])
        if pause:
            asr.pause(turn)
        ended_at = clock.now().mono
        asr.finish(turn)
        final = self._await(lambda event: isinstance(event, Final | AsrFailed), timeout_s)
        if not isinstance(final, Final):
            raise RuntimeError(f"not recognised: {final}")
        with self._changed:
            partials = tuple((e.at.mono, e.text) for e in self._events if isinstance(e, Partial))
        return Heard(final.text, partials, ended_at, final.at.mono)

    def _on_event(self, event: Event) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def _on_fatal(self, reason: str) -> None:
        with self._changed:
            self._failure = reason
            self._changed.notify_all()

    def _await(self, wanted: Callable[[Event], bool], timeout_s: float) -> Event:
        def found() -> Event | None:
            return next((event for event in self._events if wanted(event)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self._failure, timeout_s)
            event = found()
        if event is None:
            raise RuntimeError(self._failure or f"the recogniser did not answer within {timeout_s:g} s")
        return event
