"""One question and what followed from it: the messages of a chat completion, with tool calls and what came of them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from agent.thinking.memory import Message
from agent.thinking.policy import ToolCall
from agent.thinking.schemas import BadArguments, read_arguments
from agent.thinking.toolbox import TurnTools
from agent.thinking.tools import fit


class Talk:
    """`told`: the messages so far, `tools`: what may be used, `language`: to answer in; `ids`: of the calls made."""

    def __init__(self, told: Sequence[Message], tools: TurnTools | None, language: str = "") -> None:
        self.told: list[dict[str, Any]] = [*told]
        self.tools = tools
        self.language = language
        self.ids: set[str] = set()

    def offer(self) -> dict[str, Any]:
        """Parameters of the request. Without a call left the model has to answer."""
        described = self.tools.described() if self.tools else []
        if not described:
            return {}
        assert self.tools
        return {"tools": described, **({"tool_choice": "none"} if self.tools.spent else {})}

    def called(self, text: str, calls: Sequence[ToolCall], results: Sequence[str]) -> None:
        """What the model has written, and what came of it."""
        self.told.append({"role": "assistant", "content": text, "tool_calls": [_quoted(call) for call in calls]})
        for call, result in zip(calls, results, strict=True):
            self.ids.add(call.id)
            self.told.append({"role": "tool", "tool_call_id": call.id, "content": result})


def new_id() -> str:
    """For a call that came without one, or with that of another."""
    return f"call_{secrets.token_hex(6)}"


def _quoted(call: ToolCall) -> dict[str, Any]:
    """As it came, but for what would make many servers refuse the request: a wild name, arguments that are no JSON."""
    try:
        arguments = call.arguments if read_arguments(call.arguments) and not call.overlong else "{}"
    except BadArguments:
        arguments = "{}"
    return {"id": call.id, "type": "function", "function": {"name": fit(call.name) or "none", "arguments": arguments}}
