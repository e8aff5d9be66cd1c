"""What the session wants done: by the link, by the speaker, by the microphone, and for those who watch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.audio.pcm import Samples
from agent.events import Turn


@dataclass(frozen=True, slots=True)
class Say:
    """A message to the agent."""

    text: str


@dataclass(frozen=True, slots=True)
class Stream:
    """Sound for the agent: an encoded frame of so many periods."""

    frame: bytes
    periods: int


@dataclass(frozen=True, slots=True, eq=False)
class Play:
    turn: Turn
    pcm: Samples
    rate_hz: int


@dataclass(frozen=True, slots=True, eq=False)
class Beep:
    """A short sound, mixed over whatever plays."""

    pcm: Samples
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Complete:
    """Nothing more will be said in this turn."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Silence:
    """Be silent at once about this turn and all older ones."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Soften:
    db: float
    ramp_ms: int


@dataclass(frozen=True, slots=True)
class Loudness:
    percent: int


@dataclass(frozen=True, slots=True)
class Prepare:
    """Something will be said."""


@dataclass(frozen=True, slots=True)
class Attend:
    """Sound is wanted as it comes, or no longer."""

    on: bool


@dataclass(frozen=True, slots=True)
class Tell:
    """For those who watch, people and programs."""

    what: str
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leave:
    """It is over; `code`: the exit code."""

    code: int
    reason: str


Doing = Say | Stream | Play | Beep | Complete | Silence | Soften | Loudness | Prepare | Attend | Tell | Leave
