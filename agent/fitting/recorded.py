"""Finding the wake scores that the running service recorded."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from agent.config import Config
from agent.daemon.store import WAKE_SCORES
from agent.fitting.falsewakes import Background, background
from agent.hearing import scores

SERVICE_FOLDER = Path("/var/lib/voice-agent")


def load(config: Config, word: str, chosen: Path | None = None) -> tuple[Background | None, str]:
    """What was recorded for `word` with these settings, or None, and a remark for people ("" where there is none).

    `chosen`: the file to read; else the state folders of the service and of this user are looked into.
    """
    remark = ""
    for path in [chosen] if chosen else _places():
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except PermissionError:
            remark = f"{path} cannot be read: `sudo voice-agent wake tune` takes the recorded scores into account"
            continue
        except (OSError, ValueError):
            remark = f"{path} holds no recorded scores"
            continue
        found = scores.read(document if isinstance(document, dict) else {}).get(word)
        if found and found.setting == scores.setting(config):
            return background(found), ""
        if found:
            remark = f"{path} was recorded with other settings ({found.setting}), and is left out"
    return None, remark


def _places() -> Iterator[Path]:
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "voice-agent"
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    for folder in ([Path(given)] if given else []) + [SERVICE_FOLDER, home]:
        try:
            there = (folder / WAKE_SCORES).is_file()
        except PermissionError:
            there = True  # reading it will say so
        if there:
            yield folder / WAKE_SCORES
