"""An agent of which the page sees only the protocol: it keeps all that a guest says, and says what a test wants.

It serves the page with the headers that the real one sends; `isolated=False` leaves out those that give a page shared
memory, as a proxy in between may. One guest at a time: the newest connection is the one that is spoken to.
"""

from __future__ import annotations

import asyncio
import mimetypes
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import WSMsgType, web

import agent.web
from agent.web.protocol import SUBPROTOCOL, Frame, Hello, Message, decode, message, parse
from agent.web.recording import Decoded
from agent.web.webrtc import Peer

PAGE = Path(agent.web.__file__).parent / "page"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
WAIT_S = 10.0
RECEIVED = 16_384  # bytes
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("application/manifest+json", ".webmanifest")


@dataclass
class Heard:
    """What came from the guest, with the monotonic second in which it came."""

    frames: list[tuple[Frame, float]] = field(default_factory=list)
    messages: list[tuple[Message, float]] = field(default_factory=list)
    calls: list[tuple[Decoded, float]] = field(default_factory=list)  # what WebRTC brought

    def hellos(self) -> list[Hello]:
        return [said for said, _ in self.messages if isinstance(said, Hello)]

    def of(self, kind: type[Message]) -> list[Any]:
        return [said for said, _ in self.messages if isinstance(said, kind)]


class StubAgent:
    """`with StubAgent() as agent: …`; what is heard is kept in `agent.heard`."""

    def __init__(self, isolated: bool = True, speech_hz: int = 22_050, port: int = 0) -> None:
        self._headers = HEADERS | (ISOLATION if isolated else {})
        self._speech_hz = speech_hz
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stub agent")
        self._news = threading.Condition()
        self._socket: web.WebSocketResponse | None = None
        self._runner: web.AppRunner | None = None
        self._peer = Peer(lambda sound: self._note(self.heard.calls, sound))
        self._state: dict[str, object] = {"phase": "idle", "turn": 0}
        self.heard = Heard()
        self.requests: list[str] = []
        self.port = port
        self.logged_in = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def __enter__(self) -> StubAgent:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # -------------------------------------------------------------- for tests

    def say(self, type: str, **fields: object) -> None:
        if type == "state":
            self._state = fields  # told again to who comes back
        self._run(self._current().send_str(message(type, **fields)))

    def send(self, frame: Frame) -> None:
        self._run(self._current().send_bytes(frame.encode()))

    def hang_up(self) -> None:
        """The connection breaks."""
        transport = self._current()._req.transport  # type: ignore[union-attr]
        assert transport is not None
        self._loop.call_soon_threadsafe(transport.abort)

    def deaf(self, deaf: bool) -> None:
        """From now on nothing is read from the guest (or everything is, again)."""
        transport: Any = self._current()._req.transport  # type: ignore[union-attr]
        self._loop.call_soon_threadsafe(transport.pause_reading if deaf else transport.resume_reading)

    def wait(self, happened: Callable[[Heard], Any], timeout_s: float = WAIT_S) -> Any:
        """Wait for what is heard to be so; returns what `happened` did. Raises AssertionError."""
        with self._news:
            found = self._news.wait_for(lambda: happened(self.heard), timeout_s)
        assert found, f"not within {timeout_s} s; the last messages: {self.heard.messages[-5:]}"
        return found

    def wait_for(self, kind: type[Message], timeout_s: float = WAIT_S) -> Any:
        """The newest message of this kind."""
        return self.wait(lambda heard: heard.of(kind), timeout_s)[-1]

    def forget(self) -> None:
        with self._news:
            self.heard = Heard()

    # -------------------------------------------------------------- the server

    def _current(self) -> web.WebSocketResponse:
        assert self._socket is not None, "no guest is connected"
        return self._socket

    def _run(self, coroutine: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(WAIT_S)

    async def _start(self) -> None:
        application = web.Application()
        application.router.add_get("/ws", self._guest)
        application.router.add_get("/{name:.*}", self._file)
        application.router.add_post("/{name:.*}", self._posted)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        listening = socket.socket()
        # A kernel that takes little makes a slow reader felt soon.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        await web.SockSite(self._runner, listening).start()
        self.port = listening.getsockname()[1]

    async def _stop(self) -> None:
        await self._peer.close()
        if self._socket is not None:
            await self._socket.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"] or ("index.html" if self.logged_in else "login.html")
        self.requests.append(name)
        path = PAGE / name
        if path.parent != PAGE or not path.is_file():
            return web.Response(status=404)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return web.Response(body=path.read_bytes(), content_type=kind, headers=self._headers)

    async def _posted(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Origin") != self.url.rstrip("/"):
            raise web.HTTPForbidden
        fields = await request.post()
        self.logged_in = request.path == "/login" and fields.get("token") == "right"
        raise web.HTTPSeeOther("/" if self.logged_in or request.path == "/logout" else "/?wrong=1")

    async def _guest(self, request: web.Request) -> web.StreamResponse:
        if not self.logged_in:
            return web.Response(status=401)
        guest = web.WebSocketResponse(protocols=(SUBPROTOCOL,), max_msg_size=0)
        await guest.prepare(request)
        async for each in guest:
            if each.type == WSMsgType.TEXT:
                await self._said(guest, parse(each.data))
            elif each.type == WSMsgType.BINARY:
                self._note(self.heard.frames, decode(each.data))
        return guest

    async def _said(self, guest: web.WebSocketResponse, said: Message) -> None:
        match said.type:
            case "hello":
                self._socket = guest
                resumed = said.resume == "key"
                await guest.send_str(
                    message(
                        "welcome", guest=1, key="key", resumed=resumed, agent="kitchen", version="0.1.0",
                        words=["hey_jarvis"], language="en", personas=["default"],
                        paths=["worklet", "script", "recorder", "webrtc"], speech_hz=self._speech_hz, token=True,
                    )
                )  # fmt: skip
                await guest.send_str(message("state", **self._state))
            case "ping":
                await guest.send_str(message("pong", at=said.at, now=time.monotonic() * 1000))
            case "offer":
                await guest.send_str(message("answer", sdp=await self._peer.answer(said.sdp)))
            case _:
                pass
        self._note(self.heard.messages, said)

    def _note(self, to: list[tuple[Any, float]], what: Any) -> None:
        with self._news:
            to.append((what, time.monotonic()))
            self._news.notify_all()
