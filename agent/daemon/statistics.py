"""Figures for people who look now and then: faults of the sound, wakes of today, how fast the last answer came.

Said when they have changed, at most every `PERIOD_S`. Wakes are counted in the receipts, so those of before a restart
are found in `turns.jsonl`; where no receipts are kept, the count begins anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agent.events import Instant

PERIOD_S = 10.0
Figures = Mapping[str, int | None]


class Statistics:
    """For one thread. `wakes`: of the day `today` ("2026-11-26") so far."""

    def __init__(self, today: str, wakes: int = 0) -> None:
        self._today = today
        self._wakes = wakes
        self._ttfa_ms: int | None = None
        self._told: Figures | None = None
        self._told_at = float("-inf")

    def ended(self, receipt: Mapping[str, Any], now: Instant) -> None:
        """A turn is over. One in which nothing was said leaves the last time to first audio as it was."""
        self._turn_page(now)
        self._wakes += receipt.get("word") is not None
        if (took := receipt.get("ttfa_ms")) is not None:
            self._ttfa_ms = int(took)

    def figures(self, counters: Mapping[str, int], now: Instant) -> dict[str, int | None]:
        self._turn_page(now)
        return {**counters, "wakes_today": self._wakes, "ttfa_ms": self._ttfa_ms}

    def due(self, counters: Mapping[str, int], now: Instant) -> Figures | None:
        """What is to be said now."""
        figures = self.figures(counters, now)
        if figures == self._told or now.mono - self._told_at < PERIOD_S:
            return None
        self._told, self._told_at = figures, now.mono
        return figures

    def _turn_page(self, now: Instant) -> None:
        today = now.wall.date().isoformat()
        if today != self._today:
            self._today, self._wakes = today, 0


def begun(folder: Path, now: Instant) -> Statistics:
    """At the start of the process; `folder` is that of the state."""
    today = now.wall.date().isoformat()
    return Statistics(today, wakes_of(today, folder / "turns.jsonl"))


def wakes_of(today: str, receipts: Path) -> int:
    """How many turns of this day a wake word began, by the receipts kept; 0 where there are none."""
    try:
        with receipts.open(encoding="utf-8", errors="replace") as lines:
            return sum(_woken(line, today) for line in _of(today, lines))
    except OSError:
        return 0


def _of(today: str, lines: Iterable[str]) -> Iterable[str]:
    """Lines that name the day, so that not all of 4 MB is parsed."""
    return (line for line in lines if today in line)


def _woken(line: str, today: str) -> bool:
    try:
        receipt = json.loads(line)
    except ValueError:
        return False
    return (
        isinstance(receipt, dict) and str(receipt.get("at", "")).startswith(today) and receipt.get("word") is not None
    )
