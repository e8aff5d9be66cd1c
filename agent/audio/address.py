"""Which card stands behind the name of a PCM. https://www.alsa-project.org/alsa-doc/alsa-lib/pcm.html#pcm_dev_names"""

from __future__ import annotations

import re
from dataclasses import dataclass

ADDRESS = re.compile(
    r"(?:(?:plug)?hw:(?:CARD=)?|\w+:CARD=)(?P<card>[\w-]+)(?:,(?:DEV=)?(?P<device>\d+))?(?:,(?:SUBDEV=)?(?P<sub>\d+))?"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where in the machine a PCM is: the card's name or number, its device and subdevice; None for any."""

    card: str
    device: int | None = None
    subdevice: int | None = None


def address(device: str) -> Address | None:
    """The card behind such a name as hw:CARD=Device,DEV=0 or plughw:1,0; None behind "default" or a sound server."""
    found = ADDRESS.fullmatch(device)
    if not found:
        return None
    numbers = [None if found[name] is None else int(found[name]) for name in ("device", "sub")]
    return Address(found["card"], *numbers)
