"""The lights of a device, whatever they are: the Protocol, and the one that the configuration names."""

from __future__ import annotations

from typing import Protocol

from agent.config import Panel
from agent.panel.dotstar import DotStars
from agent.panel.leds import Led, Rgb
from agent.panel.motion import Frame
from agent.panel.pins import Pins
from agent.panel.sysfs import SysfsLed


class Lights(Protocol):
    """`count` lights, that can change up to `steps_hz` times a second. Everything raises PanelFault."""

    @property
    def count(self) -> int: ...

    @property
    def steps_hz(self) -> float: ...

    def show(self, frame: Frame) -> None:
        """One colour (0 to 255 each) for each light."""
        ...

    def close(self) -> None:
        """Dark, and given back."""
        ...


def open_lights(panel: Panel, pins: Pins) -> Lights:
    """The lights of a `wired` configuration. Raises PanelFault."""
    numbers = panel.lights_pins or ()
    match panel.lights:
        case "led":
            return Led(pins, numbers[0], panel.lights_shine, panel.power_pin)
        case "rgb":
            return Rgb(pins, numbers, panel.lights_shine, panel.power_pin)
        case "apa102":
            return DotStars(pins, numbers[0], numbers[1], panel.lights_count or 1, panel.power_pin)
        case _:
            return SysfsLed(panel.sysfs_led or "")
