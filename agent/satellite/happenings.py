"""What happens to a satellite, and what is to be done about it. Frozen values; nothing here does anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.events import Turn
from agent.wyoming.messages import Message

Owner = Turn | None  # whose sound: a turn's reply, or (None) an announcement

# ------------------------------------------------------------------ what happens


@dataclass(frozen=True, slots=True)
class Gone:
    """Home Assistant's connection ended."""


@dataclass(frozen=True, slots=True)
class Said:
    """Home Assistant said this."""

    message: Message


@dataclass(frozen=True, slots=True)
class Woke:
    """A turn began."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Heard:
    """Sound of a turn: int16 little-endian mono at 16 kHz."""

    turn: Turn
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The user has finished speaking, as far as this device can tell."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Dropped:
    """The turn is over, whatever it was at: stop, mute, another wake word."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Played:
    """All of this sound was heard."""

    owner: Owner


@dataclass(frozen=True, slots=True)
class Passed:
    """Time has."""


Happening = Gone | Said | Woke | Heard | Ended | Dropped | Played | Passed

# ------------------------------------------------------------------ what is to be done


@dataclass(frozen=True, slots=True)
class Send:
    """To Home Assistant."""

    message: Message


@dataclass(frozen=True, slots=True)
class HangUp:
    """Home Assistant does not answer any more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Serving:
    """Whether Home Assistant's pipeline answers turns now."""

    on: bool


@dataclass(frozen=True, slots=True)
class Understood:
    """What was said. No more sound of this turn is wanted."""

    turn: Turn
    text: str


@dataclass(frozen=True, slots=True)
class Says:
    """The text of the reply, whose sound follows."""

    turn: Turn
    text: str


@dataclass(frozen=True, slots=True)
class Play:
    """More of this sound: int16 little-endian mono. Of a turn's reply it may turn out to be an announcement."""

    owner: Owner
    rate_hz: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The sound is complete; with None it was an announcement, whatever it was taken for while it came."""

    owner: Owner


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn got no reply, or not all of it."""

    turn: Turn
    reason: str


@dataclass(frozen=True, slots=True)
class Timer:
    """Home Assistant keeps a timer that was set here. `seconds`: left, or the whole length of a new one; `active`: it
    runs."""

    change: Literal["started", "updated", "cancelled", "finished"]
    id: str
    name: str
    seconds: int
    active: bool = True


Action = Send | HangUp | Serving | Understood | Says | Play | End | Failed | Timer
