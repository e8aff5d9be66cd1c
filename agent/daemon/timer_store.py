"""Timers on the disk: one table in `timers.sqlite`, written as a whole. What is acknowledged survives a power cut.

Rules:
- WAL with synchronous=FULL: a commit returns when the card says that the bytes are on it. (sqlite.org/pragma.html: with
  NORMAL a power cut may take back what was acknowledged.) `user_version` is the version of the schema.
- Looked over at the start (`quick_check`). A damaged file, or one of a newer version, is moved aside and never deleted;
  the agent begins with an empty one and says so. A row that makes no sense is left out and told.
- A timer that runs is due on the monotonic clock of its boot; in another boot, its wall time is all that is left.
- Whatever fails, the connection is opened anew for the next write: a card that is back needs no restart.

Used by one thread at a time; `read` and `write` raise `TimerStoreError`, whose text is for people.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path
from typing import get_args

from agent.timers import MAX_MESSAGE, MAX_NAME, MAX_SECONDS, MAX_TIMERS, Kind, Timer

FILE = "timers.sqlite"
VERSION = 1
LONGEST_BOOT_S = 1e10
_BESIDE = ("", "-wal", "-shm")  # what sqlite keeps of one database
_COLUMNS = "id, kind, name, message, due, due_mono, seconds, days, persona, set_at, clock, boot"
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS timers (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, message TEXT NOT NULL, due TEXT NOT NULL,
    due_mono REAL, seconds INTEGER NOT NULL, days TEXT NOT NULL, persona TEXT NOT NULL, set_at TEXT NOT NULL,
    clock TEXT NOT NULL, boot TEXT NOT NULL
) STRICT;
PRAGMA user_version = {VERSION};
"""

log = logging.getLogger(__name__)
Row = tuple[str, str, str, str, str, float | None, int, str, str, str, str, str]


class TimerStoreError(Exception):
    """The disk does not take or give what it should."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the disk has. `flaw`: why it may not be all, "" where it is."""

    timers: tuple[Timer, ...] = ()
    flaw: str = ""


class TimerStore:
    """`boot`: names this boot of the machine; `stamp`: of a file that is moved aside, such as "20261126-154500"."""

    def __init__(self, folder: Path, boot: str, stamp: Callable[[], str]) -> None:
        self._path = folder / FILE
        self._boot = boot
        self._stamp = stamp
        self._connection: sqlite3.Connection | None = None

    def read(self) -> Kept:
        """All that is kept. Never raises: what cannot be read is a flaw."""
        if not self._path.exists():
            return Kept()
        try:
            connection = self._open()
            rows = connection.execute(f"SELECT {_COLUMNS} FROM timers LIMIT {MAX_TIMERS}").fetchall()
        except (_Newer, _Damaged) as bad:
            return Kept(flaw=self._move_aside(bad))
        except sqlite3.DatabaseError as error:
            self.close()
            if _is_damage(error):
                return Kept(flaw=self._move_aside(_Damaged(str(error))))
            return Kept(flaw=f"timers cannot be read: {error}")
        timers = tuple(timer for row in rows if (timer := self._timer(row)) is not None)
        lost = len(rows) - len(timers)
        return Kept(timers, f"{lost} timers could not be understood and are lost" if lost else "")

    def write(self, timers: Iterable[Timer]) -> None:
        """Replace all of them; on return they are on the disk. Raises TimerStoreError, and then nothing has changed."""
        rows = [self._row(timer) for timer in timers]
        try:
            self._replace(rows)
        except (_Newer, _Damaged) as bad:
            self._afresh(rows, bad)
        except sqlite3.DatabaseError as error:
            self.close()
            if not _is_damage(error):
                raise TimerStoreError(f"timers cannot be written: {error}") from error
            self._afresh(rows, _Damaged(str(error)))

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _afresh(self, rows: list[Row], bad: _Newer | _Damaged) -> None:
        """Nothing is lost: all there is to keep is in our hands."""
        log.warning("%s", self._move_aside(bad), extra={"code": "timers.moved"})
        try:
            self._replace(rows)
        except (sqlite3.Error, _Newer, _Damaged) as error:
            self.close()
            raise TimerStoreError(f"timers cannot be written: {error}") from error

    def _replace(self, rows: list[Row]) -> None:
        connection = self._open()
        with connection:  # one transaction: committed, or as it was
            connection.execute("DELETE FROM timers")
            marks = ", ".join("?" * len(_COLUMNS.split(",")))
            connection.executemany(f"INSERT INTO timers ({_COLUMNS}) VALUES ({marks})", rows)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self._path, timeout=2.0, check_same_thread=False)
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._path.chmod(0o600)
            self._connection = connection
        return self._connection

    def _move_aside(self, bad: _Newer | _Damaged) -> str:
        """What was done, for people."""
        self.close()
        kind = "newer" if isinstance(bad, _Newer) else "corrupt"
        aside = f"{FILE}.{kind}-{self._stamp()}"
        for suffix in _BESIDE:
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self._path}{suffix}", f"{self._path.with_name(aside)}{suffix}")
        return f"the timers' file is {bad}; it was moved to {aside}, and timers are lost"

    def _row(self, timer: Timer) -> Row:
        clock = "" if timer.clock is None else "{:02}:{:02}".format(*timer.clock)
        days = "".join(str(day) for day in timer.days)
        due, set_at = timer.due.isoformat(), timer.set_at.isoformat()
        said = _clean(timer.name), _clean(timer.message)
        return (
            timer.id, timer.kind, *said, due, timer.due_mono, timer.seconds, days, timer.persona, set_at, clock,
            self._boot,
        )  # fmt: skip

    def _timer(self, row: Row) -> Timer | None:
        try:
            timer = _read(row)
        except (ValueError, TypeError) as error:
            log.warning("a timer in %s makes no sense: %s", self._path, error, extra={"code": "timers.row"})
            return None
        return timer if row[-1] == self._boot and self._boot else replace(timer, due_mono=None)


