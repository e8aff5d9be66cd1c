"""What servers that misbehave on purpose share: one thread with one asyncio loop, a loopback port, and who has come."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Generic, Self, TypeVar

S = TypeVar("S")
T = TypeVar("T")


class SickServer(Generic[T]):
    """`with` starts it and ends it. A server implements `_serve`, which sets `port` and then awaits `_open`.

    The n-th of what was asked gets the n-th of `symptoms`, the last one goes on for ever.
    """

    path = ""

    def __init__(self, name: str, tls: ssl.SSLContext | None, port: int) -> None:
        self.port = port
        self.connections = 0
        self._tls = tls
        self._came = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name)
        self._up = threading.Event()
        self._down = asyncio.Event()

    @property
    def base_url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}{self.path}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._up.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._down.set)
        self._thread.join()

    async def _serve(self) -> None:
        raise NotImplementedError

    async def _open(self) -> None:
        """From now on it can be reached; returns when it is to end."""
        self._up.set()
        await self._down.wait()

    def _until(self, true: Callable[[], bool], timeout_s: float, otherwise: Callable[[], str]) -> None:
        with self._came:
            if not self._came.wait_for(true, timeout_s):
                raise TimeoutError(otherwise())

    def _next(self, asked: list[T], one: T, symptoms: Sequence[S]) -> S:
        """Note what was asked; what it gets."""
        with self._came:
            asked.append(one)
            self._came.notify_all()
            return symptoms[min(len(asked), len(symptoms)) - 1]

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())


async def last_let_in(server: asyncio.Server) -> None:
    """Let nobody more in, and wait for those who are being let in: asyncio loses their sockets if it is closed now."""
    asyncio.get_running_loop().remove_reader(server.sockets[0])
    for _ in ("it has a transport", "its protocol is told", "its task is begun"):
        await asyncio.sleep(0)


def reset(transport: asyncio.WriteTransport) -> None:
    """RST."""
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def closed_port() -> int:
    """A loopback port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
