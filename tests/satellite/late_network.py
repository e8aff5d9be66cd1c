"""A device that has no network when it starts, and gets one: run by `unshare --map-root-user --net`, prints what
happened as JSON.

Home Assistant stands in a network namespace of its own, at the other end of a cable (veth): this file once more, with
`--home`. It is told at which address to find the device ("": at none any more), and says so in a line when it has.
"""

from __future__ import annotations

import json
import logging
import queue
import socket
import subprocess
import sys
import time

from neighbour import Neighbour

from agent import clock
from agent.config import Config, WyomingSection
from agent.daemon.assist import Assist
from agent.daemon.outpost import Outpost
from agent.satellite import beacon
from agent.wyoming.connection import Address, Connection
from agent.wyoming.messages import Message

HOME, FIRST, SECOND = "192.168.77.5", "192.168.77.2", "192.168.77.3"
DEVICE, PORT = "kitchen", 10_700
WAIT_S = 20.0
CONFIG = WyomingSection(enabled=True, address="0.0.0.0", port=PORT, allow=(HOME,))


def say(told: object) -> None:
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=WAIT_S)


class Home:
    """The other end of the cable."""

    def __init__(self) -> None:
        command = ["unshare", "--net", sys.executable, __file__, "--home"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        assert self._line() == "ready"

    def tell(self, word: str) -> object:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._line()

    def end(self) -> None:
        self._process.communicate(timeout=WAIT_S)

    def _line(self) -> object:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def home() -> None:
    say("ready")
    assert input() == "plugged in"
    ip("address", "add", f"{HOME}/24", "dev", "eth0")
    ip("link", "set", "eth0", "up")
    with Neighbour(beacon.instance(DEVICE), HOME) as neighbour:
        say("up")
        for line in map(str.strip, sys.stdin):
            news = neighbour.next()
            while line not in (news.addresses or [""]):  # an old one is believed for a second more
                news = neighbour.next()
            say([news.port, described(line)] if line else news.change)


def described(address: str) -> str:
    """The name of the satellite there."""
    connection = Connection(Address(socket.AF_INET, (address, PORT)))
    connection.send(Message("describe"))
    connection.wait(time.monotonic() + WAIT_S)
    (info,) = connection.receive()
    connection.close()
    return str(info.data["satellite"]["name"])  # type: ignore[index,call-overload]


def device() -> dict[str, object]:
    lines: queue.Queue[str] = queue.Queue()
    handler = logging.Handler()
    handler.emit = lambda record: lines.put(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("agent.satellite").addHandler(handler)
    logging.getLogger("agent.satellite").setLevel(logging.INFO)
    beacon.PAUSES_S, beacon.LOOK_S = (0.1,), 0.1
    happened: dict[str, object] = {}
    there = Home()
    assist = Assist(lambda event: None, clock.now)
    outpost = Outpost(Config(wyoming=CONFIG, mqtt={"device": DEVICE}), assist, sys.exit)
    outpost.start()
    happened["booted"] = lines.get(timeout=WAIT_S)
    ip("link", "add", "wlan0", "type", "veth", "peer", "name", "eth0", "netns", str(there.pid))
    ip("address", "add", f"{FIRST}/24", "dev", "wlan0")
    ip("link", "set", "wlan0", "up")
    there.tell("plugged in")
    happened["joined"] = there.tell(FIRST)
    ip("address", "del", f"{FIRST}/24", "dev", "wlan0")
    ip("address", "add", f"{SECOND}/24", "dev", "wlan0")
    happened["moved"] = there.tell(SECOND)
    began = time.monotonic()
    outpost.stop()
    happened["stop_s"] = time.monotonic() - began
    happened["stopped"] = there.tell("")
    there.end()
    return happened


if __name__ == "__main__":
    if sys.argv[1:] == ["--home"]:
        home()
    else:
        ip("link", "set", "lo", "up")
        say(device())
