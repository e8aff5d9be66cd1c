"""A circuit breaker: who failed three times in a row is left alone, but for one try every 30 s. Time is an argument."""

from __future__ import annotations

from dataclasses import dataclass

FAILURES = 3
PROBE_S = 30.0


@dataclass(frozen=True, slots=True)
class Circuit:
    """`failures` in a row, the last of them at `failed_at` (monotonic seconds)."""

    failures: int = 0
    failed_at: float = 0.0

    @property
    def is_open(self) -> bool:
        return self.failures >= FAILURES

    def allows(self, now: float) -> bool:
        """Whether to try it at `now`: a closed circuit always, an open one when a probe is due."""
        return not self.is_open or now - self.failed_at >= PROBE_S

    def failed(self, now: float) -> Circuit:
        return Circuit(self.failures + 1, now)

    def succeeded(self) -> Circuit:
        return Circuit()

    def answered_probe(self) -> Circuit:
        """It is there again but has not proved itself: one more failure opens the circuit again."""
        return Circuit(min(self.failures, FAILURES - 1), self.failed_at)
