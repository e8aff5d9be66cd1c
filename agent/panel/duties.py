"""What the panel's thread looks after: lights, button, mute switch. Each keeps its device, and says when it is due.

Rules:
- All are used by the panel's thread alone; a device that fails is closed and opened again after a pause.
- What a pin tells (`Edge`) comes through the panel's queue, never by a call.
- The level of a switch is read again every `CHECK_S`: an edge may be lost, and a pin may stop answering.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from agent.config import Panel
from agent.events import PanelAction
from agent.panel import motion, press, switch
from agent.panel.faults import Keeper, PanelFault
from agent.panel.lights import Lights
from agent.panel.look import Look, Scene, look
from agent.panel.pins import Input

CHECK_S = 2.0
NIGHT_CHECK_S = 60.0

Watched = Literal["button", "switch"]


@dataclass(frozen=True, slots=True)
class Edge:
    """A pin changed at `at` (monotonic seconds); `active`: pressed, or muted."""

    of: Watched
    active: bool
    at: float


class Duty(Protocol):
    def turn(self, now: float) -> None:
        """Do what is due at `now`."""
        ...

    def deadline(self) -> float | None:
        """When to be called again at the latest."""
        ...

    def close(self) -> None:
        """Give the device back. Idempotent."""
        ...


class LightsDuty:
    """Shows the look of a scene, and moves it. `wall` tells the time of day, for the night."""

    def __init__(self, panel: Panel, open_: Callable[[], Lights], wall: Callable[[], datetime]) -> None:
        self.keeper = Keeper("lights", open_)
        self._panel = panel
        self._wall = wall
        self._look: Look = look(Scene())
        self._since = 0.0
        self._due: float | None = 0.0

    def show(self, scene: Scene, now: float) -> None:
        shown = look(scene)
        if shown != self._look:
            self._look, self._since, self._due = shown, now, now

    def turn(self, now: float) -> None:
        fresh = self.keeper.device is None
        lights = self.keeper.ready(now)
        if lights is None or not (fresh or (self._due is not None and now >= self._due)):
            return
        elapsed = now - self._since
        try:
            lights.show(motion.frame(self._look, elapsed, lights.count, self._brightness()))
        except PanelFault as fault:
            self.keeper.failed(fault, now)
            return
        change = motion.next_change_s(self._look, elapsed, lights.steps_hz)
        if self._panel.night is not None and self._look.level > 0:
            change = min(NIGHT_CHECK_S, change or NIGHT_CHECK_S)
        self._due = None if change is None else now + change

    def deadline(self) -> float | None:
        again = self.keeper.deadline()
        return self._due if again is None else again

    def close(self) -> None:
        self.keeper.close()

    def _brightness(self) -> float:
        night = motion.is_night(self._panel.night, self._wall())
        return (self._panel.night_percent if night else self._panel.brightness_percent) / 100


class ButtonDuty:
    """Tells what presses mean."""

    def __init__(self, panel: Panel, open_: Callable[[], Input], tell: Callable[[PanelAction], None]) -> None:
        self.keeper = Keeper("button", open_)
        self._button = panel.button
        self._tell = tell
        self._contact: press.Contact | None = None

    def feel(self, pressed: bool, at: float) -> None:
        if self._contact is not None:
            self._contact, gestures = press.feel(self._contact, pressed, at)
            self._act(gestures)

    def turn(self, now: float) -> None:
        if self._contact is None:
            self._begin(now)
        else:
            self._contact, gestures = press.wait(self._contact, now)
            self._act(gestures)

    def deadline(self) -> float | None:
        return self.keeper.deadline() if self._contact is None else press.deadline(self._contact)

    def close(self) -> None:
        self._contact = None
        self.keeper.close()

    def _begin(self, now: float) -> None:
        device = self.keeper.ready(now)
        if device is None:
            return
        try:
            pressed = device.active
        except PanelFault as fault:
            self.keeper.failed(fault, now)
            return
        button = self._button
        self._contact = press.contact(pressed, now, button.debounce_ms / 1000, button.long_ms / 1000)

    def _act(self, gestures: tuple[press.Gesture, ...]) -> None:
        for gesture in gestures:
            action = self._button.short if gesture == "short" else self._button.long
            if action != "none":
                self._tell(action)


class SwitchDuty:
    """Tells whether the switch is on; `tell(on, fault)` is called at each change, and once at the start."""

    def __init__(self, panel: Panel, open_: Callable[[], Input], tell: Callable[[bool, str], None]) -> None:
        self.keeper = Keeper("mute switch", open_)
        self._tell = tell
        self._slide = switch.Slide(panel.mute_switch.settle_ms / 1000)
        self._told: tuple[bool, str] | None = None
        self._check_at = 0.0

    def feel(self, closed: bool, at: float) -> None:
        self._slide = switch.level(self._slide, closed, at)
        self._say()

    def turn(self, now: float) -> None:
        """Read the level. It is little work, so that every occasion will do."""
        device = self.keeper.ready(now)
        if device is None:
            self._slide = switch.unreadable(self._slide)
        else:
            try:
                self._slide = switch.level(self._slide, device.active, now)
            except PanelFault as fault:
                self.keeper.failed(fault, now)
                self._slide = switch.unreadable(self._slide)
        self._check_at = now + CHECK_S
        self._say()

    def deadline(self) -> float | None:
        again = self.keeper.deadline()
        if again is not None:
            return again
        settled = switch.deadline(self._slide)
        return self._check_at if settled is None else min(settled, self._check_at)

    @property
    def faulty(self) -> bool:
        return bool(self.keeper.fault)

    def close(self) -> None:
        self.keeper.close()

    def _say(self) -> None:
        undecided = self._slide.on and self._slide.open_at is not None and self._told is None
        state = (self._slide.on, self.keeper.fault)
        if state != self._told and not undecided:
            self._told = state
            self._tell(*state)
