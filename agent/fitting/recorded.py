"""Finding the wake scores that the running service recorded."""

from __future__ import annotations

import json
from pathlib import Path

from agent.config import Config
from agent.daemon.store import WAKE_SCORES, places
from agent.fitting.falsewakes import Background, background
from agent.hearing import scores


def load(config: Config, word: str, chosen: Path | None = None) -> tuple[Background | None, str]:
    """What was recorded for `word` with these settings, or None, and a remark for people ("" where there is none).

    `chosen`: the file to read; else the state folders of the service and of this user are looked into.
    """
    remark = ""
    for path in [chosen] if chosen else places(WAKE_SCORES):
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
