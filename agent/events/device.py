"""Health, commands from outside, settings, the panel, and time."""

from __future__ import annotations

from dataclasses import dataclass

from agent.events.base import Instant, PanelAction, Part, Status
from agent.requests import Request, Value


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
class ClockChanged:
    """Somebody has set the clock on the wall, or the machine has slept: `at` has the new time on both."""

    at: Instant


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The driver's clock reached `deadline(state)`."""

    at: Instant
