"""What the world is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.commands.base import Scalar
from agent.events import Part, Phase, Status, Turn
from agent.requests import Value
from agent.timers import Timer


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
class ShowTimers:
    """All timers and alarms as they are kept, the next one first. `ringing`: the ids of those that ring."""

    timers: tuple[Timer, ...]
    ringing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a request that carried an id."""

    id: str
    ok: bool
    code: str = ""
    message: str = ""
    data: Mapping[str, Scalar | tuple[Mapping[str, Scalar], ...]] = field(default_factory=dict)
