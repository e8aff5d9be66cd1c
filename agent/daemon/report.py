"""The report of the running service: `health.json` in the runtime folder, for `voice-agent doctor` and for scripts.

    {"at": RFC 3339, "version", "pid", "phase",
     "health": {part: {"status", "reason", "since"}},
     "counters": {"xruns", "lost_periods", "underruns", "mic_restarts", "speaker_restarts"},
     "mic": "device rate format channels", "speaker": the same; "" before it was opened}

It is written where something has changed, as a whole (rename), and removed by a clean stop. The runtime folder is
memory (tmpfs), so the main thread may write there. Nothing in it is personal; the folder decides who reads it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent import version
from agent.clock import Clock
from agent.dialogue.state import State

NAME = "health.json"
MODE = 0o644

log = logging.getLogger(__name__)


def runtime_folder(environment: Mapping[str, str]) -> Path | None:
    """`$RUNTIME_DIRECTORY` (systemd), else `$XDG_RUNTIME_DIR/voice-agent` where that exists, else None."""
    if given := environment.get("RUNTIME_DIRECTORY", "").split(":")[0]:
        return Path(given)
    if base := environment.get("XDG_RUNTIME_DIR"):
        folder = Path(base) / "voice-agent"
        return folder if folder.is_dir() else None
    return None


class Report:
    """Used by one thread. `folder` None: nothing is written anywhere."""

    def __init__(self, folder: Path | None, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._version = version()
        self._written: dict[str, Any] | None = None

    def update(self, state: State, counters: Mapping[str, int], mic: str, speaker: str) -> None:
        """Write where this is not what was written last."""
        health = {
            part: {"status": each.status, "reason": each.reason, "since": each.since.isoformat(timespec="milliseconds")}
            for part, each in state.health.items()
        }
        content = {
            "version": self._version,
            "pid": os.getpid(),
            "phase": state.phase,
            "health": health,
            "counters": dict(counters),
            "mic": mic,
            "speaker": speaker,
        }
        if self._folder is not None and content != self._written:
            self._written = content
            self._write(self._folder, {"at": self._clock().wall.isoformat(timespec="milliseconds"), **content})

    def remove(self) -> None:
        """Nothing runs any more."""
        if self._folder is not None:
            try:
                (self._folder / NAME).unlink(missing_ok=True)
            except OSError as error:
                self._complain(error)

    def _write(self, folder: Path, document: Mapping[str, Any]) -> None:
        part = folder / f"{NAME}.part"
        try:
            part.write_text(json.dumps(document, ensure_ascii=False) + "\n", encoding="utf-8")
            part.chmod(MODE)  # whatever the unit's UMask= says
            part.replace(folder / NAME)
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        text = "the report cannot be written to %s: %s"
        log.warning(text, self._folder, error.strerror, extra={"code": "report"})
