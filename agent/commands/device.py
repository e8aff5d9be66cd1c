"""What the process itself is to do."""

from __future__ import annotations

from dataclasses import dataclass

from agent.commands.base import Outcome
from agent.events import Turn
from agent.requests import Value


@dataclass(frozen=True, slots=True)
class ChangeSetting:
    """Change a setting that is a matter of configuration; `agent.events.SettingChanged` tells what came of it."""

    name: str
    value: Value | None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Examine:
    """Let the doctor look; the report is the answer to `id`."""

    id: str | None = None


@dataclass(frozen=True, slots=True)
class Restart:
    """End in a way that makes systemd start afresh."""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A turn is over; the receipt is made from it and from the events the driver saw."""

    turn: Turn
    outcome: Outcome
    transcript: str
    reply: str
    persona: str = ""
