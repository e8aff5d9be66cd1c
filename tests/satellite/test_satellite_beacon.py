"""Is the satellite found, with real multicast on the loopback device; and what keeps it from being found."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from neighbour import WAIT_S, Neighbour, News
from pydantic import ValidationError

from agent.config.wyoming import WyomingSection
from agent.satellite import beacon as beacons
from agent.satellite.beacon import Beacon, instance
from agent.satellite.reach import reached

HERE = ("127.0.0.1",)
_numbers = itertools.count()
FAR: dict[str, Any] = {"enabled": True, "address": "0.0.0.0", "allow": ("192.168.77.5",)}


class Device:
    """One whose network and port a test changes. Its name is nobody else's on this machine."""

    def __init__(self, *addresses: str, port: int = 10_700) -> None:
        self.addresses = addresses
        self.port = port
        self.name = f"test-{os.getpid()}-{next(_numbers)}"
        self.beacon = Beacon(self.name, lambda: self.port, lambda: self.addresses)

    @property
    def announced(self) -> str:
        return instance(self.name)


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beacons, "PAUSES_S", (0.05, 0.1))
    monkeypatch.setattr(beacons, "LOOK_S", 0.05)


@pytest.fixture
def device() -> Iterator[Callable[..., Device]]:
    """Makes them, begun; none leaves a thread behind."""
    before = set(threading.enumerate())
    devices: list[Device] = []

    def make(*addresses: str, **section: int) -> Device:
        devices.append(Device(*addresses, **section))
        devices[-1].beacon.start()
        return devices[-1]

    yield make
    for each in devices:
        each.beacon.stop()
    assert set(threading.enumerate()) <= before


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[str], logging.LogRecord]]:
    """`told("words")` waits for the line of the log in which they are."""
    lines: queue.Queue[logging.LogRecord] = queue.Queue()
    handler = logging.Handler()
    handler.emit = lines.put  # type: ignore[method-assign]
    beacons.log.addHandler(handler)
    caplog.set_level(logging.INFO, beacons.log.name)

    def wait(words: str) -> logging.LogRecord:
        while words not in (record := lines.get(timeout=WAIT_S)).getMessage():
            pass
        return record

    yield wait
    beacons.log.removeHandler(handler)


MakeDevice = Callable[..., Device]
Told = Callable[[str], logging.LogRecord]


def test_it_is_found_and_is_gone_with_a_goodbye(device: MakeDevice) -> None:
    kitchen = device(*HERE)
    with Neighbour(kitchen.announced) as neighbour:
        assert neighbour.next() == News("Added", HERE, 10_700)
        kitchen.beacon.stop()
        assert neighbour.next() == News("Removed")
    kitchen.beacon.stop()


def test_it_is_found_by_who_asks_for_it(device: MakeDevice, told: Told) -> None:
    """Not only by who heard the announcement: Home Assistant that starts later."""
    kitchen = device(*HERE)
    told("announced as")
    for _ in range(3):
        with Neighbour(kitchen.announced) as neighbour:
            assert neighbour.next() == News("Added", HERE, 10_700)


def test_a_port_that_changes_is_announced_anew(device: MakeDevice) -> None:
    kitchen = device(*HERE)
    with Neighbour(kitchen.announced) as neighbour:
        neighbour.heard_of("Added")
        kitchen.port = 10_800
        while neighbour.next().port != 10_800:
            pass


def test_it_waits_for_its_port_and_for_a_network(device: MakeDevice, told: Told) -> None:
    kitchen = device(port=0)
    with Neighbour(kitchen.announced) as neighbour:
        kitchen.port = 10_700
        assert told("no network").levelno == logging.INFO
        assert neighbour.has_heard_nothing()
        kitchen.addresses = HERE
        assert neighbour.next() == News("Added", HERE, 10_700)
        told("announced as")
        kitchen.addresses = ()
        assert neighbour.next() == News("Removed")
        told("no network")
        kitchen.addresses = ("127.0.0.2",)
        assert neighbour.heard_of("Added").addresses == ("127.0.0.2",)


def test_a_name_that_another_device_has_is_left_to_it(device: MakeDevice, told: Told) -> None:
    kitchen = device()
    with Neighbour(kitchen.announced) as neighbour:
        taken = neighbour.take_the_name(9_999)
        assert neighbour.next().port == 9_999
        kitchen.addresses = HERE
        assert told("another device").levelno == logging.WARNING
        assert neighbour.has_heard_nothing()
        neighbour.give_it_back(taken)
        assert neighbour.next() == News("Removed")
        assert neighbour.heard_of("Added").port == kitchen.port


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # the library's own, where it cannot begin
def test_a_network_that_cannot_be_joined_is_told_once_and_tried_again(device: MakeDevice, told: Told) -> None:
    kitchen = device("192.0.2.77")
    assert "No such device" in told("not announced").getMessage()
    kitchen.addresses = HERE
    assert "announced as" in told("").getMessage()


