"""The link: a thread that connects, reads, and connects again, and for each connection one that writes.

Rules:
- The library (`websockets`) gets a socket that we opened: no proxy, no redirect elsewhere with our token. Its log is
  kept shut, since at level DEBUG it holds the token.
- A connection that is dead is noticed within `PING_S` and `PONG_S`. Another follows after a pause that doubles, with
  some chance in it, and is short again after one that lasted.
- What cannot get better by itself (a wrong token, a certificate of a stranger, no agent there) ends the link, with an
  exit code.
"""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from agent.remote.doings import Say, Stream
from agent.remote.outbox import Outbox
from agent.remote.target import Target
from agent.remote.trouble import Trouble, trouble
from agent.web.protocol import SUBPROTOCOL

OPEN_S = 5.0
PING_S, PONG_S = 10.0, 5.0
CLOSE_S = 0.5
FIRST_S, MOST_S = 0.5, 15.0
LASTED_S = 10.0
MAX_MESSAGE = 1 << 20
JOIN_S = 2.0

_quiet = logging.getLogger(f"{__name__}.frames")
_quiet.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Opened:
    """The connection of this number is open; nothing was said on it."""

    line: int


@dataclass(frozen=True, slots=True)
class Got:
    line: int
    message: str | bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """`again_s`: when the next attempt follows; None: none does."""

    trouble: Trouble
    again_s: float | None


LinkEvent = Opened | Got | Closed


class Link:
    """`on_event` is called from the link's thread and must not block."""

    def __init__(self, target: Target, on_event: Callable[[LinkEvent], None]) -> None:
        self._target = target
        self._on_event = on_event
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # guards the three below
        self._line = 0
        self._outbox = Outbox()
        self._connection: ClientConnection | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye, if somebody is there. Idempotent."""
        self._stopping.set()
        with self._lock:
            connection = self._connection
        if connection:
            connection.close()
        if self._thread:
            self._thread.join(JOIN_S)

    def send(self, line: int, item: Say | Stream) -> None:
        """On the connection of this number; nothing is sent where it is gone."""
        with self._lock:
            if line == self._line:
                self._outbox.put(item)

    def hang_up(self, line: int) -> None:
        """End this connection; another follows."""
        with self._lock:
            connection = self._connection if line == self._line else None
        if connection:
            connection.close(1002, "protocol error")

    @property
    def lost(self) -> int:
        """Periods that the network did not take in time, on this connection."""
        with self._lock:
            return self._outbox.lost

    # The rest runs on the link's threads.

    def _run(self) -> None:
        pause = FIRST_S
        while not self._stopping.is_set():
            began = time.monotonic()
            why = self._attempt()
            if self._stopping.is_set():
                return
            pause = FIRST_S if time.monotonic() - began > LASTED_S else pause
            wait = pause * random.uniform(0.75, 1.25)
            pause = min(2 * pause, MOST_S)
            self._on_event(Closed(why, None if why.code is not None else wait))
            if why.code is not None or self._stopping.wait(wait):
                return

    def _attempt(self) -> Trouble:
        """One connection, from its beginning to why it ended."""
        try:
            with self._connect() as connection:
                if connection.subprotocol != SUBPROTOCOL:
                    return Trouble(f"what answers at {self._target.url} is no agent, or one of another version", 78)
                return self._serve(connection)
        except (OSError, InvalidHandshake, ConnectionClosed, EOFError, ValueError) as error:
            return trouble(error, self._target)

    def _connect(self) -> ClientConnection:
        target = self._target
        opened = socket.create_connection((target.host, target.port), timeout=OPEN_S)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            headers = {"Authorization": f"Bearer {target.token.reveal()}"} if target.token else {}
            return connect(
                target.url, sock=opened, ssl=target.tls, subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None,
                additional_headers=headers, user_agent_header="voice-agent", proxy=None, open_timeout=OPEN_S,
                ping_interval=PING_S, ping_timeout=PONG_S, close_timeout=CLOSE_S, max_size=MAX_MESSAGE, logger=_quiet,
            )  # fmt: skip
        except BaseException:
            opened.close()
            raise

    def _serve(self, connection: ClientConnection) -> Trouble:
        outbox = Outbox()
        with self._lock:
            self._line += 1
            line, self._outbox, self._connection = self._line, outbox, connection
        writer = threading.Thread(target=_write, args=(connection, outbox), name="link-writer", daemon=True)
        writer.start()
        self._on_event(Opened(line))
        try:
            while True:
                self._on_event(Got(line, connection.recv()))
        except ConnectionClosed as error:
            return trouble(error, self._target)
        finally:
            with self._lock:
                self._connection = None
            outbox.close()
            writer.join()


def _write(connection: ClientConnection, outbox: Outbox) -> None:
    """The reader, too, sees why a connection ends."""
    with contextlib.suppress(ConnectionClosed, OSError):
        while (item := outbox.take()) is not None:
            connection.send(item.text if isinstance(item, Say) else item.frame)
    connection.close()
