"""Timers on the disk: what is acknowledged is there after any death, and no fault of the disk is silent.

`VOICE_AGENT_TIMER_KILLS` sets how often the writer is killed (`make nightly`: two hundred times). A kill is not a power
cut: that the card keeps what it says it has kept, no test on one machine can show.
"""

from __future__ import annotations

import os
import queue
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.clock import now
from agent.commands import KeepTimers
from agent.daemon.store import Store
from agent.daemon.timer_store import FILE, Kept, TimerStore, TimerStoreError
from agent.dialogue.state import State
from agent.dialogue.step import step
from agent.dialogue.timerbook import Book
from agent.events import DeadlinePassed, Event, Health, Instant, TimersKept
from agent.timers import MAX_TIMERS, Timer

KILLS = int(os.environ.get("VOICE_AGENT_TIMER_KILLS", "30"))
WRITER = Path(__file__).parent.parent / "children" / "timer_writer.py"
MOMENT = datetime(2026, 11, 26, 12, 0, 0, 250_000, UTC)
AT = Instant(2000.0, MOMENT + timedelta(seconds=400))
COLUMNS = (
    "id", "kind", "name", "message", "due", "due_mono", "seconds", "days", "persona", "set_at", "clock", "boot",
)  # fmt: skip
TEA = Timer("1a", "timer", "tea", 'tea; "🫖"\n', MOMENT, 1234.5, 300, (), "butler", MOMENT)
WORK = Timer("2b", "alarm", "", "", MOMENT + timedelta(days=1), None, 0, (0, 4), "", MOMENT, (6, 45))


def store_in(folder: Path, boot: str = "boot") -> TimerStore:
    return TimerStore(folder, boot, lambda: "stamp")


def test_everything_comes_back(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    assert store.read() == Kept()
    store.write((TEA, WORK))
    store.close()
    assert store_in(tmp_path).read() == Kept((TEA, WORK))
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_in_another_boot_the_monotonic_clock_is_gone(tmp_path: Path) -> None:
    store_in(tmp_path).write((TEA,))
    assert store_in(tmp_path, "next").read() == Kept((replace(TEA, due_mono=None),))
    assert store_in(tmp_path, "").read() == Kept((replace(TEA, due_mono=None),))


def test_it_is_written_so_that_a_commit_survives(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.write((TEA,))
    connection = store._open()
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)


@pytest.mark.parametrize("damage", ["garbage", "page", "short"])
def test_a_damaged_file_is_moved_aside_and_told(tmp_path: Path, damage: str) -> None:
    store = store_in(tmp_path)
    many = tuple(replace(TEA, id=str(n), message="m" * 200) for n in range(MAX_TIMERS))
    store.write(many)
    store.close()
    path = tmp_path / FILE
    whole = path.read_bytes()
    bad = {
        "garbage": b"no database at all " * 300,
        "page": whole[:4096] + b"\xff" * (len(whole) - 4096),
        "short": whole[:-5000],
    }
    path.write_bytes(bad[damage])
    damaged = store_in(tmp_path)
    found = damaged.read()
    assert found.timers == ()
    assert "moved to" in found.flaw
    assert (tmp_path / f"{FILE}.corrupt-stamp").read_bytes() == bad[damage]
    damaged.write((WORK,))
    assert store_in(tmp_path).read() == Kept((WORK,))


def test_a_file_of_a_newer_version_is_kept_for_it(tmp_path: Path) -> None:
    store_in(tmp_path).write((TEA,))
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    assert "newer version" in store_in(tmp_path).read().flaw
    assert (tmp_path / f"{FILE}.newer-stamp").exists()


@pytest.mark.parametrize(
    ("column", "value"),
    [("kind", "bomb"), ("due", "soon"), ("due", "2026-11-26T12:00:00"), ("seconds", -1), ("days", "8"), ("days", "x"),
     ("clock", "25:00"), ("name", "n" * 1000), ("id", ""), ("set_at", "")],
)  # fmt: skip
def test_a_row_that_makes_no_sense_is_left_out_and_told(tmp_path: Path, column: str, value: object) -> None:
    store_in(tmp_path).write((TEA, WORK))
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute(f"UPDATE timers SET {column} = ? WHERE id = '1a'", (value,))
    connection.close()
    found = store_in(tmp_path).read()
    assert found.timers == (WORK,)
    assert "1 timers" in found.flaw


CELL = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(max_size=70), st.binary()
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(set(COLUMNS) - {"id"})), CELL, max_size=3))
def test_whatever_stands_in_a_row_it_is_a_timer_or_none(cells: dict[str, object]) -> None:
    """Written by somebody else, into a table without our types."""
    with tempfile.TemporaryDirectory() as folder:
        store = store_in(Path(folder))
        store.write((TEA,))
        connection = store._open()
        connection.execute("CREATE TABLE loose AS SELECT * FROM timers")
        connection.execute("DROP TABLE timers")
        connection.execute("ALTER TABLE loose RENAME TO timers")
        for column, value in cells.items():
            connection.execute(f"UPDATE timers SET {column} = ?", (value,))
        connection.commit()
        store.close()
        found = store_in(Path(folder)).read()
    assert len(found.timers) + bool(found.flaw) == 1
    for timer in found.timers:
        book = Book((timer,), ahead=AT.wall.timestamp() - AT.mono)
        step(State(book=book), DeadlinePassed(AT))


