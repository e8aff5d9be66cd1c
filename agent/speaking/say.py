"""Text to sound without a mouth: for `voice-agent say` and the benches, through the same children as a reply."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from agent.audio.pcm import Samples
from agent.speaking.reply import Reply
from agent.speaking.synthesis import Spoken, Synthesis, Unspoken
from agent.speaking.tts import SpeechError
from agent.speaking.voice import Report
from agent.speaking.voices import VoiceSpec

POLL_S = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Clause:
    """A clause and its sound. `at_s`: seconds from the request to its last sample being here."""

    text: str
    pcm: Samples
    rate_hz: int
    at_s: float


class Reader:
    """Reads texts aloud into arrays: `with Reader(voices(config), "en") as reader: for clause in reader.read(text)`."""

    def __init__(self, specs: Sequence[VoiceSpec], language: str) -> None:
        self._language = language
        self._reports: queue.SimpleQueue[Report | SpeechError] = queue.SimpleQueue()
        self._synthesis = Synthesis(
            {"": specs}, self._reports.put, lambda reason: self._reports.put(SpeechError(reason))
        )
        self._turn = 0

    def __enter__(self) -> Reader:
        self._synthesis.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._synthesis.stop()

    @property
    def pids(self) -> list[int]:
        """The voices' processes, for those who measure."""
        return self._synthesis.pids

    def wait(self, timeout_s: float = 60.0) -> None:
        """Until the first voice is loaded, so that its loading is not timed. Raises SpeechError where it cannot be."""
        until = time.monotonic() + timeout_s
        while (health := self._synthesis.health())[0] == "loading":
            if time.monotonic() > until:
                raise SpeechError(f"no voice was ready within {timeout_s:g} s")
            self._next()
        if health[0] != "ok":
            raise SpeechError(health[1])

    def read(self, text: str) -> Iterator[Clause]:
        """Clause by clause, as soon as each is there. Raises SpeechError where no voice can speak."""
        self._turn += 1
        began = time.monotonic()
        reply = Reply(self._turn, self._language)
        reply.write(text, last=True)
        for clause in reply.waiting:
            outcome = self._synthesis.say(time.monotonic(), self._turn, clause)
            while outcome is None:
                outcome = self._next()
            if isinstance(outcome, Unspoken):
                raise SpeechError(outcome.reason)
            pcm = np.frombuffer(outcome.pcm, "<i2").astype(np.int16, copy=False)
            yield Clause(clause, pcm, outcome.rate_hz, time.monotonic() - began)

    def _next(self) -> Spoken | Unspoken | None:
        try:
            report = self._reports.get(timeout=POLL_S)
        except queue.Empty:
            return self._synthesis.tick(time.monotonic())
        if isinstance(report, SpeechError):
            raise report
        return self._synthesis.handle(time.monotonic(), report)
