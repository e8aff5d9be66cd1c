"""Pins of a real kernel (gpio-sim): who may open them, and a mute switch that is slid."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cables import CODE, until
from living import Service, inside, journal, serving
from test_guest_service import OPEN

pytestmark = pytest.mark.timeout(300)  # on a busy host the emulated service starts slowly
MODULE = "gpio-sim"
BANK = Path("/sys/kernel/config/gpio-sim/house/bank")
PIN, LINES = 26, 28
RULES = Path("/run/udev/rules.d/99-pins.rules")
# As Raspberry Pi OS has it (raspberrypi-sys-mods).
RULE = 'SUBSYSTEM=="gpio", GROUP="gpio", MODE="0660"\n'
DROP_IN = Path("/etc/systemd/system/voice-agent.service.d/gpio.conf")
AS_THE_USER = ("setpriv", "--reuid", "voice-agent", "--regid", "voice-agent", "--init-groups")


@pytest.fixture(scope="module")
def chip() -> Iterator[str]:
    """The path of a chip with as many lines as a Pi's header, whose group is gpio, and the user is in that group."""
    if subprocess.run(["modprobe", MODULE], capture_output=True).returncode != 0:
        pytest.skip(f"this kernel has no {MODULE}")
    sysusers = CODE / "deploy/systemd/sysusers.d/voice-agent-gpio.conf"
    subprocess.run(["systemd-sysusers", str(sysusers)], check=True)
    RULES.parent.mkdir(exist_ok=True)
    RULES.write_text(RULE)
    subprocess.run(["udevadm", "control", "--reload"], check=True)
    subprocess.run(["systemctl", "start", "sys-kernel-config.mount"], check=True)
    BANK.mkdir(parents=True)
    (BANK / "num_lines").write_text(str(LINES))
    (BANK.parent / "live").write_text("1")
    subprocess.run(["udevadm", "settle"], check=True)
    yield f"/dev/{(BANK / 'chip_name').read_text().strip()}"
    (BANK.parent / "live").write_text("0")
    BANK.rmdir()
    BANK.parent.rmdir()


@contextmanager
def with_switch(chip: str) -> Iterator[Service]:
    """The service with a switch that is open: the pull-up keeps its line high."""
    number = int(chip.removeprefix("/dev/gpiochip"))
    with serving(panel__chip=number, panel__mute_switch__pin=PIN, panel__mute_switch__muted="high") as service:
        yield service


@pytest.fixture
def drop_in() -> Iterator[None]:
    DROP_IN.parent.mkdir()
    DROP_IN.write_text((CODE / "deploy/systemd/drop-ins/gpio.conf").read_text())
    yield
    DROP_IN.unlink()
    DROP_IN.parent.rmdir()


def opened(chip: str, in_the_unit: bool) -> str:
    """What the service's user gets to hear who opens the chip."""
    command = (*AS_THE_USER, sys.executable, "-c", OPEN, chip)
    if in_the_unit:
        with inside(*command) as process:
            told = process.communicate()[0].decode()
    else:
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return str(json.loads(told)[chip])


def slide(pull: str) -> None:
    """From outside, as a contact to ground ("pull-down") or an open one ("pull-up") does."""
    device = (BANK.parent / "dev_name").read_text().strip()
    chip = (BANK / "chip_name").read_text().strip()
    line = Path("/sys/devices/platform", device, chip, f"sim_gpio{PIN}")
    (line / "pull").write_text(pull)
    assert (line / "value").read_text().strip() == ("1" if pull == "pull-up" else "0")


def muted(service: Service, on: bool) -> None:
    service.moment("setting/mute", lambda data: data["value"] is on)


def test_without_the_drop_in_the_service_opens_no_pins_and_does_not_listen(chip: str) -> None:
    assert opened(chip, in_the_unit=False) == "open", "its groups would let it"
    with with_switch(chip) as service:
        service.ready()
        assert opened(chip, in_the_unit=True) == "Operation not permitted"
        slide("pull-down")
        until(lambda: "no permission" in journal() or "not permitted" in journal())
        assert "drop-in gpio.conf" in journal()
        muted(service, True)
        assert not [each for each in service.since() if each.topic == "setting/mute" and each.data["value"] is False]


def test_with_the_drop_in_the_switch_is_read(chip: str, drop_in: None) -> None:
    with with_switch(chip) as service:
        service.ready()
        assert opened(chip, in_the_unit=True) == "open"
        muted(service, True)
        service.command("mute", on=False, id="soft")
        refused = service.moment("result", lambda data: data["id"] == "soft").data
        assert refused["error"]["code"] == "hardware_mute"
        for pull, on in (("pull-down", False), ("pull-up", True), ("pull-down", False)):
            service.begin()
            slide(pull)
            told = service.moment("event/mute").data
            assert (told["on"], told["source"]) == (on, "switch")
            muted(service, on)
        assert "panel.failed" not in journal()
