"""The web room: a thread with the server's loop. What keeps it from serving is told in the log, and tried again.

`progress` moves while the loop turns; a port that is taken, or a certificate that cannot be read, is a fault of the
surroundings: the agent goes on without its page.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from agent import credentials
from agent.config import Web as WebSection
from agent.web.host import Host

if TYPE_CHECKING:
    from agent.web.visitors import Visitors

RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0)
TURN_S = 1.0
STOP_S = 2.0
CLOSE_S = 0.5  # for requests that are being answered
NEEDED = ("aiohttp", "av")
Closing = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


class Web:
    def __init__(self, config: WebSection, host: Host, on_fatal: Callable[[str], None]) -> None:
        self._config = config
        self._host = host
        self._on_fatal = on_fatal
        self._lock = threading.Lock()  # guards the loop against being called when closed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._visitors: Visitors | None = None
        self._ending: asyncio.Event | None = None
        self._stopped = False
        self._turned_at = 0.0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        missing = [name for name in NEEDED if find_spec(name) is None]
        if missing:
            remedy = "`pip install 'voice-agent[web]'` installs it"
            log.error("no page: %s is not installed; %s", missing[0], remedy, extra={"code": "web.failed"})
            return
        self._turned_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Sends everybody away and joins the thread. Idempotent."""
        with self._lock:
            self._stopped = True
            if self._loop and self._ending:
                self._loop.call_soon_threadsafe(self._ending.set)
        if self._thread:
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                log.warning("the web server did not end within %g s", STOP_S)

    # From any thread.

    def tell(self, text: str) -> None:
        """All guests, something about the device."""
        with self._lock:
            if self._loop and self._visitors:
                self._loop.call_soon_threadsafe(self._visitors.tell, text)

    def progress(self) -> float:
        """When the loop last turned, monotonic seconds; now, where there is none."""
        alive = self._thread is not None and self._thread.is_alive()
        return self._turned_at if alive else time.monotonic()

    # The rest runs on the web's thread.

    def _run(self) -> None:
        ended = False
        try:
            asyncio.run(self._live())
            ended = True
        finally:
            if not ended:
                self._on_fatal("the web server's thread ended unexpectedly")

    async def _live(self) -> None:
        from agent.web.visitors import Visitors

        ending = asyncio.Event()
        visitors = Visitors(self._host, self._config.keep_s)
        with self._lock:
            if self._stopped:
                return
            self._loop, self._visitors, self._ending = asyncio.get_running_loop(), visitors, ending
        serving = asyncio.create_task(self._serve(visitors))
        try:
            while not ending.is_set():
                self._turned_at = time.monotonic()
                if serving.done():
                    serving.result()  # what nobody expected goes its way
                await _wait(ending, TURN_S)
        finally:
            with self._lock:
                self._loop = self._visitors = self._ending = None
            await visitors.close()
            if serving.done() and not serving.cancelled() and serving.exception() is None:
                await serving.result()()
            serving.cancel()

    async def _serve(self, visitors: Visitors) -> Closing:
        """What ends the server, once it is there. `RETRY_S` apart, the last of them again and again."""
        pauses = itertools.chain(RETRY_S, itertools.repeat(RETRY_S[-1]))
        while True:
            try:
                return await self._open(visitors)
            except (OSError, credentials.CredentialError) as error:
                log.error("no page at %s: %s", self._address, error, extra={"code": "web.failed"})
            await asyncio.sleep(next(pauses))

    async def _open(self, visitors: Visitors) -> Closing:
        from aiohttp import web

        from agent.web.access import Access
        from agent.web.crowd import HANDSHAKE_S, Crowd, nothing_of_strangers
        from agent.web.server import application, tls

        config = self._config
        token = credentials.read(config.token) if config.token else None
        context = tls(config)
        crowd, http = Crowd(), logging.getLogger("agent.web.http")
        http.addFilter(nothing_of_strangers)
        app = application(Access(config, token), visitors)
        app.middlewares.insert(0, crowd.attending())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_S, logger=http)
        await runner.setup()
        assert runner.server is not None
        try:
            server = await asyncio.get_running_loop().create_server(
                crowd.admitting(runner.server),
                config.address,
                config.port,
                ssl=context,
                backlog=32,
                ssl_handshake_timeout=HANDSHAKE_S if context else None,
            )
        except BaseException:
            await runner.cleanup()
            raise
        log.info("the page is at %s", self._address, extra={"code": "web.open"})

        async def close() -> None:
            server.close()
            await runner.cleanup()

        return close

    @property
    def _address(self) -> str:
        name = f"[{self._config.address}]" if ":" in self._config.address else self._config.address
        return f"http{'s' if self._config.cert_file else ''}://{name}:{self._config.port}/"


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return
