"""APA102 lights ("DotStar"; SK9822 is alike): a chain on two wires, data and clock.

On the pins of the header's SPI (data 10, clock 11) the kernel sends the bits; on others we set each of them, which
takes long enough to move more slowly.

A frame: 32 zero bits; for each light 111, five bits of current, then blue, green, red; at the end zeros that push the
last bits through the chain (half a bit for each light, and 32 for the SK9822).
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack, suppress
from typing import Any

from agent.panel.faults import PanelFault, faults
from agent.panel.leds import powered
from agent.panel.motion import Frame
from agent.panel.pins import Pins

HEADER_SPI = (10, 11)
SPI_HZ, BANGED_HZ = 30.0, 10.0
FULL_CURRENT = 0xFF


def encode(frame: Frame) -> bytes:
    """The bytes of one frame."""
    lights = b"".join(bytes((FULL_CURRENT, blue, green, red)) for red, green, blue in frame)
    return bytes(4) + lights + bytes(4 + (len(frame) + 15) // 16)


class DotStars:
    def __init__(self, pins: Pins, data: int, clock: int, count: int, power: int | None) -> None:
        """Raises PanelFault, with nothing left open."""
        self.count = count
        self._name = f"lights (GPIO {data}, {clock})"
        factory = pins.factory
        with faults(self._name), ExitStack() as opened:
            self._power = powered(power, factory)
            if self._power is not None:
                opened.callback(self._power.close)
            self._wire: _Spi | _Banged = _Spi(factory) if (data, clock) == HEADER_SPI else _Banged(data, clock, factory)
            opened.pop_all()
        self.steps_hz = self._wire.steps_hz

    def show(self, frame: Frame) -> None:
        with faults(self._name):
            self._wire.send(encode(frame))

    def close(self) -> None:
        with suppress(PanelFault):
            self.show(((0, 0, 0),) * self.count)
        with faults(self._name):
            self._wire.close()
            if self._power is not None:
                self._power.close()


class _Spi:
    """The SPI of the header; the lights do not mind which of its two select lines moves."""

    steps_hz = SPI_HZ

    def __init__(self, factory: Any) -> None:
        from gpiozero import SPISoftwareFallback

        with warnings.catch_warnings():
            # Slow and busy for ever is no substitute for a line in config.txt.
            warnings.simplefilter("error", SPISoftwareFallback)
            try:
                self._spi = factory.spi(port=0, device=0)
            except SPISoftwareFallback as error:
                raise PanelFault(
                    f"lights: no SPI: {error}; dtparam=spi=on in config.txt makes it, the group spi may open it"
                ) from error

    def send(self, data: bytes) -> None:
        self._spi.write(list(data))

    def close(self) -> None:
        self._spi.close()


class _Banged:
    """Bit by bit: the light takes the data line's level when the clock rises."""

    steps_hz = BANGED_HZ

    def __init__(self, data: int, clock: int, factory: Any) -> None:
        from gpiozero import DigitalOutputDevice

        with ExitStack() as opened:
            self._data = DigitalOutputDevice(data, pin_factory=factory)
            opened.callback(self._data.close)
            self._clock = DigitalOutputDevice(clock, pin_factory=factory)
            opened.pop_all()

    def send(self, data: bytes) -> None:
        level = None
        for byte in data:
            for bit in range(7, -1, -1):
                wanted = byte >> bit & 1
                if wanted != level:
                    self._data.value = level = wanted
                self._clock.on()
                self._clock.off()

    def close(self) -> None:
        self._data.close()
        self._clock.close()
