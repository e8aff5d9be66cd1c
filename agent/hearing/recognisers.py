"""The recognisers of a device: one for each model, whatever personas it serves, each in a child of its own.

Rules:
- The recogniser of whoever is spoken to most is loaded at the start; that of another language when somebody first says
  its persona's wake word. It loads while that one speaks, whose sound waits for it, so that the first answer comes late
  (the small Korean model needs 2.8 s of a core), and nothing is lost.
  For that the final has `LATE_S` to come.
- What is not that first one leaves the memory again `keep_s` seconds after its last use: two of them are more than a
  small device has beside a voice. The price is the same delay once more. Where there is room, `keep_s` is 0: then all
  are loaded at the start, and stay.
- Health of the part "asr": the first one's counts; another one that fails makes it degraded, since most still works.
  So does one whose server on another machine is away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from agent.audio.pcm import Samples
from agent.child import ChildSpec
from agent.clock import Clock
from agent.events import Event, Health, Turn
from agent.hearing.recogniser import LOADING_S, Recogniser

LATE_S = 15.0


@dataclass(slots=True)
class _Seat:
    recogniser: Recogniser
    used_at: float  # monotonic seconds


class Recognisers:
    """An `Asr` for several personas. `specs`: persona -> its child; "" serves whoever has none.

    Between `start` and `stop` it belongs to the ear's thread.
    """

    def __init__(
        self,
        specs: Mapping[str, ChildSpec],
        emit: Callable[[Event], None],
        clock: Clock,
        on_fatal: Callable[[str], None],
        lazy: bool = False,
        first: str = "",
        keep_s: float = 600.0,
    ) -> None:
        """`lazy`: load nothing at the start; `first`: the persona that is spoken to most."""
        self._specs = specs
        self._emit = emit
        self._clock = clock
        self._on_fatal = on_fatal
        self._lazy = lazy
        self._keep_s = keep_s
        self._first = self._server(first)
        self._seats: dict[str, _Seat] = {}
        self._now: tuple[Turn, Recogniser] | None = None
        self._lock = threading.Lock()  # guards the health, which children tell on threads of their own
        self._health: dict[str, Health] = {}

    def start(self) -> None:
        for name in dict.fromkeys(map(self._server, self._specs)):
            if name == self._first or self._keep_s == 0:
                self._seat(name).recogniser.start()

    def stop(self) -> None:
        for seat in self._seats.values():
            seat.recogniser.stop()

    def pids(self) -> list[int]:
        """Of those that are loaded, for those who measure."""
        return [seat.recogniser.pid for seat in tuple(self._seats.values()) if seat.recogniser.pid is not None]

    # Called by the ear.

    def begin(self, turn: Turn, word: str | None = None, lead_ms: int = 0, persona: str = "") -> None:
        seat = self._seat(self._server(persona))
        if self._now is not None and self._now[1] is not seat.recogniser:
            self._now[1].cancel(self._now[0])
        self._now = turn, seat.recogniser
        seat.recogniser.begin(turn, word, lead_ms)

    def feed(self, turn: Turn, pcm: Samples) -> None:
        if self._now:
            self._now[1].feed(turn, pcm)

    def pause(self, turn: Turn) -> None:
        if self._now:
            self._now[1].pause(turn)

    def resume(self, turn: Turn) -> None:
        if self._now:
            self._now[1].resume(turn)

    def finish(self, turn: Turn) -> None:
        if self._now:
            self._now[1].finish(turn)

    def cancel(self, turn: Turn) -> None:
        if self._now:
            self._now[1].cancel(turn)

    def tick(self, mono: float) -> None:
        for name, seat in tuple(self._seats.items()):
            seat.recogniser.tick(mono)
            if seat.recogniser.busy:
                seat.used_at = mono
            elif name != self._first and self._keep_s and mono - seat.used_at > self._keep_s:
                self._release(name)

    def _release(self, name: str) -> None:
        released = self._seats.pop(name).recogniser
        if self._now and self._now[1] is released:
            self._now = None
        # Half a second in which the ear would be deaf, if it waited for it.
        threading.Thread(target=released.stop, name="asr-release", daemon=True).start()
        with self._lock:
            known = self._health.pop(name, None)
            if known is not None:
                self._emit(self._all(known))

    def _server(self, persona: str) -> str:
        """By which name the recogniser is known that serves the persona: the first one's with the same child."""
        spec = self._specs.get(persona, self._specs[""])
        return next(name for name, other in self._specs.items() if other == spec)

    def _seat(self, name: str) -> _Seat:
        now = self._clock().mono
        if name not in self._seats:
            late = name != self._first and self._keep_s > 0
            given = (partial(self._told, name), self._clock, self._on_fatal, self._lazy or late)
            recogniser = Recogniser(self._specs[name], *given, LATE_S if late else LOADING_S)
            self._seats[name] = _Seat(recogniser, now)
        self._seats[name].used_at = now
        return self._seats[name]

    # From any thread.

    def _told(self, name: str, event: Event) -> None:
        if not isinstance(event, Health):
            self._emit(event)
            return
        with self._lock:
            self._health[name] = event
            self._emit(self._all(event))

    def _all(self, newest: Health) -> Health:
        """The health of all, at the moment of the newest."""
        first, others = self._health.get(self._first), [h for name, h in self._health.items() if name != self._first]
        if first is not None and first.status == "failed":
            return Health(newest.at, "asr", "failed", first.reason)
        if any(health.status == "loading" for health in self._health.values()):
            return Health(newest.at, "asr", "loading")
        known = others if first is None else [first, *others]
        lacking = next((health for health in known if health.status in ("failed", "degraded")), None)
        return Health(newest.at, "asr", "degraded", lacking.reason) if lacking else Health(newest.at, "asr", "ok")
