"""The section of what people see and press: lights, a button, a mute switch.

Pins are GPIO numbers as the chip counts them (BCM), not positions on the header. A `board` sets everything that its HAT
has; a key that is set goes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from agent.config.values import Name, Percent, Section

Board = Literal["none", "respeaker-2mic", "respeaker-4mic", "adafruit-voice-bonnet", "aiy-voice-hat"]
LightsKind = Literal["none", "led", "rgb", "apa102", "sysfs"]
Action = Literal["listen", "stop", "mute", "none"]
Level = Literal["low", "high"]
Pull = Literal["up", "down", "none"]
Pin = Annotated[int, Field(ge=0, le=27)]
Clock = r"([01]\d|2[0-3]):[0-5]\d"

PINS: Mapping[LightsKind, int] = MappingProxyType({"none": 0, "led": 1, "rgb": 3, "apa102": 2, "sysfs": 0})


class Button(Section):
    """A push button."""

    pin: Pin | None = Field(None, description="GPIO number; not set: the board's, or no button")
    pressed: Level = Field("low", description='level while pressed; "low": it connects the pin to ground')
    pull: Pull = Field("up", description="the chip's own resistor, which holds the level while it is not pressed")
    short: Action = Field("listen", description="a short press; listen: also ends what is going on")
    long: Action = Field("mute", description="a long press; mute: the microphone off, or on again")
    long_ms: Annotated[int, Field(ge=300, le=10_000)] = Field(1000, description="held for so long is a long press")
    debounce_ms: Annotated[int, Field(ge=1, le=200)] = Field(30, description="a level counts when it has been steady")


class MuteSwitch(Section):
    """A slide switch for the microphone that no software can overrule."""

    pin: Pin | None = Field(None, description="GPIO number; not set: no switch. One that cannot be read counts as on")
    muted: Level = Field(
        "low", description='level that means off; with "high" a closed switch lets hear, a broken wire does not'
    )
    pull: Pull = Field("up", description="the chip's own resistor, which holds the level while the switch is open")
    settle_ms: Annotated[int, Field(ge=1, le=1000)] = Field(50, description="steady for so long before it opens")


class Panel(Section):
    """Lights, button and mute switch; needs the extra `gpio`, but for lights = "sysfs"."""

    board: Board = Field("none", description="a HAT whose lights and button are known")
    chip: Annotated[int, Field(ge=0, le=31)] | None = Field(
        None, description="N of /dev/gpiochipN; not set: that of a Raspberry Pi's header, else 0"
    )
    lights: LightsKind | None = Field(None, description="kind of the lights; not set: the board's, or none")
    lights_pins: tuple[Pin, ...] | None = Field(
        None, description="led: one; rgb: red, green, blue; apa102: data, clock (10, 11 is the SPI of the header)"
    )
    lights_count: Annotated[int, Field(ge=1, le=64)] | None = Field(None, description="apa102: how many in the chain")
    lights_shine: Level = Field("high", description="led and rgb: the level at which they shine")
    power_pin: Pin | None = Field(None, description="switched on for the lights, off at the end")
    sysfs_led: Name | None = Field(None, description='sysfs: a name in /sys/class/leds, such as "ACT"')
    brightness_percent: Percent = Field(40, description="of all lights; 0: dark")
    night: Annotated[str, Field(pattern=rf"^{Clock}-{Clock}$")] | None = Field(
        None, description='"22:00-07:00": darker, on the clock of the device'
    )
    night_percent: Percent = Field(10, description="brightness at night")
    button: Button = Button()
    mute_switch: MuteSwitch = MuteSwitch()

    @property
    def wired(self) -> Panel:
        """The same with what the board brings filled in, where it is not set."""
        preset = _PRESETS[self.board]
        values = {key: value for key, value in preset.items() if getattr(self, key) is None}
        if values.get("lights", self.lights) != preset.get("lights"):
            values = {}  # other lights than the board's: its pins are not theirs
        if self.button.pin is None and self.board in _BUTTONS:
            values["button"] = self.button.model_copy(update={"pin": _BUTTONS[self.board]})
        return self.model_copy(update={"lights": self.lights or "none", **values})

    @property
    def empty(self) -> bool:
        """Nothing is wired at all."""
        wired = self.wired
        return wired.lights == "none" and wired.button.pin is None and wired.mute_switch.pin is None

    @property
    def uses_pins(self) -> bool:
        """GPIO is needed; an LED that the kernel drives can do without."""
        return bool(tuple(_pins(self.wired)))

    @model_validator(mode="after")
    def _complete(self) -> Panel:
        wired = self.wired
        kind = wired.lights or "none"
        pins = wired.lights_pins or ()
        if len(pins) != PINS[kind]:
            raise ValueError(f'lights = "{kind}" needs {PINS[kind]} lights_pins, there are {len(pins)}')
        if kind == "apa102" and wired.lights_count is None:
            raise ValueError('lights = "apa102" needs lights_count')
        if kind == "sysfs" and wired.sysfs_led is None:
            raise ValueError('lights = "sysfs" needs sysfs_led; `ls /sys/class/leds` names what there is')
        twice = [f"GPIO {pin}" for pin, uses in Counter(_pins(wired)).items() if uses > 1]
        if twice:
            raise ValueError(f"{', '.join(twice)}: one pin cannot serve two purposes")
        return self


def _pins(panel: Panel) -> Iterator[int]:
    yield from panel.lights_pins or ()
    yield from (pin for pin in (panel.power_pin, panel.button.pin, panel.mute_switch.pin) if pin is not None)


_PRESETS: Mapping[Board, Mapping[str, Any]] = MappingProxyType(
    {
        "none": {},
        "respeaker-2mic": {"lights": "apa102", "lights_pins": (10, 11), "lights_count": 3},
        "respeaker-4mic": {"lights": "apa102", "lights_pins": (10, 11), "lights_count": 12, "power_pin": 5},
        "adafruit-voice-bonnet": {"lights": "apa102", "lights_pins": (5, 6), "lights_count": 3},
        "aiy-voice-hat": {"lights": "led", "lights_pins": (25,)},
    }
)
_BUTTONS: Mapping[Board, int] = MappingProxyType(
    {"respeaker-2mic": 17, "adafruit-voice-bonnet": 17, "aiy-voice-hat": 23}
)
