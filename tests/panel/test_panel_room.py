"""The panel as it lives: its thread, real gpiozero devices on mock pins, real time."""

from __future__ import annotations

import logging
import math
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mock_pins import WAIT_S, ChainClock, chain

from agent import clock
from agent.clock import Clock
from agent.commands import ShowHealth, ShowSetting, ShowState
from agent.config import Panel as Section
from agent.config.panel import Button, Level, MuteSwitch, Pull
from agent.events import Event, Instant, MuteSwitched, Pressed
from agent.panel import duties, faults
from agent.panel.dotstar import encode
from agent.panel.look import AMBER, BLUE, RED, Colour, Scene
from agent.panel.room import Panel

NOW = datetime(2026, 11, 25, tzinfo=UTC)
FULL = {"brightness_percent": 100}


class Told:
    """What the panel tells; `fatal` has to stay empty."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.fatal: list[str] = []

    def next(self) -> Event:
        return self.events.get(timeout=WAIT_S)

    def switched(self) -> tuple[bool, str]:
        event = self.next()
        assert isinstance(event, MuteSwitched), event
        return event.on, event.fault


@contextmanager
def living(section: Section, pins: Any, told: Told, time: Clock = clock.now) -> Iterator[Panel]:
    panel = Panel(section, told.events.put, time, told.fatal.append, pins)
    panel.start()
    assert told.switched() == (section.mute_switch.pin is not None, ""), "on, until it has been read"
    try:
        yield panel
    finally:
        panel.stop()
    assert not told.fatal
    assert not [thread for thread in threading.enumerate() if thread.name == "panel"]


@pytest.fixture
def told() -> Told:
    return Told()


def well(panel: Panel) -> None:
    """All parts hear and speak."""
    for part in ("mic", "wake"):
        panel.do(ShowHealth(part, "ok", "", NOW))  # type: ignore[arg-type]
    panel.do(ShowSetting("mute", False))


def test_lights_follow_the_state_and_go_out_at_the_end(pins: Any, told: Told) -> None:
    led = pins.pin(25)
    with living(Section(lights="led", lights_pins=(25,), **FULL), pins, told) as panel:
        well(panel)
        panel.do(ShowState("listening", 1))
        assert led.wait(lambda level: level == 1.0)
        panel.do(ShowState("idle", 1))
        assert led.wait(lambda level: level == 0.0) == 0.0
        panel.do(ShowState("speaking", 2))
        led.wait(lambda level: 0.3 < level < 1.0)
    assert led.wait(lambda level: level == 0.0) == 0.0
    assert led.function == "input"


def test_a_chain_shows_colours(pins: Any, told: Told) -> None:
    wire = chain(pins, data=5, clock=6)
    with living(Section(board="adafruit-voice-bonnet", **FULL), pins, told) as panel:
        well(panel)
        panel.do(ShowState("listening", 1))
        shows(wire, BLUE)
        panel.do(ShowSetting("mute", True))
        panel.do(ShowState("idle", 1))
        shows(wire, (math.ceil(RED[0] * 0.36), 0, 0))
    shows(wire, (0, 0, 0))


def shows(wire: ChainClock, colour: Colour) -> None:
    """Three lights come to have this colour."""
    sent = b""
    while not sent.endswith(encode((colour,) * 3)):
        sent += wire.next_byte()


def test_still_lights_cost_nothing(pins: Any, told: Told) -> None:
    with living(Section(lights="led", lights_pins=(25,), button=Button(pin=17), **FULL), pins, told) as panel:
        well(panel)
        panel.do(ShowState("listening", 1))
        pins.pin(25).wait(lambda level: level == 1.0)
        threading.Event().wait(0.1)
        before = sleeps()
        threading.Event().wait(0.5)
        assert sleeps() == before


def sleeps() -> int:
    """How often the panel's thread has gone to sleep."""
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "panel")
    status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
    return int(status.split("voluntary_ctxt_switches:")[1].split()[0])


def test_presses_are_told(pins: Any, told: Told) -> None:
    button = Button(pin=17, long_ms=300, debounce_ms=5)
    pin = pins.pin(17)
    with living(Section(lights="led", lights_pins=(25,), button=button), pins, told):
        pins.pin(25).wait(bool)  # the lights are the last to be looked after
        pin.drive_low()
        threading.Event().wait(0.05)
        pin.drive_high()
        short = told.next()
        assert isinstance(short, Pressed)
        assert short.action == "listen"
        pin.drive_low()
        long = told.next()
        assert isinstance(long, Pressed)
        assert long.action == "mute"
        pin.drive_high()
    assert told.events.empty()


def test_an_action_can_be_none(pins: Any, told: Told) -> None:
    button = Button(pin=17, short="none", long_ms=300)
    with living(Section(lights="led", lights_pins=(25,), button=button), pins, told):
        pins.pin(25).wait(bool)
        pins.pin(17).drive_low()
        threading.Event().wait(0.05)
        pins.pin(17).drive_high()
        threading.Event().wait(0.05)
        pins.pin(17).drive_low()
        event = told.next()
        assert isinstance(event, Pressed)
        assert event.action == "mute"


def test_the_switch_is_read_at_the_start_and_at_each_change(pins: Any, told: Told) -> None:
    section = Section(mute_switch=MuteSwitch(pin=22, settle_ms=5))
    with living(section, pins, told):
        assert told.switched() == (False, "")
        pins.pin(22).drive_low()
        assert told.switched() == (True, "")
        pins.pin(22).drive_high()
        assert told.switched() == (False, "")


