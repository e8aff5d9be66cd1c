"""What the world is to do, as the user has configured it."""

from __future__ import annotations

from dataclasses import dataclass

from agent.events import Turn


@dataclass(frozen=True, slots=True)
class Act:
    """Publish what an action says; `agent.events.Acted` tells whether the broker took it. Now or never.

    `action`: a name of `[[actions]]`; `topic`, `payload`: whole.
    """

    turn: Turn
    action: str
    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
