"""Changing a configuration file: comments and order stay, the result is checked before it replaces the old one.

Rules:
- A change is a key (its parts) and a value; what is not named stays as it is.
- Nothing is trusted: the new text has to read back as the old values with the changes, and as a valid configuration.
- The old file is kept beside it as `….bak`, the new one comes into place with one rename, synced to the disk.
"""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array

from agent import config_file
from agent.config import Config

Key = tuple[str, ...]
Changes = Mapping[Key, Any]

BEGINNING = "# Configuration of voice-agent. `voice-agent config --example` shows every key.\n\nversion = 1\n"
NOTHING = Path("/dev/null")  # a configuration file without a key
MODE = 0o644  # secrets are in credentials, never here


class NotWritable(Exception):
    """str() says which file cannot be written and what helps."""


def target(chosen: Path | None) -> Path:
    """The file to change: the chosen one, that which is read now, or, where there is none, root's or the user's."""
    if chosen:
        return chosen
    system, user = config_file.default_paths()
    existing = next((path for path in (system, user) if path.exists()), None)
    return existing or (system if os.geteuid() == 0 else user)


def check_writable(path: Path) -> None:
    """Raises NotWritable. Makes nothing."""
    path = path.resolve()
    folder = next(each for each in (path.parent, *path.parent.parents) if each.exists())
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise NotWritable(f"{path} cannot be written; sudo can, or name another with --config")


def read(path: Path) -> str:
    """The text of the file, or the beginning of a new one."""
    return path.read_text(encoding="utf-8-sig") if path.exists() else BEGINNING


def load(path: Path) -> Config:
    """The configuration in the file, or of none. Raises ConfigError."""
    return config_file.load(path if path.exists() else NOTHING)


def changed(text: str, changes: Changes) -> str:
    """`text` with the changes. Raises NotWritable where its layout defeats us."""
    expected = tomllib.loads(text)
    try:
        for key, value in changes.items():
            _put(expected, key, copy.deepcopy(value))
        document = tomlkit.parse(text)
        for key, value in changes.items():
            _set(document, key, value)
        new = tomlkit.dumps(document)
        understood = _filled(tomllib.loads(new)) == _filled(expected)
    except (TOMLKitError, tomllib.TOMLDecodeError, TypeError, AttributeError):
        understood = False
    if not understood:
        lines = tomlkit.dumps(nested(changes))
        raise NotWritable(
            f"the file is laid out in a way that cannot be changed safely; put into it yourself:\n{lines}"
        )
    return new


def nested(changes: Changes) -> dict[str, Any]:
    """The changes as tables within tables."""
    tables: dict[str, Any] = {}
    for key, value in changes.items():
        _put(tables, key, value)
    return tables


def replace(path: Path, text: str) -> Path | None:
    """Put `text` into place of the file; the backup of the old one, if there was one. A link stays a link.

    Raises ConfigError where it is no valid configuration, OSError.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        config_file.load(draft)
        backup = _keep(path, draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync(path.parent)
    return backup


def _keep(path: Path, draft: Path) -> Path | None:
    """Back the old file up, and give the new one its owner and mode."""
    if not path.exists():
        draft.chmod(MODE)
        return None
    status = path.stat()
    draft.chmod(stat.S_IMODE(status.st_mode))
    if os.geteuid() == 0:
        os.chown(draft, status.st_uid, status.st_gid)
    backup = path.with_name(f"{path.name}.bak")
    shutil.copy2(path, backup)
    return backup


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put(tables: dict[str, Any], key: Key, value: Any) -> None:
    for part in key[:-1]:
        if value is None and part not in tables:
            return
        tables = tables.setdefault(part, {})
    if value is None:
        tables.pop(key[-1], None)
    else:
        tables[key[-1]] = value


def _filled(table: dict[str, Any]) -> dict[str, Any]:
    """Without empty tables, which mean nothing."""
    inner = {key: _filled(value) if isinstance(value, dict) else value for key, value in table.items()}
    return {key: value for key, value in inner.items() if value != {}}


def _set(table: Any, key: Key, value: Any) -> None:
    for depth, part in enumerate(key[:-1], 1):
        if part not in table:
            if value is None:
                return
            table.add(part, tomlkit.table(is_super_table=depth < len(key) - 1))
        table = table[part]
    name = key[-1]
    if value is None:
        if name in table:
            table.remove(name)
    elif isinstance(table.get(name), AoT | Array) and _alike(table[name], value):
        for old, new in zip(table[name], value, strict=True):
            old.update({field: each for field, each in new.items() if old.get(field) != each})
    else:
        table[name] = value


def _alike(old: Any, new: Any) -> bool:
    """Whether two lists of tables differ in a way that each table can take in place."""
    return len(old) == len(new) and all(
        isinstance(one, Mapping) and isinstance(other, Mapping) and set(one) <= set(other)
        for one, other in zip(old, new, strict=True)
    )
