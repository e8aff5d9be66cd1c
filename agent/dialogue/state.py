"""What the dialogue knows: one frozen value.

A turn is in exactly one activity. The activities are the states of the machine in `docs/design.md`:

    Idle ─wake, listen─▶ Listening ─endpoint─▶ Transcribing ─final─▶ Thinking ─first delta─▶ Speaking ─heard─▶ Idle

A local intent goes from Transcribing straight to Speaking. A wake goes from anywhere to Listening, in a new turn; where
other agents may have heard it too, by way of Contending (`agent.dialogue.contest`). Every activity but Idle has an
`until`: the moment at which the dialogue gives up waiting, whatever the workers do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from agent.commands import Command, Earcon, Exchange, Outcome
from agent.dialogue.acting import Acting
from agent.dialogue.duck import Ducking
from agent.dialogue.group import Group
from agent.dialogue.rules import Rules
from agent.dialogue.timerbook import Book
from agent.events import (
    AsrFailed,
    Endpoint,
    Final,
    Hint,
    Part,
    Partial,
    Phase,
    SpeechResumed,
    SpeechStarted,
    Status,
    Turn,
)
from agent.requests import Intent, SayRequest, Value


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing goes on."""


@dataclass(frozen=True, slots=True)
class Listening:
    """The ear feeds the recogniser. `chime_at`: when to acknowledge the wake, unless the user speaks on at once.

    `spoken`: the user has begun to speak. `partial`, `hint`: what the recogniser believed last.
    """

    until: float
    chime_at: float | None
    spoken: bool = False
    partial: str = ""
    hint: Hint = "open"


HearingEvent = SpeechStarted | Partial | Endpoint | SpeechResumed | Final | AsrFailed


@dataclass(frozen=True, slots=True)
class Contending:
    """The ear feeds the recogniser, and it is open which agent answers: nothing is shown, said or done.

    `until`: when it is decided; `listening`, `sounds`: what then begins; `held`: what the ear has told meanwhile.
    """

    until: float
    listening: Listening
    held: tuple[HearingEvent, ...] = ()
    sounds: tuple[Earcon, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcribing:
    """The utterance is over, the final text is due."""

    until: float


@dataclass(frozen=True, slots=True)
class Thinking:
    """The LLM has been asked and has not begun to answer. `fallback`: what we can answer ourselves if it cannot."""

    until: float
    fallback: Intent | None = None


@dataclass(frozen=True, slots=True)
class Speaking:
    """The reply is being spoken; `complete` once its last word has been handed to the mouth.

    `invites`: it ends with the sound after which the agent listens on; `written`: by the LLM.
    """

    until: float
    complete: bool
    outcome: Outcome = "answered"
    invites: bool = False
    written: bool = False


Activity = Idle | Contending | Listening | Transcribing | Thinking | Speaking

PHASE: Mapping[type[Activity], Phase] = MappingProxyType(
    {
        Idle: "idle",
        Contending: "idle",
        Listening: "listening",
        Transcribing: "thinking",
        Thinking: "thinking",
        Speaking: "speaking",
    }
)


@dataclass(frozen=True, slots=True)
class Talk:
    """The texts of one turn. `request`: the id of the command that began it, if it wants an answer.

    `announcement`: what is said in it; then nobody has asked. `aloud`: the question is spoken, not typed. `follow_up`:
    how many follow-ups led here; 0: none, a wake word or a command began it. `persona`: with whom one talks.

    `revocable`: nothing but a question has gone out, and nothing of an answer has been heard: whoever asked may go on.

    `question`: which call somebody is asked to agree to, "" for none (`agent.dialogue.confirmation`); `thinker`: the
    turn in which the language model was asked, where that was an earlier one, else 0.
    """

    turn: Turn = 0
    asked: str = ""
    reply: str = ""
    request: str | None = None
    announcement: SayRequest | None = None
    aloud: bool = False
    follow_up: int = 0
    persona: str = ""
    question: str = ""
    thinker: Turn = 0
    revocable: bool = False


@dataclass(frozen=True, slots=True)
class Closing:
    """An interrupted turn whose mouth has been hushed and has yet to tell what was heard."""

    talk: Talk
    until: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class PendingSay:
    """An announcement that waits for the current turn to end. `id`: of the command, if it wants an answer."""

    request: SayRequest
    id: str | None


@dataclass(frozen=True, slots=True)
class Remembered:
    exchange: Exchange
    at: float
    persona: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """The last reply, and who gave it."""

    text: str = ""
    persona: str = ""


@dataclass(frozen=True, slots=True)
class PartHealth:
    status: Status
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A setting as it is in force. `changed`: somebody has set it, so it is not what the configuration says."""

    value: Value | None
    changed: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """`muted` is what somebody asked for, `switched_off` what the switch on the device says; neither changes the other.

    `switch_fault`: why the switch counts as on although nobody can tell. `volume_set`: somebody has set the volume.
    `settings`: those that are not live (`agent.settings`). `restart_from`: the monotonic second from which a restart
    may be asked for; None where nobody would start the agent again. `told`: the volume that the speaker was told last.
    `silent_from`: since when (monotonic seconds) somebody who waits hears nothing (`agent.dialogue.waiting`), or None.
    """

    rules: Rules = field(default_factory=Rules)
    activity: Activity = Idle()
    talk: Talk = Talk()
    closing: Closing | None = None
    pending: tuple[PendingSay, ...] = ()
    history: tuple[Remembered, ...] = ()
    last_reply: Said = Said()
    volume: int = 70
    told: int = 70
    muted: bool = False
    switched_off: bool = False
    switch_fault: str = ""
    volume_set: bool = False
    do_not_disturb: bool = False
    settings: Mapping[str, Held] = field(default_factory=dict)
    restart_from: float | None = None
    silent_from: float | None = None
    duck: Ducking = field(default_factory=Ducking)
    health: Mapping[Part, PartHealth] = field(default_factory=dict)
    group: Group = field(default_factory=Group)
    book: Book = field(default_factory=Book)
    acting: Acting | None = None

    @property
    def turn(self) -> Turn:
        return self.talk.turn

    @property
    def language(self) -> str:
        """Of the current turn."""
        return self.language_of(self.talk.persona)

    def language_of(self, persona: str) -> str:
        return self.rules.cast.languages.get(persona, self.rules.language)

    @property
    def phase(self) -> Phase:
        return PHASE[type(self.activity)]

    @property
    def busy(self) -> Phase:
        """The phase that tells whose work is going on: who contends is shown as idle, and listens."""
        return "listening" if isinstance(self.activity, Contending) else self.phase

    @property
    def loading(self) -> float:
        """How long the recogniser may take to load, while it does; 0.0 otherwise."""
        if "asr" not in self.health or self.health["asr"].status != "loading":
            return 0.0
        return self.rules.late_limit if self.rules.cast.languages else self.rules.loading_limit

    @property
    def mic_off(self) -> bool:
        """The gate in front of the wake word is closed, for whichever reason."""
        return self.muted or self.switched_off


Step = tuple[State, tuple[Command, ...]]


def enter(state: State, activity: Activity) -> State:
    return replace(state, activity=activity)
