"""Wake storms: a television that says the wake word again and again, or a threshold that is far too low.

A false turn is one that a wake word began and in which nothing was understood, whether it ended in silence or was cut
off by the next wake; one that another agent answers is none. More than `LIMIT` of them within a minute make the part
"wake" degraded, until it is calmer: not above `CALM` in a minute. Nothing is switched off: the agent goes on to hear.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from agent.commands import Command, ListenOn, StartListening, TurnEnded
from agent.events import Event, Health, Instant, Turn

LIMIT, CALM = 10, 5
WITHIN_S = 60.0
REASON = "wake.storm: woken {count} times within a minute for nothing; raise wake.threshold, or is a television on?"


class WakeStorm:
    """Watches the commands that pass; for one thread. `emit` gets the health of "wake" where it changes."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._woken: Turn | None = None
        self._false: deque[float] = deque()
        self._raging = False

    def see(self, command: Command, now: Instant) -> None:
        match command:
            case StartListening(turn=turn, since=float()):
                self._woken = turn
            case ListenOn(turn=turn, of=of) if of == self._woken:
                self._woken = turn
            case TurnEnded(turn=turn, outcome=outcome, transcript="", reply="") if (
                turn == self._woken and outcome != "yielded"
            ):
                self._false.append(now.mono)
                self.tick(now)
            case _:
                pass

    def tick(self, now: Instant) -> None:
        """Time went by."""
        while self._false and now.mono - self._false[0] > WITHIN_S:
            self._false.popleft()
        count = len(self._false)
        if not self._raging and count > LIMIT:
            self._raging = True
            self._emit(Health(now, "wake", "degraded", REASON.format(count=count)))
        elif self._raging and count <= CALM:
            self._raging = False
            self._emit(Health(now, "wake", "ok"))
