"""The agent's own tools for the language model: timers, alarms, and the user's own actions.

A call is made into the intent that a sentence would have made, and the dialogue does it (`IntentCalled`,
`IntentDone`): with the same bounds, committed before it is told, and in the same turn or not at all. What comes back
are the words that the dialogue would have said, as data.

What is offered is what the configuration names: `tools.own`, and with `tools.actions` each action by its `risk`.
Arguments are judged by pydantic, strictly: these schemas are ours, so they need neither the extra `mcp` nor its
jsonschema.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from agent.actions import INTENT, Action, Choice, FreeText, Range, Risk, Slot
from agent.clock import Clock
from agent.commands import IntentDone
from agent.config.tools import OwnTool
from agent.events import IntentCalled, Turn
from agent.requests import Intent
from agent.thinking.tools import Tool, ToolFailed, ToolUnavailable
from agent.timers import MAX_MESSAGE, MAX_SECONDS, Day

NAME = "own"
ANSWERED_S = 10.0  # the dialogue gives up before
MAX_WORDS = 40
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
SECONDS: Mapping[str, int] = MappingProxyType({"hours": 3600, "minutes": 60, "seconds": 1})


class Arguments(BaseModel):
    """Nothing that is not named, and nothing of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Words = Annotated[str, Field(min_length=1, max_length=MAX_WORDS, pattern=PRINTABLE)]
Called = Annotated[Words | None, Field(description="what it is called")]
Reminding = Annotated[
    Annotated[str, Field(min_length=1, max_length=MAX_MESSAGE, pattern=PRINTABLE)] | None,
    Field(description="what to remind of, if it is a reminder"),
]
Hour = Annotated[int, Field(ge=0, le=23, description="of 24")]
Minute = Annotated[int, Field(ge=0, le=59)]


class Lasting(Arguments):
    hours: Annotated[int, Field(ge=0, le=168)] = 0
    minutes: Annotated[int, Field(ge=0, le=10_080)] = 0
    seconds: Annotated[int, Field(ge=0, le=MAX_SECONDS)] = 0


class SetTimer(Lasting):
    name: Called = None
    message: Reminding = None


class AddToTimer(Lasting):
    name: Called = None
    less: Annotated[bool, Field(description="true: take it off")] = False


class CancelTimer(Arguments):
    name: Called = None
    all: bool = False


class Nothing(Arguments):
    pass


class SetAlarm(Arguments):
    hour: Hour
    minute: Minute = 0
    day: Annotated[Day | None, Field(description="not given: the next time it is that late")] = None
    repeat: Annotated[bool, Field(description="true: every week on that day")] = False
    name: Called = None
    message: Reminding = None


class CancelAlarm(Arguments):
    hour: Annotated[int | None, Field(ge=0, le=23)] = None
    minute: Annotated[int | None, Field(ge=0, le=59)] = None
    day: Day | None = None
    name: Called = None
    all: bool = False


# What the language model calls it -> its intent, its arguments, and what it is told of it.
TOOLS: Mapping[str, tuple[str, type[Arguments], str]] = MappingProxyType(
    {
        "set_timer": ("timer_set", SetTimer, "Set a timer or a reminder that is due after a while."),
        "add_to_timer": ("timer_add", AddToTimer, "Let a timer that runs take longer, or less long."),
        "cancel_timer": ("timer_cancel", CancelTimer, "Cancel a timer."),
        "list_timers": ("timer_left", Nothing, "How long the timers have left."),
        "set_alarm": ("alarm_set", SetAlarm, "Set an alarm or a reminder for a time of the day."),
        "cancel_alarm": ("alarm_cancel", CancelAlarm, "Cancel an alarm."),
        "list_alarms": ("alarm_left", Nothing, "When the alarms ring."),
    }
)


