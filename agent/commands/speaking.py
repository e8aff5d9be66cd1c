"""What the mouth is to do."""

from __future__ import annotations

from dataclasses import dataclass

from agent.commands.base import EarconName
from agent.events import Turn
from agent.requests import Clip


@dataclass(frozen=True, slots=True)
class Speak:
    """Text to speak in this turn, appended to what came before; `last` closes the reply (text may then be "").

    `afresh`: these are our own words, which nothing that the language model has left open (a thought, a table, the
    limit of an answer) may hide. `instead`: what came before and is not yet sound is not to be spoken. `sound`: of the
    text, so that no voice is needed.

    Sounds that are part of the reply: with `chime`, where it begins one, "announce" before its first word; with
    `invites`, where it closes one, "wake" after its last, since a follow-up comes.
    """

    turn: Turn
    text: str
    last: bool = False
    chime: bool = False
    invites: bool = False
    afresh: bool = False
    instead: bool = False
    persona: str = ""
    sound: Clip | None = None


@dataclass(frozen=True, slots=True)
class Hush:
    """Silence at once everything of this turn and of older ones."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Duck:
    """Speak more softly in this turn (`on`), since somebody speaks over it, or as loud as before.

    The ear listens meanwhile to what is said, as words to this persona.
    """

    turn: Turn
    on: bool
    persona: str = ""


@dataclass(frozen=True, slots=True)
class Earcon:
    """A short sound. It belongs to no reply: it is neither waited for nor part of what was heard."""

    turn: Turn
    name: EarconName


@dataclass(frozen=True, slots=True)
class SetVolume:
    percent: int
