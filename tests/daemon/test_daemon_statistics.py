"""Figures for people: counted from receipts, told seldom, not lost by a restart."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.daemon.statistics import PERIOD_S, Statistics, begun
from agent.events import Instant

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
COUNTERS = {"xruns": 0}


def at(seconds: float) -> Instant:
    return Instant(100.0 + seconds, NOON + timedelta(seconds=seconds))


def test_what_has_changed_is_told_but_not_all_the_time() -> None:
    statistics = Statistics("2026-03-04")
    assert statistics.due(COUNTERS, at(0)) == {"xruns": 0, "wakes_today": 0, "ttfa_ms": None}
    assert statistics.due(COUNTERS, at(PERIOD_S)) is None
    statistics.ended({"word": "hey_jarvis", "ttfa_ms": 812}, at(PERIOD_S))
    assert statistics.due(COUNTERS, at(PERIOD_S)) == {"xruns": 0, "wakes_today": 1, "ttfa_ms": 812}
    assert statistics.due({"xruns": 1}, at(PERIOD_S + 1)) is None
    assert statistics.due({"xruns": 1}, at(2 * PERIOD_S)) == {"xruns": 1, "wakes_today": 1, "ttfa_ms": 812}


def test_a_silent_turn_keeps_the_last_time_and_one_without_a_wake_word_is_no_wake() -> None:
    statistics = Statistics("2026-03-04", wakes=3)
    statistics.ended({"word": None, "ttfa_ms": 500}, at(0))
    statistics.ended({"word": "alexa", "ttfa_ms": None}, at(1))
    assert statistics.figures({}, at(2)) == {"wakes_today": 4, "ttfa_ms": 500}


def test_a_new_day_begins_with_none() -> None:
    statistics = Statistics("2026-03-04", wakes=3)
    assert statistics.figures({}, at(12 * 3600))["wakes_today"] == 0
    statistics.ended({"word": "alexa"}, at(12 * 3600))
    assert statistics.figures({}, at(12 * 3600))["wakes_today"] == 1


def test_wakes_of_before_a_restart_are_found_in_the_receipts(tmp_path: Path) -> None:
    receipts = [
        {"at": "2026-03-03T23:59:59+00:00", "word": "alexa"},
        {"at": "2026-03-04T01:00:00+00:00", "word": "alexa"},
        {"at": "2026-03-04T02:00:00+00:00", "word": None},
        {"at": "2026-03-04T03:00:00+00:00", "word": "hey_jarvis"},
        {"at": "2026-03-03T03:00:00+00:00", "word": "alexa", "transcript": "what was on 2026-03-04"},
    ]
    lines = [json.dumps(receipt) for receipt in receipts]
    (tmp_path / "turns.jsonl").write_text("\n".join([*lines, '{"at": "2026-03-04', "[2026-03-04]", "2026"]))
    assert begun(tmp_path, at(0)).figures({}, at(0))["wakes_today"] == 2
    assert begun(tmp_path / "none", at(0)).figures({}, at(0))["wakes_today"] == 0
