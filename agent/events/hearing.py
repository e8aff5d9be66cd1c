"""What the ear tells."""

from __future__ import annotations

from dataclasses import dataclass

from agent.events.base import Cause, Instant, Turn
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
