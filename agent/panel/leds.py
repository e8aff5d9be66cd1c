"""Plain LEDs on GPIO pins: one, or a red, a green and a blue one.

What is neither dark nor full is pulsed by software, a hundred times a second; dark and full cost nothing.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

from agent.config.panel import Level
from agent.panel.faults import PanelFault, faults
from agent.panel.motion import Frame
from agent.panel.pins import Pins

STEPS_HZ = 30.0
PULSES_HZ = 100


class _Pulsed:
    """Pins that shine, and the pin that powers them."""

    count = 1
    steps_hz = STEPS_HZ

    def __init__(self, pins: Pins, numbers: tuple[int, ...], shine: Level, power: int | None) -> None:
        """Raises PanelFault, with nothing left open."""
        self._name = f"lights (GPIO {', '.join(map(str, numbers))})"
        factory = pins.factory
        with faults(self._name), ExitStack() as opened:
            from gpiozero import PWMLED

            self._power = powered(power, factory)
            if self._power is not None:
                opened.callback(self._power.close)
            self._leds = []
            for number in numbers:
                led = PWMLED(number, active_high=shine == "high", pin_factory=factory)
                opened.callback(led.close)
                self._leds.append(led)
            opened.pop_all()

    def _shine(self, values: tuple[float, ...]) -> None:
        with faults(self._name):
            for led, value in zip(self._leds, values, strict=True):
                # Before the first level that needs no pulses, and again after it, or its thread would run for ever.
                led.frequency = PULSES_HZ if 0.0 < value < 1.0 else None
                led.value = value

    def close(self) -> None:
        with suppress(PanelFault):
            self._shine((0.0,) * len(self._leds))
        with faults(self._name):
            for device in (*self._leds, self._power):
                if device is not None:
                    device.close()


class Led(_Pulsed):
    """One LED of one colour: as bright as the brightest part of the colour."""

    def __init__(self, pins: Pins, number: int, shine: Level, power: int | None) -> None:
        super().__init__(pins, (number,), shine, power)

    def show(self, frame: Frame) -> None:
        self._shine((max(frame[0]) / 255,))


class Rgb(_Pulsed):
    """Three LEDs in one."""

    def show(self, frame: Frame) -> None:
        self._shine(tuple(part / 255 for part in frame[0]))


def powered(number: int | None, factory: Any) -> Any:
    """The pin that switches the power of lights on, on; None without one."""
    if number is None:
        return None
    from gpiozero import DigitalOutputDevice

    return DigitalOutputDevice(number, initial_value=True, pin_factory=factory)
