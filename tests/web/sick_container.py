"""A decoding child that misbehaves: `python -m sick_container MOOD`."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time

from agent.parent import Parent
from agent.web import container_child
from agent.web.containers import Decoder


class Stuck(Decoder):
    def feed(self, data: bytes) -> list[object]:  # type: ignore[override]
        while True:
            time.sleep(0.01)


class Greedy(Decoder):
    def feed(self, data: bytes) -> list[object]:  # type: ignore[override]
        return [bytearray(1 << 30)]


class Curious(Decoder):
    """Tells in an exit code what it could open."""

    def feed(self, data: bytes) -> list[object]:  # type: ignore[override]
        opened = 0
        for number, reach in enumerate((lambda: os.open("/etc/hostname", os.O_RDONLY), socket.socket, os.pipe)):
            with contextlib.suppress(OSError):
                reach()
                opened |= 1 << number
        os._exit(40 + opened)


MOODS = {"stuck": Stuck, "greedy": Greedy, "curious": Curious}

if __name__ == "__main__":
    mood = sys.argv[1]
    if mood == "mute":
        Parent()
        time.sleep(60)
    container_child.STUCK_S = 0.3
    container_child.Decoder = MOODS[mood]  # type: ignore[misc]
    container_child.main()