def test_it_ends_at_once_however_far_it_has_come(device: MakeDevice) -> None:
    for _ in range(3):
        device(*HERE).beacon.stop()
    waiting = device()
    waiting.beacon.stop()
    Device().beacon.stop()


def test_a_goodbye_is_said_to_its_end_though_the_thread_is_to_end() -> None:
    said: list[str] = []

    async def goodbye() -> None:
        await asyncio.sleep(0)
        said.append("goodbye")

    async def ended() -> None:
        task = asyncio.create_task(beacons._to_its_end(goodbye()))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(ended())
    assert said == ["goodbye"]


def test_without_the_extra_it_says_once_how_to_get_it(
    device: MakeDevice, told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    kitchen = device(*HERE)
    assert "pip install 'voice-agent[discovery]'" in told("not announced").getMessage()
    kitchen.beacon.stop()
    assert [record.levelno for record in caplog.records if record.name == beacons.log.name] == [logging.INFO]


def test_its_name_is_the_devices_and_short_enough() -> None:
    assert instance("kitchen") == "voice-agent-kitchen"
    names = [instance("a" * 51), instance("a" * 52), instance("a" * 63 + "b"), instance("a" * 63 + "c")]
    assert [len(name) for name in names] == [63] * 4
    assert len(set(names)) == 4
    assert instance("a" * 64) == instance("a" * 64)


@pytest.mark.parametrize(
    ("section", "wanted"),
    [
        (FAR, True),
        ({**FAR, "address": "192.168.77.2"}, True),
        ({**FAR, "announce": False}, False),
        ({**FAR, "enabled": False}, False),
        ({**FAR, "address": "::"}, False),
        ({"enabled": True}, False),
        ({"enabled": True, "address": "127.8.8.8"}, False),
    ],
)
def test_who_is_to_be_found(section: dict[str, Any], wanted: bool) -> None:
    assert WyomingSection(**section).announced is wanted


def test_whether_it_is_announced_is_yes_or_no() -> None:
    with pytest.raises(ValidationError, match="announce"):
        WyomingSection(**{"announce": "everywhere"})


def test_addresses_of_this_machine_alone_are_none_of_it() -> None:
    assert reached(WyomingSection(**{**FAR, "allow": ("127.0.0.1", "127.0.0.0/8", "::1", "0.0.0.0")})) == ()
    assert reached(WyomingSection(**{**FAR, "address": "192.0.2.77"})) == ()
    assert reached(WyomingSection(**{**FAR, "address": "::"})) == ()


def test_it_is_reached_where_the_kernel_would_send_from() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(("192.168.77.5", 9))
        except OSError:
            pytest.skip("this machine has no network")
        ours = way.getsockname()[0]
    for allowed in (("192.168.77.5",), (f"{ours}/32", "::/0"), ("192.168.77.5", "127.0.0.1")):
        assert reached(WyomingSection(**{**FAR, "allow": allowed})) == (ours,)
    assert reached(WyomingSection(**{**FAR, "address": ours})) == (ours,)


LOADED = """
import sys
from agent.config import Config, WyomingSection
from agent.daemon import plan, rooms
from agent import engines
wiring = rooms.Wiring(print, print, {}, print, lambda: None)
far = {"enabled": True, "address": "0.0.0.0", "allow": ["10.0.0.1"]}
for section in ({}, {"enabled": True}, {**far, "announce": False}):
    config = Config(mqtt={"enabled": False}, wyoming=WyomingSection(**section))
    outpost = rooms.build(plan.Plan(config, engines.choose(config)), wiring).outpost
    outpost.start()
    outpost.stop()
print(sorted(name for name in sys.modules if name.split(".")[0] in ("zeroconf", "ifaddr")))
"""


def test_a_satellite_that_is_not_announced_loads_nothing_of_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert done.stdout.strip().splitlines()[-1:] == ["[]"], done.stdout + done.stderr


def test_a_network_that_is_joined_after_the_boot_and_an_address_that_changes() -> None:
    """Two machines at one cable: network namespaces, of which the device's has nothing at first."""
    alone = ["unshare", "--map-root-user", "--net"]
    if not shutil.which("ip") or not shutil.which("unshare"):
        pytest.skip("ip or unshare is not installed")
    cable = ["ip", "link", "add", "wlan0", "type", "veth", "peer", "name", "eth0"]
    if subprocess.run([*alone, *cable], capture_output=True, check=False).returncode != 0:
        pytest.skip("no network namespaces with veth here")
    script = Path(__file__).with_name("late_network.py")
    done = subprocess.run(
        [*alone, sys.executable, str(script)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    happened = json.loads(done.stdout)
    assert "no network leads to" in happened["booted"]
    assert happened["joined"] == happened["moved"] == [10_700, "kitchen"]
    assert happened["stopped"] == "Removed"
    assert happened["stop_s"] < 1.0
