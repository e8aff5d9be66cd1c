"""The clock knows the rules of its zone, whatever the system says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import TZPATH

import pytest

from agent import clock

SUMMER, WINTER = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
FILES = next((Path(folder) for folder in TZPATH if (Path(folder) / "Europe/Berlin").exists()), None)


def offsets() -> tuple[timedelta | None, timedelta | None]:
    zone = clock.zone()
    return SUMMER.astimezone(zone).utcoffset(), WINTER.astimezone(zone).utcoffset()


def test_a_named_zone_changes_between_summer_and_winter(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Europe/Berlin", ":Europe/Berlin"):
        monkeypatch.setenv("TZ", name)
        assert offsets() == (timedelta(hours=2), timedelta(hours=1))
        assert clock.now().wall.tzinfo is clock.zone()


@pytest.mark.parametrize("name", ["Nowhere/City", "../../etc/passwd", "CET-1CEST", "\x01", "a" * 5000])
def test_what_is_no_zone_leaves_the_present_offset(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TZ", name)
    assert clock.zone() is None
    assert clock.now().wall.utcoffset() is not None


@pytest.mark.skipif(FILES is None, reason="this system has no zone files")
def test_a_zone_that_is_changed_is_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert FILES is not None
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(clock, "LOCALTIME", tmp_path / "localtime")
    assert clock.zone() is None
    (tmp_path / "localtime").symlink_to(FILES / "Europe/Berlin")
    assert offsets() == (timedelta(hours=2), timedelta(hours=1))
    assert clock.zone() is clock.zone(), "and only then"
    (tmp_path / "localtime").unlink()
    (tmp_path / "localtime").symlink_to(FILES / "Asia/Seoul")
    assert offsets() == (timedelta(hours=9), timedelta(hours=9))
    (tmp_path / "localtime").unlink()
    (tmp_path / "localtime").write_bytes(b"no zone at all")
    assert clock.zone() is None