@pytest.mark.parametrize(
    ("muted", "pull", "at_rest"),
    [("high", "up", True), ("low", "up", False), ("high", "down", False), ("low", "down", True), ("low", "none", True)],
)
def test_a_switch_may_be_wired_in_any_way(pins: Any, told: Told, muted: Level, pull: Pull, at_rest: bool) -> None:
    """`at_rest`: what an open switch, or a broken wire, means."""
    section = Section(mute_switch=MuteSwitch(pin=22, muted=muted, pull=pull, settle_ms=5))
    with living(section, pins, told):
        assert told.switched() == (at_rest, "")
        pin = pins.pin(22)
        (pin.drive_low if pull == "up" else pin.drive_high)()
        assert told.switched() == (not at_rest, "")


def test_a_lost_edge_is_found(pins: Any, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duties, "CHECK_S", 0.05)
    with living(Section(mute_switch=MuteSwitch(pin=22, settle_ms=5)), pins, told):
        assert told.switched() == (False, "")
        pins.pin(22).when_changed = None
        pins.pin(22).drive_low()
        assert told.switched() == (True, "")


def test_a_switch_that_stops_answering_is_on_and_is_read_again(
    pins: Any, told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(duties, "CHECK_S", 0.05)
    monkeypatch.setattr(faults, "FIRST_PAUSE_S", 0.1)
    pin = pins.pin(22)

    def broken(_: Any) -> bool:
        raise OSError(5, "Input/output error")

    with living(Section(mute_switch=MuteSwitch(pin=22, settle_ms=5)), pins, told):
        assert told.switched() == (False, "")
        with monkeypatch.context() as breaking, caplog.at_level(logging.WARNING):
            breaking.setattr(type(pin), "_get_state", broken)
            on, fault = told.switched()
            assert on
            assert "mute switch: [Errno 5] Input/output error" in fault
        assert told.switched() == (True, "")
        assert told.switched() == (False, "")
    assert [record.code for record in caplog.records] == ["panel.failed"]  # type: ignore[attr-defined]


def test_without_gpio_the_switch_is_on_the_lights_of_the_kernel_tell_trouble(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("lgpio", reason="the extra gpio is not installed")
    if list(Path("/dev").glob("gpiochip*")):
        pytest.skip("this machine has GPIO")
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    led = tmp_path / "led"
    led.mkdir()
    (led / "brightness").write_text("0")
    (led / "max_brightness").write_text("255")
    before = Path.cwd()
    section = Section(
        lights="sysfs",
        sysfs_led=str(led),
        brightness_percent=100,
        button=Button(pin=17),
        mute_switch=MuteSwitch(pin=22),
    )
    with living(section, None, told) as panel, caplog.at_level(logging.WARNING):
        on, fault = told.switched()
        assert on
        assert "there is no /dev/gpiochip* here" in fault
        well(panel)
        panel.do(ShowSetting("mute", True))
        while (led / "brightness").read_text() != "255":
            threading.Event().wait(0.01)
    assert (led / "brightness").read_text() == "0"
    assert Path.cwd() == before
    assert {record.code for record in caplog.records} == {"panel.failed"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("switch", [True, False])
def test_a_light_that_hangs_is_noticed_where_it_hides_the_switch(
    pins: Any, told: Told, tmp_path: Path, switch: bool
) -> None:
    """The file of the LED is a pipe that nobody reads: opening it to write never ends."""
    led = tmp_path / "led"
    led.mkdir()
    os.mkfifo(led / "brightness")
    (led / "max_brightness").write_text("255")
    section = Section(lights="sysfs", sysfs_led=str(led), mute_switch=MuteSwitch(pin=22 if switch else None))
    with living(section, pins, told) as panel:
        end = clock.now().mono + 0.5
        while clock.now().mono < end and clock.now().mono - panel.progress() < 0.2:
            threading.Event().wait(0.01)
        assert (clock.now().mono - panel.progress() >= 0.2) == switch
        reader = os.open(led / "brightness", os.O_RDONLY | os.O_NONBLOCK)
        until = clock.now().mono + WAIT_S
        while clock.now().mono - panel.progress() > 0.1:
            assert clock.now().mono < until, "it works again, and that is not seen"
            threading.Event().wait(0.01)
    os.close(reader)


def test_without_anything_wired_there_is_no_thread(told: Told) -> None:
    panel = Panel(Section(), told.events.put, clock.now, told.fatal.append)
    panel.start()
    panel.do(ShowState("listening", 1))
    assert told.switched() == (False, "")
    assert not [thread for thread in threading.enumerate() if thread.name == "panel"]
    panel.stop()


def test_the_night_is_darker(pins: Any, told: Told) -> None:
    def at(hour: int) -> Callable[[], Instant]:
        return lambda: Instant(clock.now().mono, datetime(2026, 11, 25, hour, tzinfo=UTC))

    section = Section(lights="rgb", lights_pins=(17, 27, 22), night="22:00-07:00", night_percent=50, **FULL)
    for hour, expected in ((12, 1.0), (23, 0.25)):
        with living(section, pins, told, at(hour)) as panel:
            well(panel)
            panel.do(ShowState("listening", 1))
            assert pins.pin(22).wait(lambda level: level > 0.2) == pytest.approx(expected, abs=0.01)


def test_trouble_flashes(pins: Any, told: Told) -> None:
    with living(Section(lights="rgb", lights_pins=(17, 27, 22), **FULL), pins, told) as panel:
        panel.show(Scene(trouble=True))
        assert pins.pin(17).wait(lambda level: level == 1.0)
        assert pins.pin(27).wait(lambda level: level > 0.4) == pytest.approx(AMBER[1] / 255)
        assert pins.pin(17).wait(lambda level: level == 0.0) == 0.0
