"""What the store tells."""

from __future__ import annotations

from dataclasses import dataclass

from agent.events.base import Instant


@dataclass(frozen=True, slots=True)
class TimersKept:
    """What came of `agent.commands.KeepTimers`: not `ok`: the disk has what it had before; `reason` is for people."""

    at: Instant
    revision: int
    ok: bool
    reason: str = ""
