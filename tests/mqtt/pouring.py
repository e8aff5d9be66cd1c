"""A flood: a process that publishes so many messages a second, by writing MQTT packets as they are.

`python pouring.py PORT TOPIC RATE SECONDS` prints how many it wrote. A client library would be the slowest part.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

BATCH_S = 0.005


def connect_packet(name: bytes) -> bytes:
    """MQTT 3.1.1, section 3.1: clean session, no keepalive."""
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + struct.pack("!H", len(name)) + name
    return bytes([0x10, len(body)]) + body


def publish_packet(topic: bytes, payload: bytes) -> bytes:
    """Section 3.3, QoS 0."""
    body = struct.pack("!H", len(topic)) + topic + payload
    assert len(body) < 128
    return bytes([0x30, len(body)]) + body


def pour(port: int, topic: str, rate_hz: float, seconds: float) -> int:
    """Blocks where the broker does."""
    packet = publish_packet(topic.encode(), b"{}")
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
