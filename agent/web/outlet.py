"""What goes out over one connection: in order, from a bounded queue, so that who does not read holds up nobody."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from aiohttp import WSCloseCode, web

MAX_BYTES = 1 << 20  # the mouth is two seconds ahead at most; a guest that is further behind does not read
BYE_S = 1.0


class Outlet:
    """Belongs to the server's loop."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self._socket = socket
        self._transport = transport
        self._waiting: deque[str | bytes] = deque()
        self._bytes = 0
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def put(self, item: str | bytes) -> None:
        """A guest that is too far behind is given up, and its connection with it."""
        self._waiting.append(item)
        self._bytes += len(item)
        if self._bytes > MAX_BYTES:
            self._abort()
        self._more.set()

    async def end(self, last: str) -> None:
        """With a last word, where it still gets through."""
        self._task.cancel()
        with contextlib.suppress(ConnectionError, RuntimeError, TimeoutError):
            async with asyncio.timeout(BYE_S):
                await self._socket.send_str(last)
                await self._socket.close(code=WSCloseCode.POLICY_VIOLATION)

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await self._task
        with contextlib.suppress(ConnectionError, RuntimeError, TimeoutError):
            async with asyncio.timeout(BYE_S):
                await self._socket.close()
        self._abort()

    def _abort(self) -> None:
        """What a guest does not take would be kept for it until it does."""
        self._waiting.clear()
        self._bytes = 0
        if self._transport is not None:
            self._transport.abort()

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                item = self._waiting.popleft()
                self._bytes -= len(item)
                await (self._socket.send_str(item) if isinstance(item, str) else self._socket.send_bytes(item))
