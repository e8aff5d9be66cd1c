"""What goes out over one connection: in order, bounded, and given up where nobody takes it. With real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import WSMsgType, web

from agent.web.outlet import BYE_S, MAX_BYTES, Outlet

IMPATIENT = aiohttp.ClientWSTimeout(ws_close=0.2)
Talk = Callable[[Outlet, web.WebSocketResponse], Awaitable[None]]


async def meeting(serve: Talk, visit: Callable[[aiohttp.ClientWebSocketResponse], Awaitable[None]]) -> None:
    """The server's end and the guest's, of one connection on this machine."""
    served = asyncio.get_running_loop().create_future()

    async def talk(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(timeout=0.2)
        await socket.prepare(request)
        outlet = Outlet(socket, request.transport)
        try:
            await serve(outlet, socket)
            served.set_result(None)
        except BaseException as error:
            served.set_exception(error)
            raise
        finally:
            await outlet.close()
        return socket

    app = web.Application()
    app.router.add_get("/", talk)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{runner.addresses[0][1]}/", timeout=IMPATIENT) as socket,
        ):
            await visit(socket)
            await asyncio.wait_for(served, 10)
    finally:
        await runner.cleanup()


def test_all_comes_in_order() -> None:
    async def serve(outlet: Outlet, socket: web.WebSocketResponse) -> None:
        for number in range(500):
            outlet.put(str(number) if number % 2 else bytes([number % 256]))
        await socket.receive()

    async def visit(socket: aiohttp.ClientWebSocketResponse) -> None:
        for number in range(500):
            given = await socket.receive(5)
            assert given.data == (str(number) if number % 2 else bytes([number % 256]))
        await socket.close()

    asyncio.run(meeting(serve, visit))


def test_the_last_word_comes_last() -> None:
    async def serve(outlet: Outlet, socket: web.WebSocketResponse) -> None:
        await outlet.end("bye")

    async def visit(socket: aiohttp.ClientWebSocketResponse) -> None:
        assert (await socket.receive(5)).data == "bye"
        assert (await socket.receive(5)).type is WSMsgType.CLOSE

    asyncio.run(meeting(serve, visit))


def test_a_guest_that_does_not_read_is_given_up_and_its_memory_with_it() -> None:
    async def serve(outlet: Outlet, socket: web.WebSocketResponse) -> None:
        for _ in range(40):
            outlet.put(bytes(256 * 1024))
            await asyncio.sleep(0)
        outlet.put(bytes(2 * MAX_BYTES))
        assert outlet._bytes == 0
        ended = await asyncio.wait_for(socket.receive(), 5)
        assert ended.type in (WSMsgType.CLOSED, WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.ERROR)

    async def visit(socket: aiohttp.ClientWebSocketResponse) -> None:
        connection = socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.pause_reading()  # type: ignore[attr-defined]

    asyncio.run(meeting(serve, visit))


def test_nobody_waits_for_the_farewell_of_one_who_is_silent() -> None:
    took = 0.0

    async def serve(outlet: Outlet, socket: web.WebSocketResponse) -> None:
        nonlocal took
        for _ in range(3):
            outlet.put(bytes(MAX_BYTES // 4))
        began = asyncio.get_running_loop().time()
        await outlet.end("bye")
        await outlet.close()
        took = asyncio.get_running_loop().time() - began

    async def visit(socket: aiohttp.ClientWebSocketResponse) -> None:
        connection = socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.pause_reading()  # type: ignore[attr-defined]

    asyncio.run(meeting(serve, visit))
    assert took < 2 * BYE_S + 0.5
