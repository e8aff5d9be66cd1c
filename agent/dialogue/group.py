"""What is known of the other agents of our group: who has heard which wake word how well, and who answers.

Moments are those at which we learnt of a thing, on our own clock: the clocks of the devices are never compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.events import RivalClaimed, RivalWoke, Turn

Rank = tuple[bool, float, str]  # who was interrupted by the word, then who heard it best, then by name

KEEP_S = 2.0
OVERTAKEN_S = 0.5


@dataclass(frozen=True, slots=True)
class Rival:
    """The last that another agent has said. `claims`: that it answers."""

    device: str
    quality: float
    at: float
    claims: bool = False
    answering: bool = False

    @property
    def rank(self) -> Rank:
        return self.answering, self.quality, self.device


@dataclass(frozen=True, slots=True)
class Mine:
    """Our own last wake word: the turn that it began, when, and how well it was heard."""

    turn: Turn
    at: float
    quality: float
    answering: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """`device`: our name in it, "" where there is none to meet; `peers`: how many others hear us now."""

    device: str = ""
    peers: int = 0
    rivals: tuple[Rival, ...] = ()
    mine: Mine | None = None

    def rank(self, mine: Mine) -> Rank:
        return mine.answering, mine.quality, self.device

    def since(self, moment: float) -> list[Rival]:
        """Who has said something since then, the best first."""
        return sorted(
            (rival for rival in self.rivals if rival.at >= moment), key=lambda rival: rival.rank, reverse=True
        )

    def told(self, event: RivalWoke | RivalClaimed) -> Group:
        """A rival's word, which replaces its last; but a bid that its own claim has overtaken says nothing new."""
        now = event.at.mono
        others = tuple(rival for rival in self.rivals if rival.at > now - KEEP_S and rival.device != event.device)
        last = next((rival for rival in self.rivals if rival.device == event.device), None)
        match event:
            case RivalWoke(device=device, quality=quality):
                overtaken = last is not None and last.claims and last.at > now - OVERTAKEN_S
                word = last if overtaken and last is not None else Rival(device, quality, now)
            case RivalClaimed(device=device, quality=quality, answering=answering):
                word = Rival(device, quality, now, claims=True, answering=answering)
        return replace(self, rivals=(*others, word))
