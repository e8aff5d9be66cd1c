"""The way to an MCP server that is a program of ours: messages in lines on its input and output.

The library has such a transport, but its lines have no bound. The program gets a session of its own and a bare
environment, none of our secrets or settings; it is told to end by the end of its input, and killed with all that it has
started if it does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from agent.config.tools import McpServer
from agent.thinking.tools import ToolUnavailable

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

MAX_LINE = 262_144
MAX_BAD = 5  # lines that are no messages: programs like to greet
KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
END_S = 0.3

Read = MemoryObjectSendStream[SessionMessage | Exception]
Written = MemoryObjectReceiveStream[SessionMessage]


@asynccontextmanager
async def over_stdio(server: McpServer, on_end: Callable[[], None]) -> AsyncIterator[TransportStreams]:
    """The streams of a connection to a new process of `server.command`; `on_end`: its output has ended.

    Raises ToolUnavailable.
    """
    process = await _start(server.command)
    to_session, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    to_server, from_session = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with asyncio.TaskGroup() as tasks:
            pumps = [
                tasks.create_task(_read(process, to_session, on_end)),
                tasks.create_task(_write(process, from_session, to_session)),
            ]
            try:
                yield from_server, to_server
            finally:
                for pump in pumps:
                    pump.cancel()
    finally:
        for stream in (to_session, from_server, to_server, from_session):
            stream.close()
        await _end(process)


async def _start(command: tuple[str, ...]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # it may tell what it was asked
            env={name: os.environ[name] for name in KEPT if name in os.environ},
            cwd="/",
            start_new_session=True,
            limit=MAX_LINE,
        )
    except OSError as error:
        raise ToolUnavailable(f"{command[0]} cannot be started: {error.strerror}") from error


async def _read(process: asyncio.subprocess.Process, messages: Read, on_end: Callable[[], None]) -> None:
    """Until its output ends, or is none."""
    bad = 0
    with messages:
        while bad <= MAX_BAD and (line := await _line(process)):
            try:
                message = SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
            except ValueError:
                bad += 1
                continue
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await messages.send(message)
    on_end()


async def _line(process: asyncio.subprocess.Process) -> bytes:
    """b"" at the end; a line that is longer than MAX_LINE is one."""
    assert process.stdout
    try:
        return await process.stdout.readline()
    except ValueError:
        return b""


async def _write(process: asyncio.subprocess.Process, messages: Written, to_session: Read) -> None:
    assert process.stdin
    with messages:
        async for message in messages:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            try:
                process.stdin.write(text.encode() + b"\n")
                await process.stdin.drain()
            except ConnectionError:
                to_session.close()
                return


async def _end(process: asyncio.subprocess.Process) -> None:
    """It and all that it has started, whatever else is being cancelled."""
    try:
        if process.stdin:
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await _drain(process)
                await process.wait()


async def _drain(process: asyncio.subprocess.Process) -> None:
    """Its last words: a pipe that was not read to its end stays open."""
    assert process.stdout
    while await process.stdout.read(MAX_LINE):
        pass
