"""A connection to a Wyoming server: messages out, messages in, and nothing that blocks but `wait`.

A server may refuse, hang, write nonsense or go away at any moment: each of that is `Lost`, with its reason in words.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from agent.wyoming.messages import BadMessage, Decoder, Message

CONNECT_S = 1.0
OUTBOX_BYTES = 1 << 20  # 30 s of 16 kHz
READ_BYTES = 64 << 10


class Lost(Exception):
    """The server is of no use (any more); str() says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """What a name was resolved to: what `socket` wants to know."""

    family: int
    sockaddr: tuple[Any, ...]


def resolve(uri: str) -> list[Address]:
    """The addresses of "tcp://host:port". It may take seconds. Raises Lost."""
    parts = urlsplit(uri)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Lost(f"{parts.hostname} is not known: {_words(error)}") from error
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in found]


class Connection:
    """For one thread, but for `abandon`. It connects while the first messages already wait."""

    def __init__(self, address: Address) -> None:
        """Raises Lost."""
        self._decoder = Decoder()
        self._outbox = bytearray()
        self._connected = False
        self._gave_up = time.monotonic() + CONNECT_S
        try:
            self._socket = socket.socket(address.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            raise Lost(_words(error)) from error
        try:
            code = self._socket.connect_ex(address.sockaddr)
        except OSError as error:
            self._socket.close()
            raise Lost(_words(error)) from error
        if code not in (0, errno.EINPROGRESS):
            self._socket.close()
            raise Lost(os.strerror(code))

    def close(self) -> None:
        self._socket.close()

    def abandon(self) -> None:
        """Let the other thread's `wait` end at once; from any thread."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is not connected, or closed

    def send(self, *messages: Message) -> None:
        """Raises Lost where the server takes nothing in."""
        for message in messages:
            self._outbox += message.encode()
        if len(self._outbox) > OUTBOX_BYTES:
            raise Lost("it takes nothing in")
        self._write()

    def receive(self) -> list[Message]:
        """What has come since the last time. Raises Lost; what came before that, one gets first."""
        self._write()
        if not self._connected:
            return []
        messages: list[Message] = []
        while not messages:
            try:
                data = self._socket.recv(READ_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                raise Lost(_words(error)) from error
            if not data:
                raise Lost("it closed the connection")
            try:
                messages = self._decoder.feed(data)
            except BadMessage as error:
                raise Lost(f"it wrote nonsense: {error}") from error
        return messages

    def wait(self, until: float, *also: int) -> Sequence[int]:
        """Until there may be something to receive, or to read from one of these files, or until then (monotonic
        seconds). The files there is something to read from."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._outbox or not self._connected else 0))
        for file in also:
            poll.register(file, select.POLLIN)
        if not self._connected:
            until = min(until, self._gave_up)
        ready = poll.poll(max(0.0, until - time.monotonic()) * 1000 + 1)
        return [file for file, _ in ready if file in also]

    def _write(self) -> None:
        if not self._connected and not self._connects():
            return
        try:
            while self._outbox:
                del self._outbox[: self._socket.send(self._outbox)]
        except BlockingIOError:
            return
        except OSError as error:
            raise Lost(_words(error)) from error

    def _connects(self) -> bool:
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT)
        if not poll.poll(0):
            if time.monotonic() >= self._gave_up:
                raise Lost(f"no connection within {CONNECT_S:g} s")
            return False
        if code := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise Lost(os.strerror(code))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connected = True
        return True


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0][:200]