class _Damaged(Exception):
    def __str__(self) -> str:
        return f"damaged ({super().__str__()})"


class _Newer(Exception):
    def __str__(self) -> str:
        return f"of a newer version ({super().__str__()})"


def _prepare(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check").fetchone()[0]
    if found != "ok":
        raise _Damaged(str(found).splitlines()[0])
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise _Newer(f"{version}, and this program knows {VERSION}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if version < VERSION:
        connection.executescript(_SCHEMA)


def _is_damage(error: sqlite3.Error) -> bool:
    """The file is at fault, and not the disk; an "error" is what sqlite calls tables that are not ours."""
    damage = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in damage


def _clean(text: str) -> str:
    """Half a surrogate pair has no UTF-8."""
    return text.encode(errors="replace").decode()


def _time(clock: str) -> tuple[int, int]:
    shown = time.fromisoformat(clock)
    return shown.hour, shown.minute


def _read(row: Row) -> Timer:
    """Raises ValueError or TypeError where somebody else has written there."""
    identity, kind, name, message, due, due_mono, seconds, days, persona, set_at, clock, _ = row
    if kind not in get_args(Kind) or not identity:
        raise ValueError("no timer and no alarm")
    if len(name) > MAX_NAME or len(message) > MAX_MESSAGE or not 0 <= seconds <= MAX_SECONDS:
        raise ValueError("out of its range")
    repeats = tuple(sorted({int(day) for day in days}))
    if any(day > 6 for day in repeats):
        raise ValueError("no day of the week")
    shown = _time(clock) if clock else None
    moments = datetime.fromisoformat(due), datetime.fromisoformat(set_at)
    if any(moment.tzinfo is None or not 1970 <= moment.year < 2200 for moment in moments):
        raise ValueError("a moment without its zone, or far from now")
    if due_mono is not None and not 0 <= due_mono < LONGEST_BOOT_S:
        raise ValueError("no moment of a boot")
    kept: Kind = "alarm" if kind == "alarm" else "timer"
    return Timer(identity, kept, name, message, moments[0], due_mono, seconds, repeats, persona, moments[1], shown)
