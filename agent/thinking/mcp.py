"""An MCP server as a source of tools (https://modelcontextprotocol.io): connected at first use, and again when lost.

The protocol is spoken by the `mcp` package's client; it is imported at the start in a thread of its own, since that
takes a second and 30 MB, and only where a server is configured.

Rules:
- One task owns the connection. Whoever asks for tools or makes a call wakes it, waits for it at most
  `connect_timeout_s`, and is told "unavailable" then. After a failure there is no other try for 1, 2, 4 … 60 s, so that
  a server that is away costs a turn nothing.
- Of a tool its name, its description and its schema are taken, all bounded; everything else that a server says about
  itself or its tools (instructions, hints that a tool is harmless) is not even looked at. What it asks of us (sampling,
  elicitation, roots) is refused.
- The list is read again when the server says that it has changed, and when it is older than FRESH_S.
- A call that was lost or ran out of time is not made again, since it may have been done; only one that a server has
  refused because it has forgotten our session is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agent.config.tools import McpServer
from agent.events import Turn
from agent.thinking.failure import one_line
from agent.thinking.mcp_library import Forgotten, faults, imported, in_thread, listen, reason_of, requested
from agent.thinking.schemas import BadSchema, strict
from agent.thinking.tools import Tool, ToolUnavailable

if TYPE_CHECKING:
    import mcp
    from mcp_types import Tool as Listed

FRESH_S = 300.0
PAUSE_S, MOST_PAUSE_S = 1.0, 60.0
MAX_PAGES, MAX_LISTED = 10, 500
MAX_DESCRIPTION = 600
END_S = 0.4
NOT_INSTALLED = "the package mcp is not installed; `pip install 'voice-agent[mcp]'` installs it"

log = logging.getLogger(__name__)


class Mcp:
    """Belongs to one asyncio loop. `close` it there."""

    def __init__(self, name: str, server: McpServer) -> None:
        self.name = name
        self.listed: tuple[str, ...] = ()  # names of all its tools, allowed or not
        self.unfit: dict[str, str] = {}  # those that are allowed and cannot be offered, and why
        self._server = server
        self._library: asyncio.Task[object] | None = None
        self._owner: asyncio.Task[None] | None = None
        self._client: mcp.Client | None = None
        self._tools: tuple[Tool, ...] = ()
        self._trouble = ""
        self._failures = 0
        self._again_at = 0.0
        self._listed_at = 0.0
        self._closing = False
        self._settled = asyncio.Event()  # connected, or failed
        self._lost = asyncio.Event()  # this connection is over, or to be given up
        self._stale = asyncio.Event()  # the list is to be read again

    def prepare(self) -> None:
        self._library = asyncio.create_task(in_thread(imported))
        self._library.add_done_callback(lambda done: done.cancelled() or done.exception())  # told at the first use

    async def tools(self) -> tuple[Tool, ...]:
        await self._connected()
        if time.monotonic() - self._listed_at > FRESH_S:
            self._stale.set()  # the next turn sees what has changed
        return self._tools

    async def call(self, name: str, arguments: Mapping[str, Any], turn: Turn) -> str:
        try:
            return await self._call(name, arguments)
        except Forgotten:
            await self._give_up()
            self._again_at = 0.0
        try:
            return await self._call(name, arguments)
        except Forgotten as error:
            raise ToolUnavailable("it forgets its sessions") from error

    async def close(self) -> None:
        self._closing = True
        if self._library:
            self._library.cancel()
        await self._give_up()

    async def _give_up(self) -> None:
        """End the connection, in order if that is possible."""
        if self._owner is None:
            return
        self._lost.set()
        _, late = await asyncio.wait({self._owner}, timeout=END_S)
        if late:
            self._owner.cancel()
            await asyncio.wait(late, timeout=END_S)

    async def _connected(self) -> mcp.Client:
        """Raises ToolUnavailable."""
        if self._client is not None and not self._lost.is_set():
            return self._client
        if self._lost.is_set():
            await self._give_up()
        if self._owner is None or self._owner.done():
            if self._trouble and time.monotonic() < self._again_at:
                raise ToolUnavailable(self._trouble)
            self._settled, self._lost, self._stale = asyncio.Event(), asyncio.Event(), asyncio.Event()
            self._owner = asyncio.create_task(self._own(), name=f"mcp {self.name}")
        try:
            async with asyncio.timeout(self._server.connect_timeout_s + END_S):
                await self._settled.wait()
        except TimeoutError as error:
            raise ToolUnavailable("no connection in time") from error
        if self._client is None:
            raise ToolUnavailable(self._trouble)
        return self._client

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Raises ToolUnavailable, ToolFailed, Forgotten."""
        client, lost = await self._connected(), self._lost
        calling = asyncio.create_task(requested(client, name, arguments))
        losing = asyncio.create_task(lost.wait())
        try:
            both = (calling, losing)
            await asyncio.wait(both, timeout=self._server.call_timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if calling.done():
                return calling.result()
            reason = "the connection was lost" if lost.is_set() else "no answer in time"
            raise ToolUnavailable(reason)
        except ToolUnavailable:
            lost.set()
            raise
        finally:
            for task in (calling, losing):
                task.cancel()
            await asyncio.gather(calling, losing, return_exceptions=True)

    # The task that owns the connection.

    async def _own(self) -> None:
        """One connection, from its beginning to its end."""
        try:
            await self._live()
            reason = "the connection was lost"
        except ToolUnavailable as error:
            reason = str(error)
        except TimeoutError:
            reason = "no answer in time"
        except ImportError:
            reason = NOT_INSTALLED
        except faults() as error:
            reason = reason_of(error)
        finally:
            self._client = None
            self._lost.set()
        self._ended(reason)

    def _ended(self, reason: str) -> None:
        self._trouble = one_line(reason)
        self._again_at = time.monotonic() + min(MOST_PAUSE_S, PAUSE_S * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        self._settled.set()
        if not self._closing:
            log.warning("%s: %s", self.name, self._trouble)

    async def _live(self) -> None:
        client_of = await in_thread(imported)
        now = asyncio.get_running_loop().time
        async with asyncio.timeout(self._server.connect_timeout_s) as limit:
            async with client_of(self._server, self._told, self._lost.set) as client:
                await self._list(client)
                limit.reschedule(None)
                self._client, self._trouble, self._failures = client, "", 0
                self._settled.set()
                log.info("%s: %d tools, %d of them allowed", self.name, len(self.listed), len(self._tools))
                listening = asyncio.create_task(listen(client, self._stale.set))
                try:
                    await self._serve(client, limit)
                finally:
                    listening.cancel()
                    limit.reschedule(now() + END_S)
                    await asyncio.gather(listening, return_exceptions=True)

    async def _serve(self, client: mcp.Client, limit: asyncio.Timeout) -> None:
        """Until the connection is to be given up."""
        now = asyncio.get_running_loop().time
        while not self._lost.is_set():
            waits = [asyncio.create_task(event.wait()) for event in (self._lost, self._stale)]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            if not self._lost.is_set():
                self._stale.clear()
                limit.reschedule(now() + self._server.connect_timeout_s)
                await self._list(client)
                limit.reschedule(None)

    async def _told(self, message: object) -> None:
        """A notification, or a fault of the transport."""
        from mcp_types import ToolListChangedNotification

        if isinstance(message, ToolListChangedNotification):
            self._stale.set()

    async def _list(self, client: mcp.Client) -> None:
        from mcp_types import PaginatedRequestParams

        listed: list[Listed] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await client.session.list_tools(params=PaginatedRequestParams(cursor=cursor))
            listed += page.tools[: MAX_LISTED - len(listed)]
            cursor = page.next_cursor
            if not cursor:
                break
        self._take(listed)
        self._listed_at = time.monotonic()

    def _take(self, listed: list[Listed]) -> None:
        """Of those that are allowed what we need; a name that comes twice is nobody's."""
        names = [tool.name for tool in listed]
        self.listed = tuple(one_line(name, 80) for name in dict.fromkeys(names))
        self.unfit = {}
        taken = []
        for tool in listed:
            risk = self._server.allow.get(tool.name, "never")
            if risk == "never":
                continue
            try:
                if names.count(tool.name) > 1:
                    raise BadSchema("it is listed twice")
                schema = strict(tool.input_schema)
            except BadSchema as error:
                self.unfit[tool.name] = str(error)
                log.warning("%s: %s is not offered: %s", self.name, tool.name, error)
                continue
            description = one_line(tool.description or "", MAX_DESCRIPTION)
            taken.append(Tool(self.name, tool.name, description, schema, risk))
        self._tools = tuple(taken)
