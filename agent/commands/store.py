"""What the store is to do."""

from __future__ import annotations

from dataclasses import dataclass

from agent.timers import Timer


@dataclass(frozen=True, slots=True)
class KeepTimers:
    """Write all timers, so that they outlive a power cut; `agent.events.TimersKept` tells when that is done.

    `revision` only grows.
    """

    revision: int
    timers: tuple[Timer, ...]
