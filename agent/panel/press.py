"""What a button's level means: presses, freed of bouncing contacts. Pure; time is an argument (seconds).

Rules:
- A level counts once it has been steady for `debounce_s`.
- A press is short when it ends before `long_s`, and long as soon as it has lasted so long. One press is one gesture.
- A button that is down when the agent starts is stuck, or somebody leans on it: nothing counts until it was up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Gesture = Literal["short", "long"]


@dataclass(frozen=True, slots=True)
class Contact:
    """`raw` since `changed_at`; `steady` is the level that counts. `down_at`: of a press that is no gesture yet."""

    debounce_s: float
    long_s: float
    raw: bool
    changed_at: float
    steady: bool
    down_at: float | None = None


def contact(pressed: bool, now: float, debounce_s: float, long_s: float) -> Contact:
    """A button as it is found."""
    return Contact(debounce_s, long_s, raw=pressed, changed_at=now, steady=pressed)


def feel(state: Contact, pressed: bool, now: float) -> tuple[Contact, tuple[Gesture, ...]]:
    """The level is `pressed` from `now` on."""
    state, gestures = wait(state, now)
    if pressed == state.raw:
        return state, gestures
    return replace(state, raw=pressed, changed_at=max(now, state.changed_at)), gestures


def wait(state: Contact, now: float) -> tuple[Contact, tuple[Gesture, ...]]:
    """Time has passed until `now`."""
    gestures: list[Gesture] = []
    while (due := deadline(state)) is not None and due <= now:
        state, gesture = _due(state)
        gestures += gesture
    return state, tuple(gestures)


def deadline(state: Contact) -> float | None:
    """When the next thing happens, if the level stays as it is."""
    if state.raw != state.steady:  # a press that may be ending is not measured before it is clear whether it is
        return state.changed_at + state.debounce_s
    return None if state.down_at is None else state.down_at + state.long_s


def _due(state: Contact) -> tuple[Contact, tuple[Gesture, ...]]:
    if state.raw == state.steady:
        return replace(state, down_at=None), ("long",)
    if state.raw:
        return replace(state, steady=True, down_at=state.changed_at), ()
    return replace(state, steady=False, down_at=None), () if state.down_at is None else ("short",)
