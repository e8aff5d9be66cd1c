"""What other agents in the house tell."""

from __future__ import annotations

from dataclasses import dataclass

from agent.events.base import Instant


@dataclass(frozen=True, slots=True)
class PeersChanged:
    """How many other agents of our group there are that hear us now, and who we are among them; 0 without a broker.

    `device`: our name in the group; "" where there is no group or no broker to meet at.
    """

    at: Instant
    device: str
    peers: int


@dataclass(frozen=True, slots=True)
class RivalWoke:
    """Another agent of the group has heard a wake word, and how well. `at`: when we learnt it."""

    at: Instant
    device: str
    quality: float


@dataclass(frozen=True, slots=True)
class RivalClaimed:
    """Another agent of the group answers. `answering`: it was busy with this very user, and was interrupted."""

    at: Instant
    device: str
    quality: float
    answering: bool = False
