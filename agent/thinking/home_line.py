"""A line to Home Assistant: its websocket, opened with the token, and commands over it.

After https://developers.home-assistant.io/docs/api/websocket: the server says `auth_required`, we send the token, it
says `auth_ok` or `auth_invalid`. Then each command has an id that only grows, and what belongs to it carries that id.

The library (`websockets`) never connects by itself here: it gets an address that was checked (`agent.thinking.guard`),
no proxy, no compression, and redirects end in an error. Its log is kept shut, since at level DEBUG it holds the token.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus, WebSocketException
from websockets.protocol import State

from agent.thinking.address import WEBSOCKET
from agent.thinking.failure import Failure
from agent.thinking.guard import Refused, UnknownHost, permitted, tls
from agent.thinking.location import Location
from agent.thinking.refusals import jitter, unconnected
from agent.thinking.reply import MAX_BAD, error_text

MAX_MESSAGE = 2_097_152  # bytes: the list of all devices of a large home comes in one
MAX_WAITING = 4  # frames that the library takes ahead of us
PING_S = 20.0  # a line that is dead is noticed within twice this time
CLOSE_S = 0.2
TOO_BIG = 1009  # the close code of RFC 6455, section 7.4.1
ELSEWHERE = "no websocket of a Home Assistant answers there, or it redirects elsewhere"

_quiet = logging.getLogger(f"{__name__}.frames")
_quiet.setLevel(logging.WARNING)

Message = dict[str, Any]


class CommandRefused(Exception):
    """Home Assistant would not do it: `code` such as "unknown_command"; str() is what it says."""

    def __init__(self, code: str, says: str) -> None:
        super().__init__(says)
        self.code = code


class TooBig(Failure):
    """A message was larger than anything we want to hold in memory, which has ended the line."""


class HomeLine:
    """One open websocket. One conversation at a time; `abort` from anywhere in the loop."""

    def __init__(self, connection: ClientConnection, location: Location) -> None:
        self._connection = connection
        self.location = location
        self._number = 0
        self._bad = 0
        self.heard_at = 0.0  # in the loop's time

    @property
    def open(self) -> bool:
        """False once either side has closed it, or the library has found it dead."""
        return self._connection.state is State.OPEN

    async def authenticate(self) -> None:
        """The first thing on a new line. Raises Failure."""
        with mapped():
            greeting = await self._next()
            if greeting.get("type") != "auth_required":
                raise Failure("bad_reply", "the greeting is not that of a Home Assistant")
            token = self.location.key.reveal() if self.location.key else ""
            await self._connection.send(json.dumps({"type": "auth", "access_token": token}))
            answer = await self._next()
        match answer.get("type"):
            case "auth_ok":
                return
            case "auth_invalid":
                raise Failure("auth", "Home Assistant refuses the token")
            case _:
                raise Failure("bad_reply", "no answer to the token")

    async def send(self, kind: str, **fields: object) -> int:
        """Send a command. Returns the id that its answers carry; raises Failure."""
        self._number += 1
        with mapped():
            await self._connection.send(json.dumps({"id": self._number, "type": kind, **fields}))
        return self._number

    async def receive(self, number: int) -> Message:
        """The next message that belongs to a command; those of other commands are dropped.

        Raises CommandRefused where it is a refusal, Failure.
        """
        while True:
            with mapped():
                message = await self._next()
            if message.get("id") != number:
                continue
            if message.get("type") == "result" and message.get("success") is not True:
                raise self._refused(message.get("error"))
            return message

    async def call(self, kind: str, **fields: object) -> object:
        """A command with one answer: its result. Raises CommandRefused, Failure."""
        number = await self.send(kind, **fields)
        message = await self.receive(number)
        return message.get("result")

    def hide(self, text: str) -> str:
        return self.location.hide(text)

    def abort(self) -> None:
        """At once and without good-bye, which makes Home Assistant give up what it is doing for us."""
        self._connection.transport.abort()

    async def close(self) -> None:
        await self._connection.close()

    async def _next(self) -> Message:
        """The next message that is an object; a few others are passed over."""
        while True:
            message = _read(await self._connection.recv())
            self.heard_at = asyncio.get_running_loop().time()
            if message is not None:
                return message
            self._bad += 1
            if self._bad > MAX_BAD:
                raise Failure("bad_reply", f"{self._bad} messages that are none")

    def _refused(self, error: object) -> CommandRefused:
        code = error.get("code") if isinstance(error, dict) else None
        return CommandRefused(str(code), self.hide(error_text(error)) or "no reason given")


async def dial(location: Location, timeout_s: float) -> HomeLine:
    """Connect; what comes first is `authenticate`. Raises Failure."""
    try:
        with mapped():
            async with asyncio.timeout(timeout_s):
                return HomeLine(await _first(location, timeout_s), location)
    except TimeoutError as error:
        raise Failure("unreachable", "no connection in time") from error
    except ValueError as error:  # the library's word for a redirect to another host
        raise Failure("bad_reply", ELSEWHERE) from error


async def _first(location: Location, timeout_s: float) -> ClientConnection:
    """The first address that accepts; each gets an equal share of the time."""
    address = location.address
    addresses = await permitted(address.host, address.port, private_only=address.scheme == "http")
    *others, last = addresses
    for ip in others:
        with contextlib.suppress(OSError):
            async with asyncio.timeout(timeout_s / len(addresses)):
                return await _connect(location, ip)
    return await _connect(location, last)


async def _connect(location: Location, ip: str) -> ClientConnection:
    address = location.address
    secure: dict[str, Any] = {"ssl": tls(), "server_hostname": address.host} if address.scheme == "https" else {}
    return await connect(
        "ws" + address.url(WEBSOCKET).removeprefix("http"),
        host=ip,
        port=address.port,
        proxy=None,
        compression=None,
        user_agent_header="voice-agent",
        open_timeout=None,
        ping_interval=PING_S,
        ping_timeout=PING_S,
        close_timeout=CLOSE_S,
        max_size=MAX_MESSAGE,
        max_queue=MAX_WAITING,
        logger=_quiet,
        **secure,
    )


def _read(data: str | bytes) -> Message | None:
    try:
        value = json.loads(data) if isinstance(data, str) else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


@contextmanager
def mapped() -> Iterator[None]:
    """The library's errors as Failures. Their texts are not passed on: they may quote a message."""
    try:
        yield
    except Refused as error:
        raise Failure("unreachable", str(error)) from error
    except UnknownHost as error:
        raise Failure("unreachable", "connection refused or no such host", jitter()) from error
    except InvalidStatus as error:
        raise _status(error.response.status_code) from error
    except ConnectionClosed as error:
        if error.sent is not None and error.sent.code == TOO_BIG:
            raise TooBig("bad_reply", f"a message of more than {MAX_MESSAGE} bytes") from error
        raise Failure("cut_off", "the connection was lost", jitter()) from error
    except InvalidMessage as error:
        raise Failure("cut_off", "the server broke off or does not speak HTTP", jitter()) from error
    except WebSocketException as error:
        raise Failure("bad_reply", ELSEWHERE) from error
    except TimeoutError:
        raise
    except OSError as error:
        raise unconnected(error) from error


def _status(status: int) -> Failure:
    """The opening request was answered otherwise."""
    match status:
        case 401 | 403:
            return Failure("auth", f"HTTP {status}: Home Assistant refuses this device; see its ip_bans.yaml")
        case 404:
            return Failure("bad_reply", "HTTP 404: no Home Assistant there; base_url is only scheme, host and port")
        case _ if status >= 500:
            return Failure("server_error", f"HTTP {status}: Home Assistant is not ready", jitter())
        case _:
            return Failure("bad_reply", f"HTTP {status} where a websocket was asked for")
