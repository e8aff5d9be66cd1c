"""The schemas of commands: what a payload has to look like, and the request that it makes. Strict, and nothing else.

"30" is no number here, true is not 1, and a key that nobody knows is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from agent.requests import (
    AskRequest,
    DoctorRequest,
    Intent,
    ListenRequest,
    MuteRequest,
    Priority,
    Request,
    RestartRequest,
    SayRequest,
    StopRequest,
    TimerRequest,
    VolumeRequest,
)
from agent.timers import MAX_MESSAGE, MAX_NAME, MAX_SECONDS, Day

MAX_ID = 64
MAX_TEXT = 2000
VISIBLE = r"^[^\x00]*[^\s\x00][^\x00]*$"

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=VISIBLE)]

Persona = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]  # whether it is there, the dialogue knows
UNLIKE = {
    "text": "has no visible text, or a NUL in it",
    "name": "has no visible text, or a NUL in it",
    "message": "has no visible text, or a NUL in it",
    "time": 'has to be a time of the day such as "07:30"',
    "timer": "has to be the id of a timer, as the topic `timers` has it",
    "persona": 'has to be 1 to 64 letters, digits, "_" or "-"',
}  # what a pattern asks for, in words


class Payload(BaseModel):
    """A schema of one command. Strict: "30" is no number and true is not 1."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    id: Annotated[str, Field(max_length=MAX_ID)] | None = None

    def request(self) -> Request:
        raise NotImplementedError


class _Listen(Payload):
    persona: Persona | None = None

    def request(self) -> Request:
        return ListenRequest(self.persona)


class _Stop(Payload):
    def request(self) -> Request:
        return StopRequest()


class _Say(Payload):
    text: Text
    priority: Priority = "normal"
    chime: bool = False
    volume: Annotated[int, Field(ge=1, le=100)] | None = None
    persona: Persona | None = None

    def request(self) -> Request:
        return SayRequest(self.text, self.priority, self.chime, self.volume, self.persona)


class _Ask(Payload):
    text: Text
    persona: Persona | None = None

    def request(self) -> Request:
        return AskRequest(self.text, persona=self.persona)


class _Mute(Payload):
    on: bool

    def request(self) -> Request:
        return MuteRequest(self.on)


class _Volume(Payload):
    percent: Annotated[int, Field(ge=0, le=100)]

    def request(self) -> Request:
        return VolumeRequest(self.percent)


class _Doctor(Payload):
    def request(self) -> Request:
        return DoctorRequest()


class _Restart(Payload):
    def request(self) -> Request:
        return RestartRequest()


Action = Literal["set", "alarm", "add", "cancel", "list", "snooze"]
WHICH = frozenset({"timer", "name"})
KEYS: Mapping[Action, tuple[frozenset[str], frozenset[str]]] = {  # what an action needs, and what else it takes
    "set": (frozenset({"seconds"}), frozenset({"name", "message"})),
    "alarm": (frozenset({"time"}), frozenset({"day", "name", "message"})),
    "add": (frozenset({"seconds"}), WHICH),
    "cancel": (frozenset(), WHICH | {"time", "every"}),
    "list": (frozenset(), frozenset()),
    "snooze": (frozenset(), frozenset({"seconds"})),
}
INTENTS: Mapping[Action, str] = {
    "set": "timer_set",
    "alarm": "alarm_set",
    "add": "timer_add",
    "cancel": "cancel",
    "list": "timer_left",
    "snooze": "snooze",
}


class _Timer(Payload):
    """Each action takes keys of its own, and no others."""

    action: Action
    seconds: Annotated[int, Field(ge=-MAX_SECONDS, le=MAX_SECONDS)] | None = None
    time: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None
    day: Day | None = None
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME, pattern=VISIBLE)] | None = None
    message: Annotated[str, Field(min_length=1, max_length=MAX_MESSAGE, pattern=VISIBLE)] | None = None
    timer: Annotated[str, Field(pattern=r"^[0-9a-f]{1,32}$")] | None = None
    every: bool | None = None

    @model_validator(mode="after")
    def _belong(self) -> _Timer:
        needed, allowed = KEYS[self.action]
        given = self.model_fields_set - {"id", "action"}
        if missing := needed - given:
            raise PydanticCustomError("missing", "{key} is needed to {action}", self._told(missing, self.action))
        if strange := given - needed - allowed:
            raise PydanticCustomError("strange", "{key} is nothing for {action}", self._told(strange, self.action))
        return self

    def request(self) -> Request:
        slots: dict[str, str | int] = {
            key: value
            for key in ("seconds", "day", "name", "message", "timer")
            if (value := getattr(self, key)) is not None
        }
        if self.time is not None:
            hour, minute = self.time.split(":")
            slots |= {"hour": int(hour), "minute": int(minute)}
        return TimerRequest(Intent(INTENTS[self.action], slots | ({"every": 1} if self.every else {})))

    @staticmethod
    def _told(keys: frozenset[str] | set[str], action: Action) -> dict[str, str]:
        return {"key": sorted(keys)[0], "action": action}


SCHEMAS: Mapping[str, type[Payload]] = {
    "listen": _Listen,
    "stop": _Stop,
    "say": _Say,
    "ask": _Ask,
    "mute": _Mute,
    "volume": _Volume,
    "doctor": _Doctor,
    "restart": _Restart,
    "timer": _Timer,
}
