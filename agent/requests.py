"""The vocabulary of behaviour: what people ask for, by voice (`Intent`) or as a command from outside (`Request`).

Frozen values like `agent.events`, which carry them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Priority = Literal["low", "normal", "high"]
Value = str | int | float | bool

DEFAULT_PERSONA = "default"  # what the world calls the persona of the section [persona], which is "" among us


@dataclass(frozen=True, slots=True)
class Intent:
    """What a sentence asks for, when it is a local command: `name` such as "time", `slots` such as {"percent": 30}."""

    name: str
    slots: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clip:
    """Sound that somebody else has made: int16 little-endian mono."""

    rate_hz: int
    pcm: bytes = field(repr=False)

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / self.rate_hz


@dataclass(frozen=True, slots=True)
class ListenRequest:
    """Listen as if the wake word had been said. `persona`: whose; None: of whoever answers otherwise.

    `since`: from which moment on somebody may be speaking already (monotonic seconds); None: from now.
    """

    persona: str | None = None
    since: float | None = None


@dataclass(frozen=True, slots=True)
class StopRequest:
    """End the current turn, be silent. `parting`: the process ends; nobody has seen to what rings."""

    parting: bool = False


@dataclass(frozen=True, slots=True)
class SayRequest:
    """An announcement. `volume_percent`: for this one alone; None: as the device is set.

    `priority`: "low" waits for a better moment and is not said in quiet hours, "high" is said at once and always.
    `persona`: who says it. `sound`: it is said already, and `text` is what it says, as far as anybody knows.
    """

    text: str
    priority: Priority = "normal"
    chime: bool = False
    volume_percent: int | None = None
    persona: str | None = None
    sound: Clip | None = None


@dataclass(frozen=True, slots=True)
class AskRequest:
    """As if the user had said `text` to `persona`; `intent` is attached by the inbox driver."""

    text: str
    intent: Intent | None = None
    persona: str | None = None


@dataclass(frozen=True, slots=True)
class MuteRequest:
    on: bool


@dataclass(frozen=True, slots=True)
class VolumeRequest:
    percent: int


@dataclass(frozen=True, slots=True)
class SettingRequest:
    """Change a setting (`agent.settings`) until somebody changes it again; None: as the configuration says."""

    name: str
    value: Value | None


@dataclass(frozen=True, slots=True)
class DoctorRequest:
    """Examine the device; the report is the result."""


@dataclass(frozen=True, slots=True)
class TimerRequest:
    """Timers and alarms: `intent` as a sentence would have it, or "cancel" of either kind; `timer` may be an id."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class RestartRequest:
    """End, so that systemd starts afresh."""


Request = (
    ListenRequest
    | StopRequest
    | SayRequest
    | AskRequest
    | MuteRequest
    | VolumeRequest
    | SettingRequest
    | DoctorRequest
    | TimerRequest
    | RestartRequest
)


def shown(persona: str) -> str:
    """A persona as the world calls it."""
    return persona or DEFAULT_PERSONA


def own(name: str) -> str:
    """The inverse of `shown`."""
    return "" if name == DEFAULT_PERSONA else name
