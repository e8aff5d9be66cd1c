"""The words that all events share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Turn = int
Part = Literal["mic", "speaker", "wake", "asr", "llm", "tts", "mqtt", "disk"]
Status = Literal["ok", "loading", "degraded", "failed"]
Phase = Literal["idle", "listening", "thinking", "speaking"]
Hint = Literal["complete", "asking", "hanging", "open"]
Cause = Literal["silence", "no_speech", "too_long"]
PanelAction = Literal["listen", "stop", "mute"]


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks: `mono` in seconds (time.monotonic) for intervals, `wall` (aware) for people."""

    mono: float
    wall: datetime
