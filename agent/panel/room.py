"""The panel: one thread that shows the state on lights and tells what is pressed.

Rules:
- Everything that happens comes through one queue: commands of the dialogue, edges of pins. The thread sleeps until the
  next of them, or until a device is due; steady lights and a button at rest wake nobody.
- Lights, button and switch fail apart, are logged (`panel.failed`, with the remedy) and tried again; the agent goes on.
- A configured mute switch that cannot be read counts as on, and trouble is shown. A device that hangs keeps it from
  being read: `progress` tells, and the watchdog ends that.
- The lights go out at the end.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, assert_never

from agent.clock import Clock
from agent.commands import ShowHealth, ShowSetting, ShowState
from agent.config import Panel as PanelSection
from agent.events import Event, MuteSwitched, PanelAction, Pressed
from agent.panel.duties import ButtonDuty, Edge, LightsDuty, SwitchDuty, Watched
from agent.panel.faults import PanelFault
from agent.panel.lights import open_lights
from agent.panel.look import Health, Scene
from agent.panel.pins import Input, Pins, open_button, open_switch

QUEUE = 1000  # bouncing contacts; the thread empties it within milliseconds
STOP_S = 1.0

PanelCommand = ShowState | ShowHealth | ShowSetting

log = logging.getLogger(__name__)


class Panel:
    """`emit` gets Pressed and MuteSwitched. `factory`: a pin factory of gpiozero to use instead of this machine's."""

    def __init__(
        self,
        config: PanelSection,
        emit: Callable[[Event], None],
        clock: Clock,
        on_fatal: Callable[[str], None],
        factory: Any = None,
    ) -> None:
        self._config = config.wired
        self._emit = emit
        self._clock = clock
        self._on_fatal = on_fatal
        self._pins = Pins(config.chip, factory)
        self._queue: queue.Queue[PanelCommand | Scene | Edge | None] = queue.Queue(QUEUE)
        self._scene = Scene()
        self._health = Health()
        self._lights: LightsDuty | None = None
        self._button: ButtonDuty | None = None
        self._switch: SwitchDuty | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._busy_since: float | None = None  # None: the thread sleeps until something is due

    def start(self) -> None:
        """Begin to show and to feel; without anything wired there is no thread.

        A mute switch is told to be on until it has been read, and where there is none (any more), to be off.
        """
        panel = self._config
        self._emit(MuteSwitched(self._clock(), on=panel.mute_switch.pin is not None))
        if panel.empty:
            return
        if panel.uses_pins:
            self._pins.load()
        if panel.lights != "none":
            self._lights = LightsDuty(panel, lambda: open_lights(panel, self._pins), lambda: self._clock().wall)
        if panel.button.pin is not None:
            self._button = ButtonDuty(panel, self._open_button, self._pressed)
        if panel.mute_switch.pin is not None:
            self._switch = SwitchDuty(panel, self._open_switch, self._switched)
        self._scene = self._health.onto(replace(self._scene, mic_off=self._switch is not None))
        self._thread = threading.Thread(target=self._run, name="panel", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Lights out, pins given back. Idempotent."""
        self._stopping.set()
        self._put(None)
        if self._thread is not None:
            self._thread.join(STOP_S)

    # From any thread.

    def progress(self) -> float:
        """When it last came round (monotonic seconds); only a mute switch is worth an end of the process."""
        since = self._busy_since
        return self._clock().mono if since is None or self._switch is None else since

    def do(self, command: PanelCommand) -> None:
        """Show a new state; other commands' news are welcome, and mean nothing."""
        self._put(command)

    def show(self, scene: Scene) -> None:
        """Show this, whatever the state is: for who tests the wiring."""
        self._put(scene)

    def _put(self, item: PanelCommand | Scene | Edge | None) -> None:
        if self._thread is None:
            return
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            log.warning("the panel is stuck: %s is lost", type(item).__name__, extra={"code": "panel.stuck"})

    # The panel's own thread.

    def _run(self) -> None:
        finished = False
        try:
            while not self._stopping.is_set():
                self._turn()
            finished = True
        finally:
            for duty in self._duties():
                duty.close()
            self._close_pins()
            self._busy_since = None
            if not finished:
                self._on_fatal("the panel's thread died")

    def _turn(self) -> None:
        self._busy_since = now = self._clock().mono
        for duty in self._duties():
            duty.turn(now)
        self._show()
        if all(duty.keeper.device is None for duty in self._duties()):
            self._close_pins()  # a chip that has gone and come back has to be opened anew
        self._take(self._next())

    def _next(self) -> PanelCommand | Scene | Edge | None:
        due = min((at for duty in self._duties() if (at := duty.deadline()) is not None), default=None)
        self._busy_since = None
        try:
            return self._queue.get(timeout=None if due is None else max(0.0, due - self._clock().mono))
        except queue.Empty:
            return None

    def _take(self, item: PanelCommand | Scene | Edge | None) -> None:
        match item:
            case Edge(of="button", active=active, at=at) if self._button is not None:
                self._button.feel(active, at)
            case Edge(of="switch", active=active, at=at) if self._switch is not None:
                self._switch.feel(active, at)
            case Scene():
                self._scene = item
            case ShowState(phase=phase):
                self._scene = replace(self._scene, phase=phase)
            case ShowSetting(name="mute", value=value):
                self._scene = replace(self._scene, mic_off=value is True)
            case ShowHealth(part=part, status=status):
                self._health = self._health.told(part, status)
                self._scene = self._health.onto(self._scene)
            case ShowSetting() | Edge() | None:
                pass
            case unknown:
                assert_never(unknown)

    def _show(self) -> None:
        if self._lights is not None:
            faulty = self._switch is not None and bool(self._switch.keeper.fault)
            scene = replace(self._scene, trouble=self._scene.trouble or faulty)
            self._lights.show(scene, self._clock().mono)

    def _duties(self) -> tuple[LightsDuty | ButtonDuty | SwitchDuty, ...]:
        return tuple(duty for duty in (self._switch, self._button, self._lights) if duty is not None)

    def _open_button(self) -> Input:
        return open_button(self._config.button, self._pins, lambda active: self._felt("button", active))

    def _open_switch(self) -> Input:
        return open_switch(self._config.mute_switch, self._pins, lambda active: self._felt("switch", active))

    def _felt(self, of: Watched, active: bool) -> None:
        """On a thread of the pins' library."""
        self._put(Edge(of, active, self._clock().mono))

    def _pressed(self, action: PanelAction) -> None:
        self._emit(Pressed(self._clock(), action))

    def _switched(self, on: bool, fault: str) -> None:
        self._emit(MuteSwitched(self._clock(), on, fault))

    def _close_pins(self) -> None:
        try:
            self._pins.close()
        except PanelFault as fault:
            log.debug("%s", fault)
