"""What Home Assistant has this device say and ring: announcements, and the timers that were set here.

An announcement is one of ours whose sound somebody else has made: it waits for its turn, keeps to quiet hours and to do
not disturb, and is interrupted like any other. Home Assistant waits until it was played, and is told so however it
ended.

A timer of Home Assistant's is kept here as one of ours, from its start on: so it rings on time, until somebody stops
it, also where Home Assistant is gone by then, and everybody sees it. What Home Assistant does to its timer is done to
ours; that it is over is no news.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from agent.clock import Clock
from agent.commands import Answer
from agent.events import Event, Requested
from agent.requests import Clip, Intent, SayRequest, TimerRequest
from agent.satellite.happenings import Owner, Play, Timer

LONGEST_S = 170.0  # of an announcement; the speaker's queue holds little more
TIMERS = 100  # that are remembered

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Timer:
    """`ours`: its id here, once it is kept; `over`: it is to be ended, as soon as that id is known."""

    name: str
    ours: str = ""
    over: bool = False


class Announced:
    """`sounds`, `ends`, `forget`, `timer` are called by the satellite's thread, `answered` by the main one."""

    def __init__(self, emit: Callable[[Event], None], clock: Clock) -> None:
        self._emit = emit
        self._clock = clock
        self._id = f"satellite-{secrets.token_hex(8)}"  # nobody else's requests have it
        self._whose: Owner = None
        self._rate_hz = 0
        self._pcm = bytearray()
        self._timers: dict[str, _Timer] = {}  # by Home Assistant's ids
        self._lock = threading.Lock()  # guards what follows, and `ours` and `over`
        self._asked: dict[str, _Timer] = {}  # by the ids of requests that are not answered yet
        self._requests = 0

    def sounds(self, play: Play) -> None:
        """More of an announcement, or of what may turn out to be one."""
        if (play.owner, play.rate_hz) != (self._whose, self._rate_hz):
            self._whose, self._rate_hz, self._pcm = play.owner, play.rate_hz, bytearray()
        if len(self._pcm) + len(play.pcm) <= LONGEST_S * 2 * self._rate_hz:
            self._pcm += play.pcm

    def ends(self) -> None:
        """That was all of it. It is answered also where there was none, since somebody waits."""
        clip = Clip(self._rate_hz or 16_000, bytes(self._pcm))
        self.forget()
        self._emit(Requested(self._clock(), SayRequest("", sound=clip), self._id))

    def forget(self) -> None:
        """What has come so far was none."""
        self._rate_hz, self._pcm = 0, bytearray()

    def timer(self, timer: Timer) -> None:
        known = self._timers.get(timer.id)
        match timer.change:
            case "started":
                self._keep(timer.id, timer.name, timer.seconds)
            case "updated" if known is not None:
                self._end(timer.id)
                if timer.active:
                    self._keep(timer.id, known.name, timer.seconds)
                else:
                    self._timers[timer.id] = _Timer(known.name)  # it may go on
            case "cancelled":
                self._end(timer.id)
            case _:
                self._timers.pop(timer.id, None)

    def _keep(self, id: str, name: str, seconds: int) -> None:
        self._timers[id] = timer = _Timer(name)
        with self._lock:
            self._requests += 1
            request = f"{self._id}:{self._requests}"
            self._asked[request] = timer
            for known in (self._timers, self._asked):
                while len(known) > TIMERS:
                    del known[next(iter(known))]
        slots: dict[str, str | int] = {"seconds": seconds, "name": name}
        self._emit(Requested(self._clock(), TimerRequest(Intent("timer_set", slots)), request))

    def _end(self, id: str) -> None:
        timer = self._timers.pop(id, None)
        if timer is None:
            return
        with self._lock:
            timer.over, ours = True, timer.ours
        self._cancel(ours)

    def _cancel(self, ours: str) -> None:
        if ours:
            request = TimerRequest(Intent("cancel", {"timer": ours}))
            self._emit(Requested(self._clock(), request, f"{self._id}:end {ours}"))

    def answered(self, answer: Answer) -> Literal["announcement", "timer"] | None:
        """Of what this is the result, if Home Assistant has asked for it."""
        whose, _, timer = answer.id.partition(":")
        if whose != self._id:
            return None
        if not answer.ok:
            log.info("not done for Home Assistant: %s", answer.code or answer.message)
        if not timer:
            return "announcement"
        self._kept(answer)
        return "timer"

    def _kept(self, answer: Answer) -> None:
        kept = answer.data.get("timers")
        ours = str(kept[0]["timer"]) if isinstance(kept, tuple) and len(kept) == 1 else ""
        with self._lock:
            timer = self._asked.pop(answer.id, None)
            if timer is None:
                return
            timer.ours, over = ours, timer.over
        if over:
            self._cancel(ours)
