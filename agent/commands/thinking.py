"""What the language model is to do."""

from __future__ import annotations

from dataclasses import dataclass

from agent.events import Turn


@dataclass(frozen=True, slots=True)
class Exchange:
    """One past turn of the conversation: what was asked, and as much of the answer as was really heard."""

    asked: str
    heard: str


@dataclass(frozen=True, slots=True)
class AskLlm:
    turn: Turn
    text: str
    history: tuple[Exchange, ...] = ()
    persona: str = ""


@dataclass(frozen=True, slots=True)
class CancelLlm:
    turn: Turn


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The answer to `agent.events.ConfirmDue`, of this turn and this call alone."""

    turn: Turn
    call: str
    yes: bool


@dataclass(frozen=True, slots=True)
class IntentDone:
    """What came of `agent.events.IntentCalled`. `text`: what would have been said to the user; data to the model."""

    turn: Turn
    call: str
    ok: bool
    text: str
