"""A flood: a process that publishes so many messages a second, by writing MQTT packets as they are.

`python -m agent.lab.flood PORT TOPIC RATE SECONDS` prints how many it wrote. A client library would be the slowest
part. It blocks where the broker does.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from types import TracebackType

from agent.lab.processes import end, spawn

BATCH_S = 0.005
PAYLOAD = b"{}"


class Flood:
    """`with Flood(port, "voice-agent/x/cmd/listen", 1000, 5.0) as flood: … flood.wait()`."""

    def __init__(self, port: int, topic: str, rate_hz: float, seconds: float) -> None:
        self._command = [sys.executable, "-m", "agent.lab.flood", str(port), topic, str(rate_hz), str(seconds)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Flood:
        self._process = spawn(self._command, os.environ, stdout=subprocess.PIPE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            end(self._process)
            assert self._process.stdout is not None
            self._process.stdout.close()

    def wait(self) -> int:
        """Until it is over; how many messages were sent."""
        assert self._process is not None
        assert self._process.stdout is not None
        return int(self._process.stdout.read() or 0)


def connect_packet(name: bytes) -> bytes:
    """MQTT 3.1.1, section 3.1: clean session, no keepalive."""
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + struct.pack("!H", len(name)) + name
    return bytes([0x10, len(body)]) + body


def publish_packet(topic: bytes, payload: bytes) -> bytes:
    """Section 3.3, QoS 0. Raises ValueError where it would be longer than 127 bytes."""
    body = struct.pack("!H", len(topic)) + topic + payload
    if len(body) > 127:
        raise ValueError("the topic is too long for a flood")
    return bytes([0x30, len(body)]) + body


def pour(port: int, topic: str, rate_hz: float, seconds: float) -> int:
    packet = publish_packet(topic.encode(), PAYLOAD)
    with socket.create_connection(("127.0.0.1", port)) as broker:
        broker.sendall(connect_packet(b"flood"))
        broker.recv(4)
        began, sent = time.monotonic(), 0
        while (elapsed := time.monotonic() - began) < seconds:
            due = int(elapsed * rate_hz) - sent
            broker.sendall(packet * due)
            sent += due
            time.sleep(BATCH_S)
        broker.sendall(b"\xe0\x00")
    return sent


if __name__ == "__main__":
    sys.stdout.write(f"{pour(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))}\n")
