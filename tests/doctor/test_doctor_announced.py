"""Is the satellite found by itself? With real multicast on the loopback device, which here stands for a network."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from zeroconf import ServiceInfo, Zeroconf

from agent.config import WyomingSection
from agent.doctor import announced
from agent.doctor.finding import Finding
from agent.satellite.beacon import TYPE, Beacon, instance

HERE, PORT = ("127.0.0.1",), 10_700
DEVICE = f"doctor-{os.getpid()}"
NAME = instance(DEVICE)
Change = Callable[..., None]


@pytest.fixture(autouse=True)
def change(monkeypatch: pytest.MonkeyPatch) -> Change:
    """`change(runs, *addresses)`: whether the service runs, and by which addresses this device is reached."""

    def change(runs: bool, *addresses: str) -> None:
        monkeypatch.setattr("agent.doctor.report.running", lambda: "a report" if runs else None)
        monkeypatch.setattr(announced, "reached", lambda config: addresses)

    change(True, *HERE)
    return change


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str, int], None]]:
    """Somebody who is announced by that name, at that address and port."""
    network = Zeroconf(interfaces=list(HERE))

    def announce(address: str, port: int) -> None:
        name, host = f"{NAME}.{TYPE}", f"{NAME}.local."
        network.register_service(ServiceInfo(TYPE, name, port=port, parsed_addresses=[address], server=host))

    yield announce
    network.close()


def looked(**section: Any) -> Finding:
    far = {"enabled": True, "address": "0.0.0.0", "allow": ("192.168.77.5",), "port": PORT}
    found = announced.look(WyomingSection(**{**far, **section}), DEVICE)
    assert found.severity in ("ok", "info") or found.remedy
    return found


def test_it_is_found() -> None:
    beacon = Beacon(DEVICE, lambda: PORT, lambda: HERE)
    beacon.start()
    found = looked()
    beacon.stop()
    assert (found.severity, found.detail) == ("ok", f"as {NAME} at 127.0.0.1:{PORT}")


def test_nobody_answers(change: Change) -> None:
    found = looked()
    assert (found.severity, "nobody answers" in found.detail) == ("warning", True)
    assert "satellite.announced" in found.remedy
    change(False, *HERE)
    found = looked()
    assert (found.severity, f"{NAME} at 127.0.0.1:{PORT}" in found.detail) == ("info", True)


def test_the_name_is_another_devices(elsewhere: Callable[[str, int], None]) -> None:
    elsewhere("192.168.77.9", PORT)
    found = looked()
    assert (found.severity, "another device" in found.detail) == ("warning", True)
    assert "mqtt.device" in found.remedy


def test_the_service_has_not_read_its_new_port(elsewhere: Callable[[str, int], None]) -> None:
    elsewhere("127.0.0.1", PORT + 1)
    assert looked().remedy == "sudo systemctl reload voice-agent"


def test_no_network_leads_to_who_may_connect(change: Change) -> None:
    change(True)
    found = looked()
    assert (found.severity, "192.168.77.5" in found.detail) == ("warning", True)


def test_a_network_that_cannot_be_asked(change: Change, recwarn: pytest.WarningsRecorder) -> None:
    change(True, "192.0.2.77")
    assert looked().severity == "warning"


def test_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    found = looked()
    assert (found.severity, "pip install 'voice-agent[discovery]'" in found.remedy) == ("info", True)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"announce": False}, "wyoming.announce"),
        ({"address": "127.0.0.1"}, "this machine alone"),
        ({"address": "fd00::1", "allow": ("fd00::2",)}, "IPv6"),
    ],
)
def test_it_is_not_to_be_found(section: dict[str, Any], said: str) -> None:
    found = looked(**section)
    assert (found.severity, said in found.detail) == ("info", True)
