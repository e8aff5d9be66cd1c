"""The speaker of a remote device: the agent's speech through ALSA, or through nothing where there is no speaker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agent import clock
from agent.audio.pcm import Samples
from agent.audio.playback import Playback
from agent.config import Speaker as Section
from agent.events import Event, Turn


@dataclass(frozen=True, slots=True)
class Heard:
    """At `at` (monotonic seconds) so many frames of the turn, as they were played, had been heard."""

    turn: Turn
    frames: int
    at: float


@dataclass(frozen=True, slots=True)
class Over:
    """All of the turn was heard; with a `reason`, the rest will not be."""

    turn: Turn
    reason: str = ""


class Player(Protocol):
    """As `agent.audio.playback.Playback` has it."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def play(self, turn: Turn, pcm: Samples, rate_hz: int) -> bool: ...
    def end(self, turn: Turn) -> None: ...
    def drop(self, turn: Turn) -> None: ...
    def earcon(self, pcm: Samples, rate_hz: int) -> None: ...
    def duck(self, db: float, ramp_ms: int) -> None: ...
    def volume(self, percent: int) -> None: ...
    def prepare(self) -> None: ...


def player(
    config: Section | None, report: Callable[[Heard | Over], None], emit: Callable[[Event], None],
    on_fatal: Callable[[str], None],
) -> Player:  # fmt: skip
    """`report` is called from other threads; `config`: None: there is no speaker."""
    if config is None:
        return Nothing(report)
    return Playback(config, _Reporter(report), emit, clock.now, on_fatal)


class _Reporter:
    """Playback's listener."""

    def __init__(self, report: Callable[[Heard | Over], None]) -> None:
        self._report = report

    def audible(self, turn: Turn, at: float) -> None:
        self._report(Heard(turn, 0, at))

    def played(self, turn: Turn, position: int, rate_hz: int, at: float) -> None:
        self._report(Heard(turn, position, at))

    def drained(self, turn: Turn) -> None:
        self._report(Over(turn))

    def failed(self, turn: Turn, reason: str) -> None:
        self._report(Over(turn, reason))


class Nothing:
    """No speaker. All is heard at once, so that the conversation goes on."""

    def __init__(self, report: Callable[[Heard | Over], None]) -> None:
        self._report = report
        self._frames: dict[Turn, int] = {}

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def play(self, turn: Turn, pcm: Samples, rate_hz: int) -> bool:
        self._frames[turn] = self._frames.get(turn, 0) + len(pcm)
        self._report(Heard(turn, self._frames[turn], time.monotonic()))
        return True

    def end(self, turn: Turn) -> None:
        self._frames.pop(turn, None)
        self._report(Over(turn))

    def drop(self, turn: Turn) -> None:
        self._frames.pop(turn, None)

    def earcon(self, pcm: Samples, rate_hz: int) -> None: ...

    def duck(self, db: float, ramp_ms: int) -> None: ...

    def volume(self, percent: int) -> None: ...

    def prepare(self) -> None: ...
