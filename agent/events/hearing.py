"""What the ear tells."""

from __future__ import annotations

from dataclasses import dataclass

from agent.events.base import Cause, Hint, Instant, Turn
from agent.requests import Intent


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
class VoiceOver:
    """Somebody speaks while the agent says `turn`; told again every half second while that goes on."""

    at: Instant
    turn: Turn
    audio_at: float


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """In a listening turn the user began to speak (voice after the wake word)."""

    at: Instant
    turn: Turn
    audio_at: float


@dataclass(frozen=True, slots=True)
class Partial:
    """What the recogniser believes so far; replaces the previous partial. The same text comes again where it was found
    in more of the sound.

    `heard_ms`: how much of the sound that the recogniser was given the text is of. `hint`: whether the user may have
    finished with it, attached by the inbox driver.
    """

    at: Instant
    turn: Turn
    text: str
    heard_ms: int = 0
    hint: Hint = "open"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The utterance is over. `audio_at`: the last frame with speech (of the wake word, where nothing was said)."""

    at: Instant
    turn: Turn
    audio_at: float
    cause: Cause


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """After the endpoint of this turn the user went on speaking: it was a pause."""

    at: Instant
    turn: Turn
    audio_at: float


@dataclass(frozen=True, slots=True)
class Final:
    """What was said; "" if nothing intelligible. `intent` is attached by the inbox driver.

    `elsewhere`: who has understood it where that is not this device, and is about to answer it, too; else "".
    """

    at: Instant
    turn: Turn
    text: str
    intent: Intent | None = None
    elsewhere: str = ""


@dataclass(frozen=True, slots=True)
class AsrFailed:
    at: Instant
    turn: Turn
    reason: str
