"""What the mouth tells."""

from __future__ import annotations

from dataclasses import dataclass

from agent.events.base import Instant, Turn


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
class Paused:
    """All that has been written so far of the reply has been heard, and it is not complete. `since`: silent, mono s."""

    at: Instant
    turn: Turn
    since: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The reply goes on behind a pause."""

    at: Instant
    turn: Turn


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
