"""The other end: an agent's server as a remote microphone sees it, on a thread of its own, with aiohttp and real TLS.

It notes all that guests say, and answers what the test tells it to. With `ears` it hears wake words in what arrives, by
the agent's own microphone and spotter, as the real server does.
"""

from __future__ import annotations

import asyncio
import json
import queue
import ssl
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from agent.config import Config
from agent.hearing import wakewords
from agent.hearing.preroll import Preroll
from agent.hearing.spotter import Spotter
from agent.web import protocol
from agent.web.microphone import Microphone
from agent.web.protocol import SUBPROTOCOL, Frame, Kind

WAIT_S = 20.0


@dataclass(frozen=True)
class Visitor:
    """One connection."""

    number: int
    headers: dict[str, str]


class House:
    def __init__(self, tls: ssl.SSLContext | None = None, token: str = "", ears: bool = False) -> None:
        self.tls = tls
        self.token = token
        self.port = 0
        self.visitors: queue.Queue[Visitor] = queue.Queue()
        self.said: queue.Queue[dict[str, Any]] = queue.Queue()  # what guests say in words
        self.frames: queue.Queue[Frame] = queue.Queue()
        self.wakes: queue.Queue[tuple[float, float]] = queue.Queue()  # when it was found, when its sound was in the air
        self.welcome: dict[str, Any] = {
            "guest": 1,
            "key": "k",
            "resumed": False,
            "agent": "house",
            "words": ["hey_jarvis"],
        }
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
        self.bytes = 0
        self._ears = ears
        self._loop = asyncio.new_event_loop()
        self._sockets: list[web.WebSocketResponse] = []
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def start(self, port: int = 0) -> House:
        self._call(self._start(port))
        return self

    async def _start(self, port: int) -> None:
        app = web.Application()
        app.router.add_get("/{any:.*}", self._talk)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=self.tls, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    def close(self) -> None:
        """Nobody is at home any more; `start(port)` opens it again."""

        async def close() -> None:
            self.cut_all()
            if self._runner:
                await self._runner.cleanup()

        self._call(close())

    def stop(self) -> None:
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """The network breaks all connections, without a word."""
        self._loop.call_soon_threadsafe(self.cut_all)

    def cut_all(self) -> None:
        for socket in self._sockets:
            transport = socket._req.transport if socket._req else None
            if transport:
                transport.abort()
        self._sockets.clear()

    def say(self, type: str, **fields: object) -> None:
        self._send(protocol.message(type, **fields))

    def sound(self, frame: Frame) -> None:
        self._send(frame.encode())

    def hear(self, type: str, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """The next message of this type."""
        while True:
            said = self.said.get(timeout=timeout_s)
            if said["type"] == type:
                return said

    def _send(self, item: str | bytes) -> None:
        async def send() -> None:
            for socket in self._sockets:
                await (socket.send_str(item) if isinstance(item, str) else socket.send_bytes(item))

        self._call(send())

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)

    async def _talk(self, request: web.Request) -> web.StreamResponse:
        if self.answer:
            return await self.answer(request)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            raise web.HTTPUnauthorized(text="The token is missing or wrong.")
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,), max_msg_size=protocol.MAX_BINARY)
        await socket.prepare(request)
        self.visitors.put(Visitor(self.visitors.qsize(), dict(request.headers)))
        hello = json.loads((await socket.receive(WAIT_S)).data)
        self.said.put(hello)
        await socket.send_str(protocol.message("welcome", **self.welcome))
        self._sockets.append(socket)
        ear = _Ear(self.wakes) if self._ears else None
        async for given in socket:
            self.bytes += len(given.data)
            if given.type is WSMsgType.TEXT:
                protocol.parse(given.data)
                self.said.put(said := json.loads(given.data))
                if ear and said["type"] == "mic":
                    ear.microphone.afresh()
            elif given.type is WSMsgType.BINARY:
                frame = protocol.decode(given.data)
                assert frame.kind is Kind.PERIODS
                self.frames.put(frame)
                if ear:
                    ear.microphone.put(frame, time.monotonic())
        if ear:
            ear.stop()
        return socket


class _Ear:
    """The wake word in a guest's sound, found as the agent's ear finds it, on a thread of its own."""

    def __init__(self, wakes: queue.Queue[tuple[float, float]]) -> None:
        self._wakes = wakes
        self._preroll = Preroll()
        config = Config()
        self._spotter = Spotter(wakewords.load(config), config.wake, self._preroll)
        self.microphone = Microphone()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            for block in self.microphone.read(0.1):
                if block.gap:
                    self._preroll.clear()
                    self._spotter.reset()
                self._preroll.append(block)
                for found in self._spotter.feed(block)[1]:
                    self._wakes.put((time.monotonic(), self._preroll.time_of(found.position)))


def authority(folder: Path) -> None:
    """Into the folder: an authority (ca.pem) and its certificate for localhost and 127.0.0.1 (house.pem, house.key)."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=our own")
    openssl("req", *curve, "-keyout", "house.key", "-out", "house.csr", "-subj", "/CN=house")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    openssl("x509", "-req", "-in", "house.csr", "-out", "house.pem", "-days", "2", *signed)


def served(folder: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(folder / "house.pem", folder / "house.key")
    return made
