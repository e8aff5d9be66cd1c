"""Bringing a configuration file of an older format up to date, without touching what a person wrote around the values.

Rules:
- A migration is a function from text to text that leads from one `version` to the next; they are applied in a row.
- Lines that no migration is about stay as they are, comments and order included.
- The new file takes the old one's place with one rename, owner and mode kept, and the old one stays as `NAME.bak`.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.config_file import ConfigError, Problem

NEWEST = 1


@dataclass(frozen=True, slots=True)
class Migration:
    """The step to format `to`: `what` it does, for a person, and the text it makes of the older one."""

    to: int
    what: str
    apply: Callable[[str], str]


def _with_version(text: str) -> str:
    """A key without a table has to stand before the first table: on the first line it always does."""
    return f"version = 1\n{text}"


MIGRATIONS = (Migration(1, "the format is written down (version = 1); without it, version 1 was meant", _with_version),)


@dataclass(frozen=True, slots=True)
class Migrated:
    """`text`: the file in the newest format; `changes`: what was done for that, nothing if it was in that format."""

    text: str
    changes: tuple[str, ...]


def migrate(path: Path) -> Migrated:
    """The file at `path` in the newest format; nothing is written. Raises ConfigError."""
    text = _read(path)
    found = _version(text, path)
    steps = [step for step in MIGRATIONS if step.to > found]
    for step in steps:
        text = step.apply(text)
    return Migrated(text, tuple(step.what for step in steps))


def replace(path: Path, text: str) -> Path:
    """Put `text` into the place of the file, which stays beside it; the path of that copy. Raises OSError."""
    path = path.resolve()  # a link stays a link
    backup, new = path.with_name(f"{path.name}.bak"), path.with_name(f".{path.name}.new")
    shutil.copy2(path, backup)
    _own_like(path, backup)
    with new.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        shutil.copymode(path, new)
        _own_like(path, new)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    return backup


def _own_like(path: Path, copy: Path) -> None:
    status = path.stat()
    if os.geteuid() == 0:
        os.chown(copy, status.st_uid, status.st_gid)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(Problem("", f"cannot be read: {error.strerror}", str(path))) from error
    except UnicodeDecodeError:
        raise ConfigError(Problem("", "is not UTF-8 text", str(path))) from None


def _version(text: str, path: Path) -> int:
    """The format the file is in; 0 where it does not say."""
    try:
        version = tomllib.loads(text).get("version", 0)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(Problem("", f"is not TOML: {error}", str(path))) from None
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        raise ConfigError(Problem("version", f"has to be a number from 1 to {NEWEST}", str(path)))
    if version > NEWEST:
        why = f"is {version}, and this program knows {NEWEST}: a newer voice-agent wrote it, which this one cannot undo"
        raise ConfigError(Problem("version", why, str(path)))
    return version
