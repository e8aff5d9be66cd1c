"""How often: tokens for what comes in, pauses between attempts to connect, and saying a thing not more than once.

Pure: the time is an argument (monotonic seconds), chance is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

FaultKind = Literal["unreachable", "refused", "taken_over"]


class TokenBucket:
    """At most `burst` at once and `rate_hz` in the long run."""

    def __init__(self, rate_hz: float, burst: int) -> None:
        self._rate_hz = rate_hz
        self._burst = burst
        self._tokens = float(burst)
        self._at: float | None = None

    def take(self, now: float) -> bool:
        elapsed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self._tokens = min(float(self._burst), self._tokens + elapsed * self._rate_hz)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds (first, longest) between two attempts to connect; they double in between.

    A broker that cannot be reached may be back any moment, and asking costs next to nothing. One that refuses us
    changes its mind only when somebody acts. After another client took our session over, an immediate return would
    evict it in its turn, for ever.
    """

    unreachable_s: tuple[float, float] = (0.25, 4.0)
    refused_s: tuple[float, float] = (1.0, 60.0)
    taken_over_s: tuple[float, float] = (60.0, 60.0)


@dataclass(slots=True)
class Retry:
    """The pause after each failure, with jitter so that a house full of devices does not return in step.

    `random` gives numbers in [0, 1).
    """

    pauses: Pauses
    random: Callable[[], float]
    _failures: int = field(default=0, init=False)

    def after(self, kind: FaultKind) -> float:
        match kind:
            case "unreachable":
                first, longest = self.pauses.unreachable_s
            case "refused":
                first, longest = self.pauses.refused_s
            case "taken_over":
                # Never earlier than promised: the jitter comes on top.
                return self.pauses.taken_over_s[0] * (1.0 + 0.2 * self.random())
        pause = min(longest, first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return pause * (0.5 + 0.5 * self.random())

    def succeeded(self) -> None:
        self._failures = 0


class Seldom:
    """Whether a thing may be said (again): not within `period_s` of the last time, by key."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._said: dict[str, float] = {}

    def may(self, key: str, now: float) -> bool:
        last = self._said.get(key)
        if last is not None and now - last < self._period_s:
            return False
        self._said[key] = now
        return True
