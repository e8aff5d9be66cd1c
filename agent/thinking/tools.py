"""What a tool of the language model is, and where tools come from.

MCP servers are one such source (`agent.thinking.mcp`). Nothing that a source says has any power: what may be called,
and how, is decided by `agent.thinking.policy` from the configuration alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pydantic import BaseModel

from agent.actions import Risk
from agent.events import Turn

MAX_NAME = 64  # characters, which is OpenAI's limit


@dataclass(frozen=True, slots=True)
class Tool:
    """`source`, `name`: whose it is, and what that one calls it; `offered`: what the language model calls it.

    `schema`: of its arguments, as `agent.thinking.schemas.strict` has made it. `risk`: from the configuration. `model`:
    of a tool of our own, which then judges the arguments, and `schema` only describes it.
    """

    source: str
    name: str
    description: str
    schema: Mapping[str, Any]
    risk: Risk
    offered: str = ""
    model: type[BaseModel] | None = None


class ToolUnavailable(Exception):
    """Nobody knows whether something was done, if a call was under way. str(): why, in one line, without secrets."""


class ToolFailed(Exception):
    """The tool says that it could not. str(): what it says."""


class ToolSource(Protocol):
    """Belongs to one asyncio loop."""

    @property
    def name(self) -> str: ...

    def prepare(self) -> None:
        """At the start: load what takes long to load, in the background."""

    async def tools(self) -> tuple[Tool, ...]:
        """Those that are allowed and there, as quickly as they can be known. Raises ToolUnavailable."""

    async def call(self, name: str, arguments: Mapping[str, Any], turn: Turn) -> str:
        """Do it; what came of it. Raises ToolUnavailable, ToolFailed; may be cancelled."""

    async def close(self) -> None: ...


def offers(tools: Iterable[Tool]) -> dict[str, Tool]:
    """By the name that the language model is told: the tool's own, where that is fit and nobody else has it."""
    every = tuple(tools)
    own = [fit(tool.name) for tool in every]
    named: dict[str, Tool] = {}
    for tool, name in zip(every, own, strict=True):
        offered = name if own.count(name) == 1 else fit(f"{tool.source}-{tool.name}")
        if offered not in named:
            named[offered] = replace(tool, offered=offered)
    return named


def fit(name: str) -> str:
    """What every server takes for a name, as near as possible to this one."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:MAX_NAME]
