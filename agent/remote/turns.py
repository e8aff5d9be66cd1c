"""Turns by two numbers: the agent's, far apart and beginning anew, and ours, which count up for the speaker."""

from __future__ import annotations

from agent.events import Turn

KEPT = 32
OLD: Turn = 0  # of a turn that nobody remembers: older than all


class Turns:
    def __init__(self) -> None:
        self._ours: dict[Turn, Turn] = {}  # by the agent's, in order
        self._latest: Turn = OLD

    def anew(self) -> Turn:
        """The agent begins another conversation; returns our number of the last turn before it."""
        self._ours.clear()
        return self._latest

    def ours(self, turn: Turn) -> Turn:
        if turn in self._ours:
            return self._ours[turn]
        if self._ours and turn < max(self._ours):
            return OLD
        self._latest += 1
        self._ours[turn] = self._latest
        while len(self._ours) > KEPT:
            del self._ours[min(self._ours)]
        return self._latest

    def theirs(self, ours: Turn) -> Turn | None:
        """None of another conversation."""
        return next((turn for turn, each in self._ours.items() if each == ours), None)