class OwnTools:
    """A `agent.thinking.tools.ToolSource`. Belongs to one asyncio loop."""

    name = NAME

    def __init__(
        self,
        allowed: Mapping[OwnTool, Risk],
        actions: Iterable[Action],
        emit: Callable[[IntentCalled], None],
        clock: Clock,
    ) -> None:
        self._emit = emit
        self._clock = clock
        self._actions = {action.name: action for action in actions if action.risk != "never"}
        ours = [_tool(name, risk) for name, risk in allowed.items() if risk != "never"]
        self._tools = (*ours, *(_of_action(action) for action in self._actions.values()))
        self._open: dict[tuple[Turn, str], asyncio.Future[IntentDone]] = {}

    def prepare(self) -> None:
        """There is nothing to load."""

    async def tools(self) -> tuple[Tool, ...]:
        return self._tools

    async def call(self, name: str, arguments: Mapping[str, Any], turn: Turn) -> str:
        """What the dialogue would have said. Raises ToolFailed, ToolUnavailable."""
        intent = self._intent(name, arguments)
        key = turn, secrets.token_hex(6)
        self._open[key] = asyncio.get_running_loop().create_future()
        self._emit(IntentCalled(self._clock(), *key, intent))
        try:
            async with asyncio.timeout(ANSWERED_S):
                done = await self._open[key]
        except TimeoutError:
            raise ToolUnavailable("the dialogue has not answered") from None
        finally:
            del self._open[key]
        if not done.ok:
            raise ToolFailed(done.text)
        return done.text

    def done(self, command: IntentDone) -> None:
        """An answer that nobody waits for is nobody's."""
        waiting = self._open.get((command.turn, command.call))
        if waiting is not None and not waiting.done():
            waiting.set_result(command)

    async def close(self) -> None:
        """Nothing is held."""

    def _intent(self, name: str, arguments: Mapping[str, Any]) -> Intent:
        if name in self._actions:
            return Intent(INTENT, {"action": name, **arguments})
        given = {key: value for key, value in arguments.items() if value is not None}
        seconds = sum(given.pop(unit, 0) * factor for unit, factor in SECONDS.items())
        kind, model, _ = TOOLS[name]
        if issubclass(model, Lasting):
            if not 1 <= seconds <= MAX_SECONDS:
                raise ToolFailed("hours, minutes and seconds have to be between a second and a week in all")
            given["seconds"] = -seconds if given.pop("less", False) else seconds
        if any([given.pop("all", False), given.pop("repeat", False)]):
            given["every"] = 1
        return Intent(kind, given)


def _tool(name: str, risk: Risk) -> Tool:
    _, model, description = TOOLS[name]
    return Tool(NAME, name, description, _schema(model), risk, model=model)


def _of_action(action: Action) -> Tool:
    # By an alias: a slot may be called like something that pydantic's models have.
    kinds = (Annotated[_kind(slot), Field(alias=name)] for name, slot in action.slots.items())
    fields: dict[str, Any] = {f"slot_{number}": (kind, ...) for number, kind in enumerate(kinds)}
    model = create_model(action.name, __base__=Arguments, **fields)
    return Tool(NAME, action.name, action.description, _schema(model), action.risk, model=model)


def _kind(slot: Slot) -> Any:
    match slot:
        case Choice(values=values):
            return Literal[tuple(values)]
        case Range(low=low, high=high):
            return Annotated[int, Field(ge=low, le=high)]
        case FreeText(max_chars=most):
            return Annotated[str, Field(min_length=1, max_length=most, pattern=PRINTABLE)]


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    """As the language model gets it: without what only costs it room."""
    schema = model.model_json_schema()
    properties = {name: _short(each) for name, each in schema.get("properties", {}).items()}
    required = {"required": schema["required"]} if "required" in schema else {}
    return {"type": "object", "properties": properties, **required, "additionalProperties": False}


def _short(node: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in node.items() if key not in ("title", "default", "anyOf", "pattern", "const")}
    for each in node.get("anyOf", ()):
        if each.get("type") != "null":
            kept = {**_short(each), **kept}
    if "const" in node:
        kept["enum"] = [node["const"]]
    return kept
