"""The vocabulary of behaviour: what is to be done (commands), as `agent.dialogue` decides it and the rooms do it.

Frozen values like `agent.events`, whose types they share. `persona` is a name of `[personas]`, "" for `[persona]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from agent.events import Part, Phase, Status, Turn
from agent.requests import Value

Outcome = Literal["answered", "interrupted", "silence", "failed", "yielded"]
EarconName = Literal["wake", "done", "error", "muted", "thinking", "announce"]
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class StartListening:
    """Feed the recogniser from `since` (monotonic seconds; None = from now) for this turn.

    With `since`, the ear replays its preroll from 200 ms before it and drops words that ended before the wake word did.
    `first_word_ms`: the agent has just spoken, and this is how long to wait for an answer; None: as configured.
    """

    turn: Turn
    since: float | None = None
    first_word_ms: int | None = None
    persona: str = ""


@dataclass(frozen=True, slots=True)
class StopListening:
    turn: Turn


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
class Speak:
    """Text to speak in this turn, appended to what came before; `last` closes the reply (text may then be "").

    Sounds that are part of the reply: with `chime`, where it begins one, "announce" before its first word; with
    `invites`, where it closes one, "wake" after its last, since a follow-up comes.
    """

    turn: Turn
    text: str
    last: bool = False
    chime: bool = False
    invites: bool = False
    persona: str = ""


@dataclass(frozen=True, slots=True)
class Hush:
    """Silence at once everything of this turn and of older ones."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Earcon:
    """A short sound. It belongs to no reply: it is neither waited for nor part of what was heard."""

    turn: Turn
    name: EarconName


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


@dataclass(frozen=True, slots=True)
class SetVolume:
    percent: int


@dataclass(frozen=True, slots=True)
class SetMute:
    """Close or open the hard gate in front of the wake word."""

    on: bool


@dataclass(frozen=True, slots=True)
class ChangeSetting:
    """Change a setting that is a matter of configuration; `agent.events.SettingChanged` tells what came of it."""

    name: str
    value: Value | None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Examine:
    """Let the doctor look; the report is the answer to `id`."""

    id: str | None = None


@dataclass(frozen=True, slots=True)
class Restart:
    """End in a way that makes systemd start afresh."""


@dataclass(frozen=True, slots=True)
class ShowState:
    phase: Phase
    turn: Turn


@dataclass(frozen=True, slots=True)
class ShowTranscript:
    turn: Turn
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class ShowReply:
    """The reply of a finished turn: the whole text, and as much of it as was heard."""

    turn: Turn
    text: str
    heard: str


@dataclass(frozen=True, slots=True)
class ShowEvent:
    """A momentary fact for automations: `type` is the last level of the topic `event/<type>`."""

    type: str
    turn: Turn | None = None
    data: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShowHealth:
    part: Part
    status: Status
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ShowSetting:
    """The value of a setting as it is now.

    `keep`: somebody has just set it, and it outlives a restart. `changed`: it is not what the configuration says.
    """

    name: str
    value: Value | None
    keep: bool = True
    changed: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a request that carried an id."""

    id: str
    ok: bool
    code: str = ""
    message: str = ""
    data: Mapping[str, Scalar | tuple[Mapping[str, Scalar], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A turn is over; the receipt is made from it and from the events the driver saw."""

    turn: Turn
    outcome: Outcome
    transcript: str
    reply: str
    persona: str = ""


Command = (
    StartListening
    | StopListening
    | AskLlm
    | CancelLlm
    | Confirmed
    | Speak
    | Hush
    | Earcon
    | Bid
    | Claim
    | SetVolume
    | SetMute
    | ChangeSetting
    | Examine
    | Restart
    | ShowState
    | ShowTranscript
    | ShowReply
    | ShowEvent
    | ShowHealth
    | ShowSetting
    | Answer
    | TurnEnded
)
