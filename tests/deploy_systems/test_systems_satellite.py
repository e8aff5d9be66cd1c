"""A satellite of Home Assistant's is found by itself out of its sandbox, also with private addresses alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deploy_systems.service import DEVICE, UNIT, Service

PYTHON = "/opt/voice-agent/current/bin/python"
SEEKER = "/opt/voice-agent/satellite_seeker.py"
LAN, NAME, PORT = "192.168.77.2", f"voice-agent-{DEVICE}", 10_700
SETTINGS = {"wyoming.enabled": True, "wyoming.address": "0.0.0.0", "wyoming.allow": [LAN]}


@pytest.fixture(scope="module")
def at_home(service: Service) -> Iterator[Service]:
    """With an address of a home's network, on the machine's own loopback device."""
    service.machine.copy(Path(__file__).with_name("satellite_seeker.py"), SEEKER, 0o644)
    service.machine.run(["ip", "address", "add", f"{LAN}/32", "dev", "lo"])
    yield service
    service.clean()
    service.machine.run(["ip", "address", "del", f"{LAN}/32", "dev", "lo"])


def found(service: Service) -> Any:
    done = service.machine.run([PYTHON, SEEKER, NAME, LAN], check=False, timeout=60)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{service.tell()}"
    return json.loads(done.stdout)


@pytest.mark.parametrize("drop_ins", [(), ("lan-only.conf",)], ids=["as it is", "lan-only"])
def test_it_is_found_until_it_stops(at_home: Service, drop_ins: tuple[str, ...]) -> None:
    at_home.fresh(SETTINGS, *drop_ins)
    at_home.until("ActiveState", lambda state: f"announced as {NAME} at {LAN}:{PORT}" in at_home.journal())
    assert found(at_home) == [[LAN], PORT]
    examined = at_home.machine.run(
        ["/opt/voice-agent/current/bin/voice-agent", "doctor", "--only", "satellite", "--json"],
        check=False,
        timeout=120,
    )
    (told,) = [each for each in json.loads(examined.stdout)["findings"] if each["title"] == "found by itself"]
    assert told["severity"] == "ok", told
    at_home.machine.run(["systemctl", "stop", UNIT])
    assert at_home.show("Result") == "success"
    assert found(at_home) is None


def test_a_reload_moves_it_and_hides_it(at_home: Service) -> None:
    at_home.fresh(SETTINGS)
    for changes, place in (({"wyoming.port": 10_800}, [[LAN], 10_800]), ({"wyoming.announce": False}, None)):
        at_home.configure({**SETTINGS, **changes})
        at_home.begin()
        at_home.machine.run(["systemctl", "reload", UNIT])
        assert at_home.wait("event/reload").data["ok"]
        assert found(at_home) == place
