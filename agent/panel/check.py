"""What can be had of what is configured: each device is opened and given back, for `voice-agent panel test`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from agent.config import Panel
from agent.panel.faults import Closable, PanelFault
from agent.panel.lights import open_lights
from agent.panel.pins import Pins, open_button, open_switch


def problems(panel: Panel) -> tuple[str, ...]:
    """Why the devices of this configuration cannot be had, one sentence each."""
    pins = Pins(panel.chip)
    found = tuple(dict.fromkeys(fault for open_ in _devices(panel.wired, pins) for fault in _tried(open_)))
    with suppress(PanelFault):
        pins.close()
    return found


def _devices(panel: Panel, pins: Pins) -> Iterator[Callable[[], Closable]]:
    if panel.lights != "none":
        yield lambda: open_lights(panel, pins)
    if panel.button.pin is not None:
        yield lambda: open_button(panel.button, pins, _nobody)
    if panel.mute_switch.pin is not None:
        yield lambda: open_switch(panel.mute_switch, pins, _nobody)


def _nobody(_: bool) -> None:
    """Who tries does not listen."""


def _tried(open_: Callable[[], Closable]) -> Iterator[str]:
    try:
        open_().close()
    except PanelFault as fault:
        yield str(fault)
