"""What the dialogue knows of timers: which are kept, what is being written, what rings.

Time: `due_mono` of a timer that runs; else its `due`, brought to the monotonic clock by `Book.ahead`, which is renewed
when somebody sets the clock on the wall (`agent.dialogue.ringing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from agent.commands import Scalar, ShowEvent, ShowTimers
from agent.dialogue.origin import Origin
from agent.dialogue.results import Data
from agent.events import Turn
from agent.requests import Intent
from agent.timers import Timer

GONE = -1.0  # no moment


@dataclass(frozen=True, slots=True)
class Keeping:
    """A change that is being written: nobody is told of it before it is on the disk.

    `wanted`: all timers as they will be then; `words`, `data`: the answer; `told`: to the world. `until`: when the disk
    has taken too long (monotonic seconds).
    """

    revision: int
    wanted: tuple[Timer, ...]
    origin: Origin
    until: float
    words: str
    data: Data = field(default_factory=dict)
    told: tuple[ShowEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Ring:
    """A timer that rings, since when (monotonic seconds), and by how much too late it began to (0.0: in time)."""

    timer: Timer
    since: float
    late_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Bell:
    """What rings. `beats`: sounds since the last words; `next_at`: of the next sound or words, None during words."""

    rings: tuple[Ring, ...] = ()
    beats: int = 0
    next_at: float | None = None

    def with_only(self, rings: tuple[Ring, ...]) -> Bell:
        return replace(self, rings=rings) if rings else Bell()


@dataclass(frozen=True, slots=True)
class Book:
    """`timers`: those on the disk, what rings among them; `ahead`: the wall clock's seconds since 1970 at 0.0 of the
    monotonic one. `silenced`: what rang until `silenced_at`, and may be put off. `asking`: what was to be done to which
    timer, while that is being asked.
    """

    timers: tuple[Timer, ...] = ()
    revision: int = 0
    keeping: tuple[Keeping, ...] = ()
    bell: Bell = Bell()
    ahead: float = 0.0
    silenced: tuple[Timer, ...] = ()
    silenced_at: float = 0.0
    asking: Intent | None = None

    @property
    def wanted(self) -> tuple[Timer, ...]:
        """As they will be when all is written."""
        return self.keeping[-1].wanted if self.keeping else self.timers

    @property
    def ringing(self) -> tuple[str, ...]:
        return tuple(ring.timer.id for ring in self.bell.rings)

    @property
    def waiting(self) -> tuple[Timer, ...]:
        """Those that do not ring yet."""
        return tuple(timer for timer in self.timers if timer.id not in self.ringing)

    def due(self, timer: Timer) -> float:
        """Monotonic seconds."""
        return timer.due.timestamp() - self.ahead if timer.due_mono is None else timer.due_mono

    def altered(self, changed: Mapping[str, Timer | None]) -> Book:
        """With other timers in the place of these ids, None: gone; also in what is being written."""
        keeping = tuple(replace(each, wanted=_altered(each.wanted, changed)) for each in self.keeping)
        return replace(self, timers=_altered(self.timers, changed), keeping=keeping)

    def written(self, keeping: Keeping) -> Book:
        """With these on the disk. What became due while they were written, and is gone or put off now, is quiet."""
        kept = {timer.id: timer.due_mono for timer in keeping.wanted}
        rings = tuple(ring for ring in self.bell.rings if kept.get(ring.timer.id, GONE) == ring.timer.due_mono)
        left = tuple(each for each in self.keeping if each.revision > keeping.revision)
        return replace(self, timers=keeping.wanted, keeping=left, bell=self.bell.with_only(rings))

    def shown(self) -> ShowTimers:
        return ShowTimers(tuple(sorted(self.timers, key=self.due)), self.ringing)


def _altered(timers: Iterable[Timer], changed: Mapping[str, Timer | None]) -> tuple[Timer, ...]:
    those = (changed.get(timer.id, timer) for timer in timers)
    return tuple(timer for timer in those if timer is not None)


def happened(timer: Timer, action: str, turn: Turn | None = None, **more: Scalar) -> ShowEvent:
    """The event "timer"."""
    data: dict[str, Scalar] = {
        "action": action,
        "timer": timer.id,
        "kind": timer.kind,
        "name": timer.name,
        "message": timer.message,
        "due": timer.due.isoformat(timespec="seconds"),
    }
    return ShowEvent("timer", turn, {**data, **more})


def described(timer: Timer) -> dict[str, Scalar]:
    """A timer in the result of a command."""
    return {key: value for key, value in happened(timer, "").data.items() if key != "action"}
