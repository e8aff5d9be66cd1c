"""What other agents in the house are told."""

from __future__ import annotations

from dataclasses import dataclass

from agent.events import Turn


@dataclass(frozen=True, slots=True)
class Bid:
    """Tell the other agents of the group how well we have heard the wake word."""

    turn: Turn
    quality: float


@dataclass(frozen=True, slots=True)
class Claim:
    """Tell the other agents of the group that we answer. `answering`: the wake word interrupted our own turn."""

    turn: Turn
    quality: float
    answering: bool = False
