"""The visitors: who is connected, who may come back, and what each connection brings.

Limits: `MAX_CONNECTIONS` at once, and those of `agent.web.connection`. Who goes beyond them is told why, and the
connection ends; the visit goes on where it may come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time

from aiohttp import WSCloseCode, web

from agent.web import protocol
from agent.web.access import Access
from agent.web.connection import Clock, Connection, Refused, greeting
from agent.web.door import may_talk
from agent.web.host import Host
from agent.web.outlet import Outlet
from agent.web.protocol import BadFrame, Hello
from agent.web.visit import Visit

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 16
PING_S = 15.0
CLOSE_S = 0.5  # for everybody to take leave, when the server ends


class Visitors:
    """Used in the server's loop. `keep_s`: how long a visit outlives its connection."""

    def __init__(self, host: Host, keep_s: float, clock: Clock = time.monotonic) -> None:
        self._host = host
        self._keep_s = keep_s
        self._clock = clock
        self._numbers = itertools.count(1)
        self._visits: dict[str, Visit] = {}
        self._sockets: set[web.WebSocketResponse] = set()
        self._outlets: dict[str, Outlet] = {}  # of those who are connected
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def tell(self, text: str) -> None:
        """All who are here, something about the device."""
        for visit in self._visits.values():
            if visit.connected:
                visit.send(text)

    async def close(self) -> None:
        """Everybody has to go: the server ends."""
        self._closed = True
        closing = (socket.close(code=WSCloseCode.GOING_AWAY, message=b"the agent ends") for socket in self._sockets)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*closing, return_exceptions=True), CLOSE_S)
        for handle in self._leaving.values():
            handle.cancel()
        await asyncio.gather(*self._tasks, *map(self._leave, list(self._visits.values())))

    async def talk(self, request: web.Request, access: Access) -> web.StreamResponse:
        may_talk(request, access)
        if self._closed or len(self._sockets) >= MAX_CONNECTIONS:
            raise web.HTTPServiceUnavailable(text="Too many guests are here already.", headers={"Retry-After": "10"})
        socket = web.WebSocketResponse(
            protocols=(protocol.SUBPROTOCOL,),
            heartbeat=PING_S,
            max_msg_size=protocol.MAX_BINARY,
            compress=False,
            timeout=CLOSE_S,
        )
        self._sockets.add(socket)
        try:
            await socket.prepare(request)
            await self._serve(socket, Outlet(socket, request.transport))
        except ConnectionError:
            return web.Response()  # to one that has gone before it was let in
        finally:
            self._sockets.discard(socket)
        return socket

    async def _serve(self, socket: web.WebSocketResponse, outlet: Outlet) -> None:
        visit: Visit | None = None
        try:
            hello = await greeting(socket)
            visit = self._visit(hello)
            await self._attend(socket, outlet, visit, hello)
        except (BadFrame, Refused) as refusal:
            code = refusal.code if isinstance(refusal, Refused) else "bad_message"
            log.info("a guest was sent away: %s: %s", code, refusal, extra={"code": "web.refused"})
            await outlet.end(protocol.message("bye", code=code, message=str(refusal)))
        finally:
            parting = visit if visit is not None and visit.disconnect(outlet.put) else None
            try:
                await outlet.close()
            finally:
                self._sockets.discard(socket)  # who only waits for its conversation to be taken down keeps nobody out
                if parting is not None:
                    self._outlets.pop(parting.key, None)
                    await self._part(parting)

    def _visit(self, hello: Hello) -> Visit:
        known = self._visits.get(hello.resume)
        if known is not None:
            handle = self._leaving.pop(known.key, None)
            if handle:
                handle.cancel()
            return known
        visit = Visit(next(self._numbers), hello, asyncio.get_running_loop())
        self._visits[visit.key] = visit
        return visit

    async def _attend(self, socket: web.WebSocketResponse, outlet: Outlet, visit: Visit, hello: Hello) -> None:
        resumed = visit.hello is not hello
        before = self._outlets.get(visit.key)
        self._outlets[visit.key] = outlet
        outlet.put(
            protocol.message("welcome", guest=visit.number, key=visit.key, resumed=resumed, **self._host.facts())
        )
        for text in self._host.device():
            outlet.put(text)
        visit.connect(outlet.put, hello)
        if visit.recap is not None:
            visit.recap()
        if before is not None:
            await before.end(protocol.message("bye", code="elsewhere", message="this visit goes on elsewhere"))
        await Connection(socket, visit, self._host, self._clock).serve()

    async def _part(self, visit: Visit) -> None:
        """Who has talked may come back; who has only looked on has nothing to come back to."""
        if visit.seat is None:
            await self._leave(visit)
            return

        def over() -> None:
            self._leaving.pop(visit.key, None)
            task = asyncio.ensure_future(self._leave(visit))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._leaving[visit.key] = asyncio.get_running_loop().call_later(self._keep_s, over)

    async def _leave(self, visit: Visit) -> None:
        self._visits.pop(visit.key, None)
        visit.gone = True
        await asyncio.to_thread(self._host.leave, visit)
