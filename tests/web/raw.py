"""The server's other side, byte by byte: requests and frames that no well-behaved client would send."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping

WAIT_S = 15.0
TEXT, BINARY, CLOSE = 1, 2, 8


class Raw:
    """One TCP connection, from an address of its own if it wants (all of 127.0.0.0/8 is this machine).

    `recv_bytes`: how much the kernel takes in for a reader that does not read; 0: as usual.
    """

    def __init__(self, port: int, source: str = "127.0.0.1", recv_bytes: int = 0) -> None:
        self.socket = socket.socket()
        if recv_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, recv_bytes)
        self.socket.settimeout(WAIT_S)
        self.socket.bind((source, 0))
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self._left = b""
        self.port = port

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def request(
        self, target: str = "/", headers: Mapping[str, str] | None = None, method: str = "GET", body: bytes = b""
    ) -> int:
        """The status of the answer; 0 where there was none."""
        given = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
        if body:
            given.setdefault("Content-Length", str(len(body)))
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items() if value)]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body)
        return self.answer()

    def answer(self) -> int:
        while b"\r\n\r\n" not in self._left:
            more = self._more()
            if not more:
                return 0
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        self.head = head.decode(errors="replace")
        return int(head.split()[1])

    def upgrade(self, headers: Mapping[str, str] | None = None) -> int:
        wanted = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        return self.request("/ws", {**wanted, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **(headers or {})})

    def say(self, type: str, **fields: object) -> None:
        self.send(TEXT, json.dumps({"type": type, **fields}).encode())

    def send(self, opcode: int, payload: bytes) -> None:
        mask, size = os.urandom(4), len(payload)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
        elif size < 65_536:
            head = struct.pack("!BBH", 0x80 | opcode, 0xFE, size)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0xFF, size)
        keys = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")).to_bytes(size, "big")
        self.socket.sendall(head + mask + masked)

    def receive(self) -> tuple[int, bytes] | None:
        """The next frame; None where the connection has ended."""
        if not self._fill(2):
            return None
        opcode, size, at = self._left[0] & 15, self._left[1] & 127, 2
        if size > 125:
            width = 2 if size == 126 else 8
            if not self._fill(2 + width):
                return None
            size, at = int.from_bytes(self._left[2 : 2 + width], "big"), 2 + width
        if not self._fill(at + size):
            return None
        payload, self._left = self._left[at : at + size], self._left[at + size :]
        return opcode, payload

    def until(self, type: str) -> dict[str, object] | None:
        """The next message of this type; None where the connection ended without."""
        while (frame := self.receive()) is not None and frame[0] != CLOSE:
            if frame[0] == TEXT and (said := json.loads(frame[1]))["type"] == type:
                return dict(said)
        return None

    def ended(self) -> bool:
        """Reads to the end."""
        while self._more():
            self._left = b""
        return True

    def _fill(self, size: int) -> bool:
        while len(self._left) < size:
            if not self._more():
                return False
        return True

    def _more(self) -> bytes:
        try:
            more = self.socket.recv(65_536)
        except ConnectionError:
            more = b""
        self._left += more
        return more
