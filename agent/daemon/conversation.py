"""A conversation: the rooms in which somebody is heard, understood and answered, and which deed is whose.

The device has one, and every guest who talks has one of its own: with another microphone and another loudspeaker, and
the same rooms between them.
"""

from __future__ import annotations

from typing import Protocol, assert_never

from agent.commands import (
    AskLlm,
    CancelLlm,
    Confirmed,
    Duck,
    Earcon,
    Hush,
    IntentDone,
    ListenOn,
    SetMute,
    SetPatience,
    SetVolume,
    Speak,
    StartListening,
    StopListening,
)
from agent.hearing.ear import Ear
from agent.speaking.mouth import Mouth
from agent.thinking.llm import Thinker

Deed = (
    StartListening | ListenOn | SetPatience | StopListening | SetMute | AskLlm | CancelLlm | Confirmed | IntentDone
    | Speak | Hush | Duck | Earcon | SetVolume
)  # fmt: skip


class Loudspeaker(Protocol):
    """What of the way out is told apart from the mouth."""

    def prepare(self) -> None: ...
    def soften(self, on: bool) -> None: ...


class Conversation(Protocol):
    @property
    def ear(self) -> Ear: ...
    @property
    def mouth(self) -> Mouth: ...
    @property
    def thinker(self) -> Thinker: ...
    @property
    def playback(self) -> Loudspeaker: ...


def do(rooms: Conversation, deed: Deed) -> None:
    """Hand a command to its room."""
    match deed:
        case StartListening(persona=persona) | ListenOn(persona=persona):
            rooms.ear.do(deed)
            # A question is coming: open now what will be needed then.
            rooms.playback.prepare()
            rooms.mouth.prepare(persona)
            rooms.thinker.warm(persona)
        case SetPatience() | StopListening() | SetMute():
            rooms.ear.do(deed)
        case AskLlm(persona=persona):
            rooms.thinker.do(deed)
            rooms.mouth.prepare(persona)  # nobody has listened, where the question was typed
        case CancelLlm() | Confirmed() | IntentDone():
            rooms.thinker.do(deed)
        case Duck(on=on):
            rooms.playback.soften(on)
            rooms.ear.do(deed)
        case Earcon():
            rooms.ear.do(deed)  # first, so that it expects what it will hear
            rooms.mouth.do(deed)
        case Speak() | Hush() | SetVolume():
            rooms.mouth.do(deed)
        case unknown:
            assert_never(unknown)
