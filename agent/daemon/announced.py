"""What Home Assistant has this device say and ring, of its own accord: announcements, and timers that are over.

An announcement is one of ours whose sound somebody else has made: it waits for its turn, keeps to quiet hours and to do
not disturb, and is interrupted like any other. Home Assistant waits until it was played, and is told so however it
ended. A timer of Home Assistant's that is over becomes one of ours that is due, so that it rings until somebody stops
it.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

from agent.clock import Clock
from agent.commands import Answer
from agent.events import Event, Requested
from agent.requests import Clip, Intent, SayRequest, TimerRequest
from agent.satellite.happenings import Play, Timer

LONGEST_S = 170.0  # of an announcement; the speaker's queue holds little more

log = logging.getLogger(__name__)


class Announced:
    """`sounds`, `ends`, `timer` are called by the satellite's thread, `answered` by any."""

    def __init__(self, emit: Callable[[Event], None], clock: Clock) -> None:
        self._emit = emit
        self._clock = clock
        self._id = f"satellite:{secrets.token_hex(8)}"  # nobody else's requests have it
        self._rate_hz = 0
        self._pcm = bytearray()

    def sounds(self, play: Play) -> None:
        """More of an announcement."""
        if play.rate_hz != self._rate_hz:
            self._rate_hz, self._pcm = play.rate_hz, bytearray()
        if len(self._pcm) + len(play.pcm) <= LONGEST_S * 2 * self._rate_hz:
            self._pcm += play.pcm

    def ends(self) -> None:
        """That was all of it. It is answered also where there was none, since somebody waits."""
        clip = Clip(self._rate_hz or 16_000, bytes(self._pcm))
        self._rate_hz, self._pcm = 0, bytearray()
        self._emit(Requested(self._clock(), SayRequest("", sound=clip), self._id))

    def answered(self, answer: Answer) -> bool:
        """Whether that is what became of an announcement."""
        if answer.id == self._id and not answer.ok:
            log.info("an announcement of Home Assistant's was not heard to its end: %s", answer.code)
        return answer.id == self._id

    def timer(self, timer: Timer) -> None:
        if timer.change == "finished":
            slots: dict[str, str | int] = {"seconds": 1, "name": timer.name}
            self._emit(Requested(self._clock(), TimerRequest(Intent("timer_set", slots))))
