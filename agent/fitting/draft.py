"""The configuration as it grows while somebody answers. Nothing is written before the end.

Secrets that were typed are kept in a folder in memory (/dev/shm), closed to everybody else, where `agent.credentials`
looks first, so that they can be tried out; it is gone with the draft.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from agent import config_file, credentials
from agent.config import Config
from agent.fitting import document
from agent.fitting.document import Key

MEMORY = Path("/dev/shm")
VARIABLE = "CREDENTIALS_DIRECTORY"


@dataclass(slots=True)
class Draft:
    """`with Draft(path) as draft: draft.set("mqtt.host", "broker"); draft.config`. `path`: the file to change."""

    path: Path
    changes: dict[Key, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    _folder: Path | None = None
    _before: str | None = None

    def __enter__(self) -> Draft:
        self._before = os.environ.get(VARIABLE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is None:
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = self._before

    @property
    def new(self) -> bool:
        return not self.path.exists()

    @property
    def config(self) -> Config:
        """With all changes so far. Raises ConfigError."""
        return self.trial({})

    def trial(self, extra: dict[str, Any]) -> Config:
        """With `extra` (dotted keys) besides, which are not kept. Raises ConfigError."""
        overrides = {".".join(key): value for key, value in self.changes.items()}
        return config_file.load(document.NOTHING if self.new else self.path, {**overrides, **extra})

    def set(self, dotted: str, value: Any) -> None:
        """Change a key; what is as it was in the file is no change. None takes the key away."""
        key = tuple(dotted.split("."))
        self.changes.pop(key, None)
        if self._was(key) != value:
            self.changes[key] = value

    def update(self, changes: document.Changes) -> None:
        self.changes.update(changes)

    def _was(self, key: Key) -> Any:
        value: Any = document.load(self.path).model_dump(mode="json")
        for part in key:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def forget(self, section: str) -> None:
        """Let a section be as it is in the file."""
        self.changes = {key: value for key, value in self.changes.items() if key[0] != section}

    def forget_secret(self, name: str) -> None:
        """It was typed for nothing."""
        if self.secrets.pop(name, None) is not None and self._folder:
            (self._folder / name).unlink()

    def keep_secret(self, name: str, text: str) -> None:
        """From now on the credential of that name can be read by this process."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="voice-agent-", dir=MEMORY if MEMORY.is_dir() else None))
            atexit.register(shutil.rmtree, self._folder, ignore_errors=True)  # two signals may come one upon the other
            os.environ[VARIABLE] = str(self._folder)
        (self._folder / name).write_text(text, encoding="utf-8")
        self.secrets[name] = text

    def write_secrets(self) -> list[Path]:
        """Put them where the agent reads them, each for its owner only. Raises OSError."""
        system = credentials.SYSTEM_FOLDER
        folder = system if self.path.parent == system.parent else credentials.user_folder()
        if self.secrets:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return [_write_secret(folder / name, text) for name, text in self.secrets.items()]


def _write_secret(path: Path, text: str) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 from the beginning
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    return path
