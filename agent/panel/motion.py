"""How a look moves: (look, seconds since it began) -> the colour of each light, and when that changes next. Pure.

Gentle, since it is seen in dark bedrooms: nothing flickers, and what is steady needs no computing at all. The eye
judges light by about the square root of its power, so levels are squared on their way to the lights.
"""

from __future__ import annotations

import math
from datetime import datetime

from agent.panel.look import DARK_COLOUR, Colour, Look

BREATH_S = 3.0
ROUND_S = 1.2
FLASH_S, FLASH_EVERY_S = 0.15, 4.0
DIMMEST = 0.2  # of a breath
RING = 3  # fewer lights cannot turn

Frame = tuple[Colour, ...]


def frame(look: Look, elapsed_s: float, count: int, brightness: float) -> Frame:
    """The colours of `count` lights; `brightness` is 0 to 1."""
    levels = _levels(look, elapsed_s, count)
    return tuple(_shade(look.colour, level * look.level * brightness) for level in levels)


def next_change_s(look: Look, elapsed_s: float, steps_hz: float) -> float | None:
    """Seconds until the frame changes; None where it never does."""
    if look.level == 0.0 or look.motion == "steady":
        return None
    if look.motion == "flashing":
        into = elapsed_s % FLASH_EVERY_S
        return (FLASH_S if into < FLASH_S else FLASH_EVERY_S) - into
    return 1.0 / steps_hz


def _levels(look: Look, elapsed_s: float, count: int) -> list[float]:
    match look.motion:
        case "steady":
            return [1.0] * count
        case "flashing":
            return [1.0 if elapsed_s % FLASH_EVERY_S < FLASH_S else 0.0] * count
        case "turning" if count >= RING:
            head = elapsed_s / ROUND_S * count
            return [max(0.0, 1.0 - _distance(head, light, count) / (count / 3)) for light in range(count)]
        case "turning":
            return [_breath(elapsed_s, ROUND_S)] * count
        case "breathing":
            return [_breath(elapsed_s, BREATH_S)] * count


def _breath(elapsed_s: float, period_s: float) -> float:
    return DIMMEST + (1 - DIMMEST) * (1 - math.cos(2 * math.pi * elapsed_s / period_s)) / 2


def _distance(head: float, light: int, count: int) -> float:
    """Along the ring, the shorter way."""
    apart = abs(head - light) % count
    return min(apart, count - apart)


def _shade(colour: Colour, level: float) -> Colour:
    if level <= 0.0:
        return DARK_COLOUR
    red, green, blue = (min(255, math.ceil(part * level * level)) for part in colour)
    return red, green, blue


def is_night(night: str | None, wall: datetime) -> bool:
    """Whether `wall` is within "22:00-07:00"; both ends on the clock of the device."""
    if night is None:
        return False
    begin, end = night.split("-")
    now = f"{wall:%H:%M}"
    return begin <= now < end if begin <= end else now >= begin or now < end
