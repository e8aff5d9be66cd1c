"""An LED that the kernel drives: /sys/class/leds/NAME. No library; a board's own LED, or any that an overlay declares.

What made it blink before (its trigger) gets it back at the end. An LED of several colours tells them in `multi_index`.
See https://docs.kernel.org/leds/leds-class.html and leds-class-multicolor.html.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from agent.panel.faults import PanelFault, faults
from agent.panel.motion import Frame

LEDS = Path("/sys/class/leds")
STEPS_HZ = 30.0
COLOURS = ("red", "green", "blue")


class SysfsLed:
    count = 1
    steps_hz = STEPS_HZ

    def __init__(self, name: str, leds: Path = LEDS) -> None:
        """`name`: in /sys/class/leds, or the path of such a folder. Raises PanelFault."""
        self._name = f"lights ({leds / name})"
        self._folder = leds / name
        self._shown: tuple[int, ...] = ()
        if not self._folder.is_dir():
            there = ", ".join(sorted(led.name for led in leds.glob("*"))) or "none"
            raise PanelFault(f"{self._name}: there is no such LED; there are: {there}")
        with faults(self._name):
            self._full = int(self._read("max_brightness") or 255)
            self._parts = self._read("multi_index").split()
            active = re.search(r"\[(.+?)\]", self._read("trigger"))
            self._trigger = active[1] if active else "none"
            if self._trigger != "none":
                self._write("trigger", "none")
            self._write("brightness", "0")

    def show(self, frame: Frame) -> None:
        parts = dict(zip(COLOURS, frame[0], strict=True))
        level = max(frame[0])
        shown = (level, *(parts.get(part, 0) for part in self._parts))
        if shown == self._shown:
            return
        with faults(self._name):
            if self._parts:
                self._write("multi_intensity", " ".join(map(str, shown[1:])))
                self._write("brightness", str(self._full if level else 0))
            else:
                self._write("brightness", str(-(-self._full * level // 255)))
        self._shown = shown

    def close(self) -> None:
        with suppress(PanelFault):
            self.show(((0, 0, 0),))
        with faults(self._name):
            if self._trigger != "none":
                self._write("trigger", self._trigger)

    def _read(self, attribute: str) -> str:
        """ "" where the LED has no such attribute."""
        path = self._folder / attribute
        return path.read_text().strip() if path.exists() else ""

    def _write(self, attribute: str, text: str) -> None:
        (self._folder / attribute).write_text(text)
