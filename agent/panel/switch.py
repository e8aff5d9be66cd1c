"""What a mute switch's level means. Pure; time is an argument (seconds).

Rules:
- In doubt the microphone is off: before the first reading, while the pin cannot be read, and from the first moment at
  which the switch looks closed.
- It opens only when the level has been open, without a break, for `settle_s`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Slide:
    """`on`: the microphone is off. `open_at`: since when the level has looked open; None while it does not."""

    settle_s: float
    on: bool = True
    open_at: float | None = None


def level(state: Slide, closed: bool, now: float) -> Slide:
    """The switch looks closed, or open, at `now`."""
    if closed:
        return unreadable(state)
    since = now if state.open_at is None else state.open_at
    return replace(state, open_at=since, on=state.on and now - since < state.settle_s)


def unreadable(state: Slide) -> Slide:
    """The level cannot be told."""
    return replace(state, on=True, open_at=None)


def deadline(state: Slide) -> float | None:
    """When to look again, because the switch may be open by then."""
    return state.open_at + state.settle_s if state.on and state.open_at is not None else None
