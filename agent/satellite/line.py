"""One connection to the satellite: bytes in, messages out, nothing that blocks."""

from __future__ import annotations

import socket

from agent.wyoming.connection import Lost
from agent.wyoming.messages import BadMessage, Decoder, Message

READ_BYTES = 64 << 10
OUTBOX_BYTES = 1 << 20  # 30 s of a microphone


class Line:
    """Both methods that talk raise Lost."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connected
        self._decoder = Decoder()
        self._outbox = bytearray()

    @property
    def waits(self) -> bool:
        """Something is still to be sent."""
        return bool(self._outbox)

    def read(self) -> list[Message]:
        """Once, when there is something to read."""
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return []
        except OSError as error:
            raise Lost(error.strerror or str(error)) from error
        if not data:
            raise Lost("it closed the connection")
        try:
            return self._decoder.feed(data)
        except BadMessage as error:
            raise Lost(f"it wrote nonsense: {error}") from error

    def send(self, *messages: Message) -> None:
        for message in messages:
            self._outbox += message.encode()
        if len(self._outbox) > OUTBOX_BYTES:
            raise Lost("it takes nothing in")
        try:
            while self._outbox:
                del self._outbox[: self.socket.send(self._outbox)]
        except BlockingIOError:
            return
        except OSError as error:
            raise Lost(error.strerror or str(error)) from error

    def close(self) -> None:
        self.socket.close()
