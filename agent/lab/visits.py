"""A web server without an agent: the real door and the real connections, and for each guest an ear that only notes when
Python had which sound. For `voice-agent bench capture-paths`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from agent.audio.pcm import Block, Samples
from agent.config import Web
from agent.hearing.ear import Source
from agent.requests import Request
from agent.web.access import Access
from agent.web.visit import Visit

PAGE = Path(__file__).with_name("capture_page")
READ_S = 0.25
START_S = 10.0


class Notes:
    """What a source gave, and when. A thread reads it until `stop`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._had: list[tuple[float, Block]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notes", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def since(self, moment: float) -> list[tuple[float, Block]]:
        """(monotonic seconds at which Python had it, the block)."""
        return [(at, block) for at, block in list(self._had) if at >= moment]

    def _run(self) -> None:
        while not self._stopping.is_set():
            blocks = self._source.read(READ_S)
            at = time.monotonic()
            self._had += [(at, block) for block in blocks]


def sound_of(had: list[tuple[float, Block]]) -> tuple[Samples, int]:
    """One stretch of samples, with zeros where some are missing, and the position of its first."""
    if not had:
        return np.zeros(0, np.int16), 0
    first, last = had[0][1], had[-1][1]
    sound = np.zeros(last.position + len(last.pcm) - first.position, np.int16)
    for _, block in had:
        start = block.position - first.position
        sound[start : start + len(block.pcm)] = block.pcm
    return sound, first.position


class Host:
    """Everybody may talk, and nobody is answered."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()  # guards the next one
        self._notes: dict[str, tuple[Visit, Notes]] = {}

    def facts(self) -> Mapping[str, object]:
        return {"agent": "bench", "speech_hz": 24_000}

    def device(self) -> list[str]:
        return []

    def begin(self, visit: Visit) -> bool:
        with self._arrived:
            if visit.seat is None:
                visit.seat = 1
                self._notes[visit.hello.path] = visit, Notes(visit.microphone)
                self._arrived.notify_all()
        return True

    def leave(self, visit: Visit) -> None:
        with self._arrived:
            _, notes = self._notes.pop(visit.hello.path, (None, None))
        if notes:
            notes.stop()

    def ask(self, visit: Visit, request: Request) -> None:
        """Nobody answers."""

    def ask_device(self, visit: Visit, request: Request) -> None:
        """There is none."""

    def wait(self, path: str, timeout_s: float) -> tuple[Visit, Notes]:
        """Who sends by this way. Raises TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: path in self._notes, timeout_s):
                raise TimeoutError(f"no sound by way of {path}")
            return self._notes[path]


@contextmanager
def serving(host: Host) -> Iterator[str]:
    """The address of the server, while it is there."""
    loop, begun = asyncio.new_event_loop(), threading.Event()
    ending = asyncio.Event()
    port: list[int] = []

    async def live() -> None:
        from aiohttp import web

        from agent.web.server import application
        from agent.web.visitors import Visitors

        visitors = Visitors(host, keep_s=0.0)
        app = application(Access(Web(), None), visitors, folders=(PAGE,))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port.append(runner.addresses[0][1])
        begun.set()
        await ending.wait()
        await visitors.close()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()), name="web")
    thread.start()
    try:
        if not begun.wait(START_S):
            raise TimeoutError("the server did not start")
        yield f"http://127.0.0.1:{port[0]}/"
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()
        loop.close()
