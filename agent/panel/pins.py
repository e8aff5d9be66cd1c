"""The pins of this machine, by gpiozero: the one place that knows how to get at them.

Rules:
- The library is loaded at first use, so that a device without pins needs none of it.
- `GPIOZERO_PIN_FACTORY` chooses another of gpiozero's factories (its own documented variable: "mock", "pigpio").
- gpiozero knows the header of a Raspberry Pi only. On another machine the numbers are those of the chip, 0 to 27.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from agent.config.panel import Button, Level, MuteSwitch, Pull
from agent.panel.faults import PanelFault, faults

ANY_PI = 0xA02082  # a Pi 3B: the forty pins of all that came later
_loading = threading.Lock()  # guards the working folder while lgpio is loaded


class Pins:
    """`factory` is gpiozero's; opened at first use and closed once. `given`: one that is open already."""

    def __init__(self, chip: int | None, given: Any = None) -> None:
        self._chip = chip
        self._factory = given
        self._elsewhere = "GPIOZERO_PIN_FACTORY" in os.environ
        self._ours = given is None and not self._elsewhere  # gpiozero keeps, and closes, the one that it has chosen

    def load(self) -> None:
        """Import what will be needed, best before there are other threads: see `_load_lgpio`. Faults come later."""
        if self._factory is None and not self._elsewhere:
            with suppress(PanelFault), faults("GPIO"):
                _load_lgpio()

    @property
    def factory(self) -> Any:
        """Raises PanelFault."""
        if self._factory is None:
            with faults("GPIO"):
                self._factory = _chosen() if self._elsewhere else _local(self._chip)
        return self._factory

    def close(self) -> None:
        """Raises PanelFault."""
        if self._factory is not None and self._ours:
            factory, self._factory = self._factory, None
            with faults("GPIO"):
                factory.close()


def _chosen() -> Any:
    from gpiozero import Device

    Device.ensure_pin_factory()
    return Device.pin_factory


def _local(chip: int | None) -> Any:
    _load_lgpio()
    from gpiozero.exc import PinUnknownPi
    from gpiozero.pins.lgpio import LGPIOFactory
    from gpiozero.pins.local import get_pi_revision

    try:
        get_pi_revision()
    except PinUnknownPi:
        return type("Header", (LGPIOFactory,), {"_get_revision": lambda self: ANY_PI})(chip or 0)
    return LGPIOFactory(chip)


def _load_lgpio() -> None:
    """Import lgpio without its traces: it makes a pipe in $LG_WD and leaves that as the working folder.

    In a service the working folder is read-only, and the import would fail (github.com/joan2937/lg, issues 12 and 22).
    Both ends are open when the import returns, so that the pipe's name may go. The working folder is that of all
    threads, and a child that is started meanwhile would begin in one that goes.
    """
    if "lgpio" in sys.modules:
        return
    with _loading, tempfile.TemporaryDirectory(prefix="voice-agent-") as folder:
        before, wanted = os.getcwd(), os.environ.get("LG_WD")
        os.environ["LG_WD"] = folder
        try:
            import lgpio  # noqa: F401 - for its effects
        finally:
            os.chdir(before)
            del os.environ["LG_WD"]
            if wanted is not None:
                os.environ["LG_WD"] = wanted


class Input:
    """One pin that is read: "active" at the level named. `changed(active)` comes on a thread of the library."""

    def __init__(
        self, name: str, pins: Pins, number: int, active: Level, pull: Pull, changed: Callable[[bool], None]
    ) -> None:
        """Raises PanelFault, with nothing left open."""
        self._name = name
        factory = pins.factory
        with faults(f"{name} (GPIO {number})"):
            from gpiozero import DigitalInputDevice

            # With a pull-up, gpiozero means low by "active", else high: it is ours only where that is the level named.
            wiring = {"up": (True, None), "down": (False, None), "none": (None, True)}
            pull_up, active_state = wiring[pull]
            self._ours = (active == "low") == (pull == "up")
            self._device = DigitalInputDevice(number, pull_up=pull_up, active_state=active_state, pin_factory=factory)
            self._device.when_activated = lambda: changed(self._ours)
            self._device.when_deactivated = lambda: changed(not self._ours)

    @property
    def active(self) -> bool:
        """The level now. Raises PanelFault."""
        with faults(self._name):
            return bool(self._device.is_active) == self._ours

    def close(self) -> None:
        with faults(self._name):
            self._device.close()


def open_button(button: Button, pins: Pins, changed: Callable[[bool], None]) -> Input:
    """Raises PanelFault."""
    assert button.pin is not None
    return Input("button", pins, button.pin, button.pressed, button.pull, changed)


def open_switch(switch: MuteSwitch, pins: Pins, changed: Callable[[bool], None]) -> Input:
    """Raises PanelFault."""
    assert switch.pin is not None
    return Input("mute switch", pins, switch.pin, switch.muted, switch.pull, changed)
