"""MCP servers: is each there, does it take the token, are the tools that are allowed among those it has?

They are only listed; no tool is called.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from difflib import get_close_matches

from agent.config import Config, McpServer
from agent.doctor.context import Context
from agent.doctor.finding import Finding
from agent.thinking.mcp import Mcp
from agent.thinking.tools import ToolUnavailable

USERS = ("openai", "embedded")
MANY = 20  # tools: each costs a model's time and memory in every turn
SHOWN = 12


def examine(context: Context) -> Iterator[Finding]:
    servers = context.config.tools.mcp
    if not servers:
        yield Finding("tools", "info", "MCP servers", "none: the language model can only talk")
        return
    if not any(profile.kind in USERS for profile in context.config.llm.profiles.values()):
        remedy = 'add a profile of kind "openai" or "embedded"; Home Assistant\'s assistants have tools of their own'
        yield Finding("tools", "warning", "language model", "there is none that could use tools", remedy)
    for name, server in servers.items():
        context.say(f"asking {name}")
        yield from asyncio.run(_asked(name, server, context.config))


async def _asked(name: str, server: McpServer, config: Config) -> list[Finding]:
    source = Mcp(name, server)
    began = time.monotonic()
    try:
        offered = await source.tools()
    except ToolUnavailable as error:
        detail, _, remedy = str(error).partition("; ")
        return [Finding("tools", "failure", name, detail, remedy or _remedy(server, detail))]
    finally:
        await source.close()
    reach_ms = round((time.monotonic() - began) * 1000)
    figures: dict[str, object] = {"reach_ms": reach_ms, "listed": len(source.listed), "offered": len(offered)}
    detail = f"{len(source.listed)} tools, {len(offered)} of them offered, after {reach_ms / 1000:.2f} s"
    reached = Finding("tools", "ok", name, detail, "", figures)
    return [
        reached,
        *_missing(name, server, source),
        *_unfit(name, source),
        *_amount(name, server, len(offered), source),
    ]


def _missing(name: str, server: McpServer, source: Mcp) -> Iterator[Finding]:
    """Allowed and not there: a mistyped name is a tool that nobody ever uses."""
    for tool in server.allow:
        if tool in source.listed:
            continue
        near = get_close_matches(tool, source.listed, 1, 0.5)
        known = f"it has: {', '.join(source.listed[:SHOWN])}{' …' if len(source.listed) > SHOWN else ''}"
        remedy = f'did you mean "{near[0]}"?' if near else known if source.listed else "take it out"
        yield Finding("tools", "warning", f"{name}: {tool}", "is allowed, but there is no such tool", remedy)


def _unfit(name: str, source: Mcp) -> Iterator[Finding]:
    for tool, reason in source.unfit.items():
        remedy = "take it out of allow, or have its server describe its arguments in a simpler way"
        yield Finding("tools", "warning", f"{name}: {tool}", f"cannot be offered: {reason}", remedy)


def _amount(name: str, server: McpServer, offered: int, source: Mcp) -> Iterator[Finding]:
    if not server.allow:
        remedy = f'allow = {{ {source.listed[0]} = "confirm" }}' if source.listed else "has it anything to offer?"
        yield Finding("tools", "warning", f"{name}: allow", "nothing is allowed, so nothing is offered", remedy)
    elif offered > MANY:
        remedy = "a model answers sooner, and chooses better, among few"
        yield Finding("tools", "warning", f"{name}: allow", f"{offered} tools are offered in every turn", remedy)


def _remedy(server: McpServer, detail: str) -> str:
    if server.command:
        return f"run it by hand, as the user of the service: {' '.join(server.command)}"
    if "token" in detail:
        return "put a valid token into the credential that token names; Home Assistant makes one under your name"
    if "Not Found" in detail:
        return (
            "is url right? Home Assistant's is http://homeassistant.local:8123/api/mcp, with its integration MCP server"
        )
    return "does the server run, and is url right? Home Assistant needs its integration Model Context Protocol Server"
