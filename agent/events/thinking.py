"""What the language model and its tools tell."""

from __future__ import annotations

from dataclasses import dataclass

from agent.events.base import Instant, Turn
from agent.requests import Intent


@dataclass(frozen=True, slots=True)
class ReplyDelta:
    """Text of the reply, as the LLM wrote it, in any slicing.

    `instead`: of all that came before, which has turned out to be no part of it; `profile`: who writes it.
    """

    at: Instant
    turn: Turn
    text: str
    instead: bool = False
    profile: str = ""


@dataclass(frozen=True, slots=True)
class ReplyDone:
    at: Instant
    turn: Turn


@dataclass(frozen=True, slots=True)
class LlmFailed:
    """No profile could answer (or the one that had begun broke off).

    `code` is one of none_configured, unreachable, auth, rate_limited, server_error, timeout, bad_reply, other_script
    (it answers in letters that the language is not written in), cut_off; home_assistant: its pipeline was to
    answer; or unanswered: somebody is there but does not know, and says `detail` in the user's language.
    """

    at: Instant
    turn: Turn
    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ConfirmDue:
    """The language model wants to do what somebody has to agree to; `agent.commands.Confirmed` is the answer.

    `call`: of this question alone; `words`: what would be done, whole, put into words by us and not by the model.
    """

    at: Instant
    turn: Turn
    call: str
    words: str


@dataclass(frozen=True, slots=True)
class ToolUsed:
    """The language model has called a tool, and this came of it.

    `name`, `server`: as the configuration knows them; "" for a tool that there is not. `decision`: done, failed (the
    tool says so), unavailable (lost, or not in time), declined (by the user), or why it was not let through: a code of
    `agent.thinking.policy`. `ms`: it took.
    """

    at: Instant
    turn: Turn
    name: str
    server: str
    decision: str
    ms: int


@dataclass(frozen=True, slots=True)
class IntentCalled:
    """The language model has called a tool of our own, which is let through: do it as if the user had said it.

    `agent.commands.IntentDone` is the answer, of this turn and this call alone.
    """

    at: Instant
    turn: Turn
    call: str
    intent: Intent
