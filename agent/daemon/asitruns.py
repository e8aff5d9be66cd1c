"""The configuration as the service on this device runs it, for commands that only look: with what somebody has set.

Where the settings cannot be read (they are the service's alone), the configuration is the file's, and a remark says so.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import config_file, engines
from agent.config import Config
from agent.daemon.overlay import Overlaid, kept_in, sifted
from agent.daemon.store import SETTINGS, places


@dataclass(frozen=True, slots=True)
class AsItRuns:
    """`file`: the configuration without settings; `source`: where they were found; `remark`: for people, or ""."""

    file: Config
    laid: Overlaid
    source: Path | None = None
    remark: str = ""


def load(path: Path | None) -> AsItRuns:
    """A `path` that somebody names is no service's, and stands for itself; unless the service itself asks.

    Raises ConfigError.
    """
    file = config_file.load(path)
    if path is not None and not os.environ.get("STATE_DIRECTORY"):
        return AsItRuns(file, Overlaid(file, {}))
    source, document, remark = _settings()
    kept = kept_in(document)
    if not kept:
        return AsItRuns(file, Overlaid(file, {}), source, remark)
    laid = sifted(lambda keys: config_file.load(path, {}, keys), kept, _usable)
    return AsItRuns(file, laid, source, remark)


def _usable(config: Config) -> None:
    engines.choose(config)


def _settings() -> tuple[Path | None, dict[str, Any], str]:
    """Where they are, what they are, and why they cannot be told."""
    for path in places(SETTINGS):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except PermissionError:
            return path, {}, f"{path} cannot be read, so settings that were changed at run time do not show: sudo helps"
        except (OSError, ValueError):
            continue
        if isinstance(document, dict):
            return path, document, ""
    return None, {}, ""
