"""Who has asked for what takes a while, and has to be told what came of it (`agent.dialogue.telling`)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.commands import IntentDone
from agent.events import Turn


@dataclass(frozen=True, slots=True)
class Spoken:
    """Somebody has said it, in this turn, and is answered aloud."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Commanded:
    """A command from outside; `id` as in `agent.events.Requested`."""

    id: str | None


@dataclass(frozen=True, slots=True)
class Called:
    """The language model has called it as a tool, and is told. `turn`, `call` as in `agent.events.IntentCalled`."""

    turn: Turn
    call: str

    def done(self, words: str) -> IntentDone:
        return IntentDone(self.turn, self.call, True, words)

    def failed(self, words: str) -> IntentDone:
        return IntentDone(self.turn, self.call, False, words)


Origin = Spoken | Commanded | Called
