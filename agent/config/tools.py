"""The sections of tools: what a language model may do, and where it comes from."""

from __future__ import annotations

from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from agent.actions import Risk
from agent.config.values import CredentialName, Name, Seconds, Section

OwnTool = Literal[
    "set_timer", "add_to_timer", "cancel_timer", "list_timers", "set_alarm", "cancel_alarm", "list_alarms"
]
ServerName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
ToolName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./-]{1,128}$")]


def _url(url: str) -> str:
    """Refuse what may hold a secret. The message must not repeat it."""
    parts = urlsplit(url)  # a ValueError of its own ("Invalid IPv6 URL") repeats nothing either
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError('has to be an address such as "http://homeassistant.local:8123/api/mcp"')
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user, password or query: a token belongs into the credential that token names")
    return url


class McpServer(Section):
    """An MCP server, whose tools the language model may use as far as they are allowed here."""

    url: Annotated[str, AfterValidator(_url)] | None = Field(
        None, description='streamable HTTP: "http://homeassistant.local:8123/api/mcp"'
    )
    command: tuple[Name, ...] = Field(
        (), description="or a program that speaks over its input and output, with its arguments; only in the file"
    )
    token: CredentialName | None = Field(None, description="url: name of the credential, never the token itself")
    allow: dict[ToolName, Risk] = Field(
        {}, description='{TOOL = "safe"}: done at once; "confirm": asked aloud first; all others are not offered'
    )
    connect_timeout_s: Seconds = Field(5.0, description="to connect and to learn its tools")
    call_timeout_s: Seconds = Field(8.0, description="for one call")

    @model_validator(mode="after")
    def _one_way(self) -> McpServer:
        if bool(self.url) == bool(self.command):
            raise ValueError("an MCP server needs either url or command")
        if self.command and not self.command[0].startswith("/"):
            raise ValueError('command has to begin with the whole path of a program: ["/usr/local/bin/server"]')
        if self.command and self.token:
            raise ValueError("token belongs to url; a program reads its secrets from where its own manual says")
        return self


class Tools(Section):
    """Tools of the language model: kind "openai" and "embedded"; Home Assistant's assistants have their own."""

    calls_per_turn: Annotated[int, Field(ge=1, le=8)] = Field(8, description="then it has to answer")
    calls_per_hour: Annotated[int, Field(ge=1, le=1000)] = Field(30, description="then no tool is used")
    result_chars: Annotated[int, Field(ge=100, le=50_000)] = Field(
        4000, description="of a tool's result at most; a small model has little room"
    )
    own: dict[OwnTool, Risk] = Field(
        {},
        description='what it may do here: { set_timer = "safe", list_timers = "safe" }; there are '
        f"{', '.join(get_args(OwnTool))}; not named: not offered",
    )
    actions: bool = Field(False, description="it may do what stands in [[actions]], each as its `risk` says")
    mcp: dict[ServerName, McpServer] = Field({}, description="[tools.mcp.NAME], see below")
