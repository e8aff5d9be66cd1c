"""The store: settings and receipts survive, faults of the disk are health and not a crash."""

from __future__ import annotations

import json
import os
import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.clock import now
from agent.daemon.store import AlreadyRunning, Store, lock, read_restart, read_settings
from agent.events import Event, Health


@pytest.fixture
def events() -> queue.Queue[Event]:
    return queue.Queue()


@pytest.fixture
def store(tmp_path: Path, events: queue.Queue[Event]) -> Iterator[Store]:
    store = Store(tmp_path, events.put, now, keep_receipts=True)
    store.start()
    yield store
    store.stop()


def test_settings_are_there_after_a_restart(store: Store, tmp_path: Path) -> None:
    store.setting("volume", 30)
    store.setting("mute", True)
    store.stop()
    assert read_settings(tmp_path) == {"volume": 30, "mute": True}


def test_receipts_are_lines(store: Store, tmp_path: Path) -> None:
    store.receipt({"turn": 1, "reply": "größer\nals"})
    store.receipt({"turn": 2})
    store.stop()
    lines = (tmp_path / "turns.jsonl").read_text().splitlines()
    assert [json.loads(line)["turn"] for line in lines] == [1, 2]


def test_no_receipts_where_they_are_not_wanted(tmp_path: Path, events: queue.Queue[Event]) -> None:
    store = Store(tmp_path, events.put, now, keep_receipts=False)
    store.start()
    store.receipt({"turn": 1})
    store.stop()
    assert not (tmp_path / "turns.jsonl").exists()


def test_damaged_settings_are_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"volume": ')
    assert read_settings(tmp_path) == {}
    assert (tmp_path / "settings.corrupt").exists()


def test_a_disk_that_fails_is_reported_and_so_is_its_recovery(
    store: Store, tmp_path: Path, events: queue.Queue[Event]
) -> None:
    obstacle = tmp_path / "settings.json.part"
    obstacle.mkdir()
    store.setting("volume", 30)
    failed = events.get(timeout=5)
    assert isinstance(failed, Health)
    assert (failed.part, failed.status) == ("disk", "failed")
    obstacle.rmdir()
    store.setting("volume", 40)
    recovered = events.get(timeout=5)
    assert isinstance(recovered, Health)
    assert recovered.status == "ok"


def test_receipts_do_not_fill_the_disk(store: Store, tmp_path: Path) -> None:
    (tmp_path / "turns.jsonl").write_bytes(b"x" * (5 << 20))
    store.receipt({"turn": 1})
    store.stop()
    assert (tmp_path / "turns.jsonl").stat().st_size < 100
    assert os.path.getsize(tmp_path / "turns.jsonl.1") == 5 << 20


def test_only_one_daemon_at_a_time(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(AlreadyRunning, match="another voice-agent"):
        lock(tmp_path)
    lock(tmp_path).close()


def test_a_restart_that_was_asked_for_is_remembered_as_long_as_the_clock_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, lambda event: None, now, keep_receipts=False)
    store.start()
    store.restart(12.5)
    store.stop()
    assert read_restart(tmp_path) == 12.5
    (tmp_path / "boot_id").write_text("another boot")
    monkeypatch.setattr("agent.daemon.store.BOOT_ID", tmp_path / "boot_id")
    assert read_restart(tmp_path) is None


def test_a_setting_that_was_taken_back_is_forgotten(tmp_path: Path) -> None:
    store = Store(tmp_path, lambda event: None, now, keep_receipts=False)
    store.start()
    store.setting("silence", 900)
    store.setting("voice", "joe")
    store.setting("silence", None)
    store.setting("never set", None)
    store.stop()
    assert read_settings(tmp_path) == {"voice": "joe"}