def test_tables_that_are_not_ours_are_moved_aside(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("CREATE TABLE timers (something TEXT)")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    store = store_in(tmp_path)
    assert "moved to" in store.read().flaw
    store.write((TEA,))
    assert store_in(tmp_path).read() == Kept((TEA,))


def test_damage_while_it_runs_loses_nothing(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.write((TEA,))
    store.close()
    (tmp_path / FILE).write_bytes(b"somebody wrote over it" * 100)
    store.write((TEA, WORK))
    assert store_in(tmp_path).read() == Kept((TEA, WORK))
    assert (tmp_path / f"{FILE}.corrupt-stamp").exists()


def test_a_folder_that_is_away_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    store = store_in(folder)
    with pytest.raises(TimerStoreError, match="timers cannot be written"):
        store.write((TEA,))
    folder.mkdir()
    store.write((TEA,))
    assert store_in(folder).read() == Kept((TEA,))


def test_half_a_surrogate_is_no_reason_to_lose_a_timer(tmp_path: Path) -> None:
    store_in(tmp_path).write((replace(TEA, name="\ud800tea"),))
    assert store_in(tmp_path).read().timers[0].name == "?tea"


@pytest.fixture
def events() -> queue.Queue[Event]:
    return queue.Queue()


@pytest.fixture
def store(tmp_path: Path, events: queue.Queue[Event]) -> Iterator[Store]:
    (tmp_path / FILE).write_bytes(b"this was a database, once " * 200)
    store = Store(tmp_path, events.put, now, keep_receipts=False)
    store.start()
    yield store
    store.stop()


def test_the_store_tells_of_damage_and_of_what_is_kept(store: Store, events: queue.Queue[Event]) -> None:
    degraded = events.get(timeout=5)
    assert isinstance(degraded, Health)
    assert (degraded.part, degraded.status) == ("disk", "degraded")
    assert "timers" in degraded.reason
    store.timers(KeepTimers(7, (TEA,)))
    kept = events.get(timeout=5)
    assert isinstance(kept, TimersKept)
    assert (kept.revision, kept.ok) == (7, True)


def test_a_full_disk_is_told_and_its_end_too(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, WRITER, tmp_path, "full"], capture_output=True, text=True, timeout=60, check=True
    )
    assert child.stdout.splitlines() == ["kept 1", "failed 2", "disk failed", "failed 3", "kept 4", "disk ok"]
    found = store_in(tmp_path).read()
    assert not found.flaw
    assert {timer.name for timer in found.timers} == {"4"}


@pytest.mark.timeout(60 + 10 * KILLS)
def test_no_acknowledged_timer_is_lost_by_a_kill(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(0)
    acknowledged = rows = 0
    for _ in range(KILLS):
        acknowledged, seen = killed(tmp_path, chance.uniform(0.0, 0.4), acknowledged)
        rows += seen
        found = store_in(tmp_path).read()
        assert not found.flaw
        revisions = {int(timer.name) for timer in found.timers}
        assert len(revisions) == 1, "half of one and half of another"
        (revision,) = revisions
        assert revision in (acknowledged, acknowledged + 1), "acknowledged, and not there"
        assert len(found.timers) == revision % MAX_TIMERS + 1
        acknowledged = revision
    record_property("kills", KILLS)
    record_property("acknowledged", rows)
    assert rows >= KILLS, "it was killed before it had written anything"


def killed(folder: Path, after_s: float, last: int) -> tuple[int, int]:
    """One life of the writer, killed so long after its first word; the last acknowledged revision, and how many."""
    with subprocess.Popen([sys.executable, WRITER, folder, "kill"], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        timer = threading.Timer(after_s, child.kill)
        timer.start()
        lines += child.stdout.readlines()
        timer.join()
    whole = [line.split() for line in lines if line.endswith("\n")]
    assert all(word == "kept" for word, _ in whole), lines
    return (int(whole[-1][1]) if whole else last), len(whole)
