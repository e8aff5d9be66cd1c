"""Who can be asked: an OpenAI-compatible endpoint, or Home Assistant. `agent.thinking.profiles` sees only this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agent.commands import Exchange
from agent.thinking.toolbox import TurnTools


class OnText(Protocol):
    """Takes a piece of the reply. `instead`: of all that came before, which was none."""

    def __call__(self, text: str, instead: bool = False) -> None: ...


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and of whom.

    `persona`: its name, "" for the only one; `prompt`: the persona's; `language` as in "en-GB"; `tools`: what may be
    used to answer, by those who can.
    """

    text: str
    history: tuple[Exchange, ...] = ()
    persona: str = ""
    prompt: str = ""
    language: str = "en"
    tools: TurnTools | None = None


class Unanswered(Exception):
    """Asked and in good order, but it does not know, and has done nothing: somebody else may. str(): what it says."""


class Answerer(Protocol):
    """Belongs to one asyncio loop."""

    @property
    def name(self) -> str:
        """Of its profile."""

    async def ask(self, question: Question, on_text: OnText) -> None:
        """One reply, piece by piece; returns at its end. Raises Failure or Unanswered.

        Can be cancelled at any time, which closes the connection.
        """

    async def reach(self) -> None:
        """Is it there, and will it take the key? Leaves an open connection for the next question. Raises Failure."""

    async def close(self) -> None: ...
