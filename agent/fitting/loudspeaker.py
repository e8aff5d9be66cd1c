"""Playing something through a speaker until it has been heard, without the daemon."""

from __future__ import annotations

import queue
from collections.abc import Iterable

from agent import clock
from agent.audio.keeper import volume_kept
from agent.audio.pcm import Samples
from agent.audio.playback import Playback
from agent.config import Speaker
from agent.events import Turn

TURN: Turn = 1
POLL_S, STUCK_S = 0.2, 15.0


class SpeakerTrouble(Exception):
    """It cannot be used; str() says why and what helps."""


def play(config: Speaker, sounds: Iterable[tuple[Samples, int]]) -> None:
    """Play sounds (mono, with their rates in Hz); returns when all has been heard. Raises SpeakerTrouble.

    A hardware mixer is set to the configured volume, and to what it was before afterwards.
    """
    with volume_kept(config):
        _play(config, sounds)


def _play(config: Speaker, sounds: Iterable[tuple[Samples, int]]) -> None:
    outcome = _Outcome()
    playback = Playback(config, outcome, lambda event: None, clock.now, outcome.fatal)
    playback.start()
    seconds = 0.0
    try:
        for pcm, rate_hz in sounds:
            while not playback.play(TURN, pcm, rate_hz):
                outcome.wait(POLL_S)
            seconds += len(pcm) / rate_hz
        playback.end(TURN)
        if not outcome.wait(seconds + STUCK_S):
            raise SpeakerTrouble(f"the speaker {config.device} does not play")
    finally:
        playback.stop()


class _Outcome:
    """Waits for the end of one turn's playing; "" where all was heard, else why not."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[str] = queue.SimpleQueue()

    def audible(self, turn: Turn, at: float) -> None:
        """Of no interest here."""

    def played(self, turn: Turn, position: int, rate_hz: int, at: float) -> None:
        """Of no interest here."""

    def drained(self, turn: Turn) -> None:
        self._queue.put("")

    def failed(self, turn: Turn, reason: str) -> None:
        self._queue.put(reason)

    def fatal(self, reason: str) -> None:
        self._queue.put(reason)

    def wait(self, timeout_s: float) -> bool:
        """Whether the turn is over. Raises SpeakerTrouble where it failed."""
        try:
            reason = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return False
        if reason:
            raise SpeakerTrouble(reason)
        return True
