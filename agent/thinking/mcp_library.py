"""What of the `mcp` package is used: imported late, in a thread, since that takes a second and 30 MB.

Its client speaks the protocol; the ways to a server are our own or guarded (`agent.thinking.mcp_http`, `mcp_stdio`). It
is asked through the session, so that a server's schemas of results are not evaluated: nothing here depends on them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from agent.config.tools import McpServer
from agent.thinking.failure import one_line
from agent.thinking.tools import ToolFailed, ToolUnavailable

if TYPE_CHECKING:
    import mcp
    from mcp.client._transport import TransportStreams
    from mcp_types import CallToolResult

MAX_TEXT = 65_536
T = TypeVar("T")


class Forgotten(Exception):
    """The server does not know our session any more, and has done nothing."""


async def in_thread(work: Callable[[], T]) -> T:
    """In a thread that nobody waits for at the end of the program, unlike those of asyncio's own."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failed = None, None
        try:
            result = work()
        except ImportError as error:
            failed = error
        with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, name="import", daemon=True).start()
    return await future


def imported() -> Any:
    """Import the library, and say how a client of a server is made. Raises ImportError."""
    import mcp

    from agent.thinking.mcp_http import over_http
    from agent.thinking.mcp_stdio import over_stdio

    for name in ("mcp", "client", "httpx2"):  # they write what a server has sent
        logging.getLogger(name).setLevel(logging.CRITICAL)

    def client_of(server: McpServer, told: Any, on_end: Callable[[], None]) -> mcp.Client:
        way: AbstractAsyncContextManager[TransportStreams]
        way = over_http(server) if server.url else over_stdio(server, on_end)
        info = mcp.types.Implementation(name="voice-agent", version="1")
        return mcp.Client(way, message_handler=told, client_info=info, cache=None, input_required_max_rounds=1)

    return client_of


def faults() -> tuple[type[BaseException], ...]:
    """What a server that misbehaves makes the library raise. Its task groups put them into groups."""
    import anyio
    import httpx2
    from mcp import MCPError

    broken = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)
    return MCPError, httpx2.HTTPError, OSError, ValueError, RuntimeError, *broken, ExceptionGroup


def reason_of(error: BaseException) -> str:
    """The innermost reason, in one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ToolUnavailable) or type(error).__module__.startswith(("mcp", "httpx2")):
        return one_line(str(error)) or type(error).__name__
    return f"it does not speak MCP ({type(error).__name__})"


def text_of(result: CallToolResult) -> str:
    """What a result says in words: pictures, sounds and resources are of no use here."""
    texts = [block.text for block in result.content if block.type == "text"]
    return "\n".join(texts)[:MAX_TEXT].encode("utf-8", "replace").decode()


async def requested(client: mcp.Client, name: str, arguments: Mapping[str, Any]) -> str:
    """Call a tool. Raises ToolUnavailable, ToolFailed, Forgotten."""
    from mcp import MCPError
    from mcp_types import CallToolRequest, CallToolRequestParams, CallToolResult

    request = CallToolRequest(params=CallToolRequestParams(name=name, arguments=dict(arguments)))
    try:
        result = await client.session.send_request(request, CallToolResult)
    except MCPError as error:
        raise _of(error) from error
    except faults() as error:
        raise ToolUnavailable(f"no usable answer ({type(error).__name__})") from error
    text = text_of(result)
    if result.is_error:
        raise ToolFailed(text or "it failed")
    return text or "done"


def _of(error: mcp.MCPError) -> Exception:
    from mcp_types import CONNECTION_CLOSED, INVALID_REQUEST, PARSE_ERROR, REQUEST_TIMEOUT

    if error.code == INVALID_REQUEST and "Session terminated" in error.message:
        return Forgotten()
    said = one_line(error.message)
    if error.code in (CONNECTION_CLOSED, PARSE_ERROR, REQUEST_TIMEOUT, INVALID_REQUEST):
        return ToolUnavailable(f"no usable answer: {said}")
    return ToolFailed(said)


async def listen(client: mcp.Client, changed: Callable[[], None]) -> None:
    """Call `changed` when the list of tools has changed, where that has to be subscribed to; else return at once."""
    from mcp.client.subscriptions import ListenNotSupportedError

    if client.server_capabilities.tools is None or not client.server_capabilities.tools.list_changed:
        return
    with suppress(ListenNotSupportedError, *faults()):
        async with client.listen(tools_list_changed=True) as changes:
            changed()  # it may have, before we listened
            async for _ in changes:
                changed()
