"""How many connections may be open at all, also those that never say anything: each costs a descriptor, and the agent
needs some to work. Whoever is one too many takes the place of the one that has been idle for longest; whoever is being
served is left alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware

MAX_OPEN = 64
HANDSHAKE_S = 5.0  # of TLS
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Crowd:
    """Belongs to the server's loop."""

    def __init__(self) -> None:
        self._served: set[asyncio.Protocol] = set()

    def attending(self) -> Middleware:
        @web.middleware
        async def attend(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._served.add(request.protocol)
            try:
                return await handler(request)
            finally:
                self._served.discard(request.protocol)

        return attend

    def admitting(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        """What makes the protocol of each new connection."""

        def admit() -> asyncio.Protocol:
            present = [each for each in server.connections if each.transport and not each.transport.is_closing()]
            if len(present) >= MAX_OPEN:
                idle = next((each.transport for each in present if each not in self._served), None)
                if idle is None:
                    return Refusing()
                idle.abort()
            return server()

        return admit


class Refusing(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def nothing_of_strangers(record: logging.LogRecord) -> bool:
    """A filter: what is no HTTP is worth no traceback, which would hold what was sent."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
