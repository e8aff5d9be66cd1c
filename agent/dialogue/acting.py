"""What is being done on MQTT: the action that waits for the broker's word."""

from __future__ import annotations

from dataclasses import dataclass

from agent.dialogue.origin import Origin
from agent.events import Turn


@dataclass(frozen=True, slots=True)
class Acting:
    """`turn`: of the command; `until` (monotonic seconds): the broker has taken too long; `words`: once it is done."""

    turn: Turn
    action: str
    until: float
    words: str
    origin: Origin
