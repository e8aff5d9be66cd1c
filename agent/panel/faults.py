"""Devices that cannot be had: why, and what to do about it; and opening them again, with growing pauses."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
DROP_IN = "in the service, the drop-in gpio.conf"

log = logging.getLogger(__name__)


class PanelFault(Exception):
    """A device cannot be opened, read or written. The text names it, and the remedy."""


class Closable(Protocol):
    def close(self) -> None: ...


D = TypeVar("D", bound=Closable)


@contextmanager
def faults(device: str) -> Iterator[None]:
    """What the libraries raise becomes PanelFault."""
    try:
        yield
    except ImportError as error:
        raise PanelFault(f"{device}: {error}; it comes with the extra: pip install 'voice-agent[gpio]'") from error
    except _raised() as error:
        raise PanelFault(f"{device}: {_explain(error)}") from error


def _raised() -> tuple[type[Exception], ...]:
    """What gpiozero, lgpio and the system raise for a device. The libraries are loaded only where pins are used."""
    loaded = ((sys.modules.get("gpiozero"), "GPIOZeroError"), (sys.modules.get("lgpio"), "error"))
    return (OSError, *(getattr(module, name) for module, name in loaded if module is not None))


def _explain(error: Exception) -> str:
    """The words of the library, with what helps."""
    text = str(error).strip("'")
    match text:
        case "can not open gpiochip":
            return f"{text}; {_chips()}"
        case "can not open SPI device":
            return f"{text}; dtparam=spi=on in config.txt makes it, the group spi may open it ({DROP_IN})"
        case "GPIO busy":
            return f"{text}: another program or an overlay holds the pin; `gpioinfo` (package gpiod) names it"
        case _ if isinstance(error, PermissionError):
            return f"{text}; the user of the agent has to be let in ({DROP_IN})"
        case _:
            return text


def _chips() -> str:
    chips = sorted(Path("/dev").glob("gpiochip*"))
    if not chips:
        return f"there is no /dev/gpiochip* here (no GPIO, or hidden: {DROP_IN})"
    if not all(os.access(chip, os.R_OK | os.W_OK) for chip in chips):
        return f"no permission for {chips[0]}: the user has to be in the group gpio ({DROP_IN})"
    return f"there are {', '.join(chip.name for chip in chips)}: panel.chip chooses"


class Keeper(Generic[D]):
    """Holds a device, opens it when it is due, says so once, and tries again after a fault. Used by one thread."""

    def __init__(self, name: str, open_: Callable[[], D]) -> None:
        self.name = name
        self.device: D | None = None
        self.fault = ""
        self._open = open_
        self._pause_s = FIRST_PAUSE_S
        self._due = 0.0

    def ready(self, now: float) -> D | None:
        """The device, opened now if it is time to; None while it cannot be had."""
        if self.device is None and now >= self._due:
            try:
                self.device = self._open()
            except PanelFault as fault:
                self.failed(fault, now)
            else:
                log.info("%s: ready", self.name, extra={"code": "panel.ok"})
                self.fault, self._pause_s = "", FIRST_PAUSE_S
        return self.device

    def failed(self, fault: PanelFault, now: float) -> None:
        """It failed: it is closed, and opened again after a pause."""
        if str(fault) != self.fault:
            log.warning("%s", fault, extra={"code": "panel.failed"})
        self.fault = str(fault)
        self.close()
        self._due = now + self._pause_s
        self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s)

    def deadline(self) -> float | None:
        """When to try again; None while it is open."""
        return self._due if self.device is None else None

    def close(self) -> None:
        """Idempotent. A device that is gone may refuse even that."""
        device, self.device = self.device, None
        if device is None:
            return
        try:
            with faults(self.name):
                device.close()
        except PanelFault as fault:
            log.debug("%s", fault)
