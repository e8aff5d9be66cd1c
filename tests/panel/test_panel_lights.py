"""The drivers of the lights: what comes out of the pins, and of the kernel's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mock_pins import chain, lit

from agent.config import Panel
from agent.panel.dotstar import DotStars, encode
from agent.panel.faults import PanelFault
from agent.panel.leds import Led, Rgb
from agent.panel.lights import open_lights
from agent.panel.pins import Pins
from agent.panel.sysfs import SysfsLed

COLOURS = [(255, 0, 0), (0, 255, 0), (1, 2, 255)]


def kernel_led(folder: Path, **attributes: str) -> Path:
    """An LED as the kernel shows one."""
    (folder / "ACT").mkdir(parents=True)
    attributes = {"brightness": "0", "max_brightness": "255", "trigger": "[none] timer"} | attributes
    for name, text in attributes.items():
        (folder / "ACT" / name).write_text(text)
    return folder


def test_frames_of_apa102_are_those_of_the_datasheet() -> None:
    assert encode(((1, 2, 3),)) == bytes.fromhex("00000000 ff030201 00000000 00")
    assert lit(encode(tuple((n, n, n) for n in range(64))), 64)[63] == (63, 63, 63)


def test_dotstars_on_any_two_pins(pins: Any) -> None:
    clock = chain(pins, data=5, clock=6)
    lights = DotStars(Pins(None, pins), 5, 6, 3, None)
    lights.show(tuple(COLOURS))
    assert lit(clock.take(), 3) == COLOURS
    lights.close()
    assert lit(clock.take(), 3) == [(0, 0, 0)] * 3
    assert pins.pin(6).function == "input"


def test_dotstars_on_the_spi_of_the_header_with_power(pins: Any) -> None:
    clock = chain(pins, data=10, clock=11)
    lights = open_lights(Panel(board="respeaker-4mic").wired, Pins(None, pins))
    assert lights.count == 12
    assert pins.pin(5).state
    lights.show(tuple(COLOURS * 4))
    assert lit(clock.take(), 12) == COLOURS * 4
    lights.close()
    assert lit(clock.take(), 12) == [(0, 0, 0)] * 12
    assert pins.pin(5).function == "input"


def test_one_led_is_pulsed_only_where_it_has_to_be(pins: Any) -> None:
    light = Led(Pins(None, pins), 25, "high", None)
    pin = pins.pin(25)
    for frame, state, frequency in (((255, 0, 0), 1.0, None), ((51, 0, 0), 0.2, 100), ((0, 0, 0), 0.0, None)):
        light.show((frame,))
        assert (pin.state, pin.frequency) == (pytest.approx(state), frequency)
    light.close()
    assert pin.function == "input"


def test_an_led_that_shines_at_the_low_level(pins: Any) -> None:
    light = Led(Pins(None, pins), 25, "low", None)
    light.show(((255, 255, 255),))
    assert pins.pin(25).state == 0
    light.show(((0, 0, 0),))
    assert pins.pin(25).state == 1
    light.close()


def test_three_pins_are_three_colours(pins: Any) -> None:
    light = Rgb(Pins(None, pins), (17, 27, 22), "high", None)
    light.show(((255, 0, 51),))
    assert [pins.pin(n).state for n in (17, 27, 22)] == [1.0, 0.0, pytest.approx(0.2)]
    light.close()


def test_a_pin_in_use_leaves_nothing_open(pins: Any) -> None:
    first = Led(Pins(None, pins), 27, "high", None)
    with pytest.raises(PanelFault, match="lights \\(GPIO 17, 27, 22\\)"):
        Rgb(Pins(None, pins), (17, 27, 22), "high", power=4)
    Rgb(Pins(None, pins), (17, 4, 22), "high", None).close()
    first.close()


def test_an_led_of_the_kernel(tmp_path: Path) -> None:
    leds = kernel_led(tmp_path, max_brightness="15", trigger="none [mmc0] timer", brightness="9")
    light = SysfsLed("ACT", leds)
    read = lambda name: (leds / "ACT" / name).read_text()  # noqa: E731
    assert (read("trigger"), read("brightness")) == ("none", "0")
    light.show(((255, 0, 0),))
    assert read("brightness") == "15"
    light.show(((1, 0, 0),))
    assert read("brightness") == "1"
    light.close()
    assert (read("trigger"), read("brightness")) == ("mmc0", "0")


def test_an_led_of_the_kernel_in_several_colours(tmp_path: Path) -> None:
    leds = kernel_led(tmp_path, multi_index="green blue red", multi_intensity="0 0 0")
    light = SysfsLed("ACT", leds)
    light.show(((10, 20, 30),))
    assert (leds / "ACT" / "multi_intensity").read_text() == "20 30 10"
    assert (leds / "ACT" / "brightness").read_text() == "255"
    light.close()
    assert (leds / "ACT" / "brightness").read_text() == "0"


def test_an_unknown_led_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(PanelFault, match="no such LED; there are: ACT"):
        SysfsLed("PWR", kernel_led(tmp_path))


def test_an_led_that_goes_away_is_a_fault(tmp_path: Path) -> None:
    leds = kernel_led(tmp_path)
    light = SysfsLed("ACT", leds)
    (leds / "ACT" / "brightness").unlink()
    (leds / "ACT").rename(tmp_path / "gone")
    with pytest.raises(PanelFault, match="lights"):
        light.show(((1, 1, 1),))
    light.close()
