"""What becomes of the user's own actions."""

from __future__ import annotations

from dataclasses import dataclass

from agent.events.base import Instant, Turn


@dataclass(frozen=True, slots=True)
class Acted:
    """What came of `agent.commands.Act`: the broker has taken it; not `ok`: it has not, as far as anybody knows.

    `reason` is for people, without secrets.
    """

    at: Instant
    turn: Turn
    action: str
    ok: bool
    reason: str = ""
