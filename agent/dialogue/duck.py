"""Whether the agent speaks more softly because somebody speaks over it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ducking:
    """`until`: when the reply gets its loudness back, None: it has it (monotonic seconds). `since`: when it lost it.

    `tries`: how often in this turn that led to nothing; `rest_until`: before that moment it stays as loud as it is.
    """

    turn: int = 0
    until: float | None = None
    since: float = 0.0
    tries: int = 0
    rest_until: float = 0.0
