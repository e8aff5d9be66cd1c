"""The vocabulary of behaviour: what can happen. What is done about it stands in `agent.commands`.

Rules:
- Everything here is a frozen value. Nothing here does anything.
- Time is an argument: each event carries the `Instant` at which it entered the inbox. Fields named `audio_at` are
  seconds on the monotonic clock at which the sound itself was in the air, told by ALSA's time stamps and delays, not by
  when Python looked.
- A turn runs from a wake (or a command) to the drained reply and has a number that only grows. Events of an older turn
  are stale and are dropped by `agent.dialogue.step`; workers compare a command's turn with the newest they know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agent.requests import Intent, Request, Value

Turn = int
Part = Literal["mic", "speaker", "wake", "asr", "llm", "tts", "mqtt", "disk"]
Status = Literal["ok", "loading", "degraded", "failed"]
Phase = Literal["idle", "listening", "thinking", "speaking"]
Cause = Literal["silence", "no_speech", "too_long"]
PanelAction = Literal["listen", "stop", "mute"]


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks: `mono` in seconds (time.monotonic) for intervals, `wall` (aware) for people."""

    mono: float
    wall: datetime


# ---------------------------------------------------------------- events: hearing


@dataclass(frozen=True, slots=True)
class Wake:
    """A wake word was heard. `audio_at`: last frame of the scoring hop, seconds on the monotonic clock.

    `quality`: how well it was heard, comparable between devices (`agent.hearing.quality`).
    """

    at: Instant
    word: str
    score: float
    audio_at: float
    quality: float = 0.0


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """In a listening turn the user began to speak (voice after the wake word)."""

    at: Instant
    turn: Turn
    audio_at: float


@dataclass(frozen=True, slots=True)
class Partial:
    """What the recogniser believes so far; replaces the previous partial."""

    at: Instant
    turn: Turn
    text: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The utterance is over. `audio_at`: the last frame with speech (of the wake word, where nothing was said)."""

    at: Instant
    turn: Turn
    audio_at: float
    cause: Cause


@dataclass(frozen=True, slots=True)
class Final:
    """What was said; "" if nothing intelligible. `intent` is attached by the inbox driver."""

    at: Instant
    turn: Turn
    text: str
    intent: Intent | None = None


@dataclass(frozen=True, slots=True)
class AsrFailed:
    at: Instant
    turn: Turn
    reason: str


# ---------------------------------------------------------------- events: thinking


@dataclass(frozen=True, slots=True)
class ReplyDelta:
    """Text of the reply, as the LLM wrote it, in any slicing."""

    at: Instant
    turn: Turn
    text: str


@dataclass(frozen=True, slots=True)
class ReplyDone:
    at: Instant
    turn: Turn


@dataclass(frozen=True, slots=True)
class LlmFailed:
    """No profile could answer (or the one that had begun broke off).

    `code` is one of none_configured, unreachable, auth, rate_limited, server_error, timeout, bad_reply, cut_off; or
    unanswered: somebody is there but does not know, and says `detail` in the user's language.
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


# ---------------------------------------------------------------- events: speaking


@dataclass(frozen=True, slots=True)
class ClauseReady:
    """The first speakable clause of a reply went to the TTS engine."""

    at: Instant
    turn: Turn
    text: str


@dataclass(frozen=True, slots=True)
class TtsFirst:
    """The TTS engine delivered the first samples of a reply."""

    at: Instant
    turn: Turn


@dataclass(frozen=True, slots=True)
class Audible:
    """The first frame of the reply is in the air. `audio_at` includes the device delay."""

    at: Instant
    turn: Turn
    audio_at: float


@dataclass(frozen=True, slots=True)
class SpeechDone:
    """Everything said in this turn has been heard or was dropped. `heard`: the clauses really heard, joined."""

    at: Instant
    turn: Turn
    heard: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class SpeechFailed:
    """The reply could not be spoken, or not to its end (TTS or speaker); the text is still published.

    `heard`: the clauses heard before, joined.
    """

    at: Instant
    turn: Turn
    reason: str
    heard: str = ""


# ---------------------------------------------------------------- events: other agents in the house


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


# ---------------------------------------------------------------- events: health, requests, time


@dataclass(frozen=True, slots=True)
class Health:
    """A part changed its health. `reason` is short, for people, without secrets; "" when ok."""

    at: Instant
    part: Part
    status: Status
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Requested:
    """A command from outside (MQTT, the command line). `id` is the sender's, echoed in the result."""

    at: Instant
    request: Request
    id: str | None = None


@dataclass(frozen=True, slots=True)
class SettingChanged:
    """What came of `agent.commands.ChangeSetting`: `value` is in force now; not `ok`: it is as before, and why.

    `changed`: the value is not what the configuration says.
    """

    at: Instant
    name: str
    value: Value | None
    changed: bool = True
    id: str | None = None
    ok: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Pressed:
    """The button was pressed, and `action` is what that means: "listen" also ends what goes on, "mute" toggles."""

    at: Instant
    action: PanelAction


@dataclass(frozen=True, slots=True)
class MuteSwitched:
    """The mute switch on the device is on (the microphone is off), or is not.

    With a `fault` its level cannot be told, and it counts as on; the text is for people.
    """

    at: Instant
    on: bool
    fault: str = ""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The driver's clock reached `deadline(state)`."""

    at: Instant


Event = (
    Wake
    | SpeechStarted
    | Partial
    | Endpoint
    | Final
    | AsrFailed
    | ReplyDelta
    | ReplyDone
    | LlmFailed
    | ConfirmDue
    | ToolUsed
    | ClauseReady
    | TtsFirst
    | Audible
    | SpeechDone
    | SpeechFailed
    | PeersChanged
    | RivalWoke
    | RivalClaimed
    | Health
    | Requested
    | SettingChanged
    | Pressed
    | MuteSwitched
    | DeadlinePassed
)
