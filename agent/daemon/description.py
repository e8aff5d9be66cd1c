"""What the world is told this device is: facts for Home Assistant, and how its models stand to the catalogue.

Looks at the configuration, at what is installed, and at the board; nothing is loaded.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agent import choices, models, personas
from agent.config import Config
from agent.models import Model
from agent.mqtt.entities.entity import Facts

BOARD = Path("/proc/device-tree/model")
CURRENT = "current"
SHOWN = 8  # hexadecimal digits of a checksum
MAX_VERSION = 255


@dataclass(frozen=True, slots=True)
class Description:
    """`models`: {"installed", "latest", "outdated"}, see `stand`."""

    facts: Facts
    models: Mapping[str, Any]


def describe(config: Config) -> Description:
    """Looks into the folder of models."""
    facts = Facts(
        version=version("voice-agent"),
        model=_board(),
        area=config.room.area or "",
        options=choices.options(config).of,
        has_llm=bool(personas.profiles(config)),
        has_button=config.panel.wired.button.pin is not None,
    )
    return Description(facts, stand())


def stand() -> dict[str, Any]:
    """The installed models beside the catalogue: which were installed from other files than it names now.

    `installed` and `latest` are for people, and differ where there is something to do; "current" where there is not. A
    model of which nobody wrote down where it came from counts as current.
    """
    outdated = list(_outdated())
    if not outdated:
        return {"installed": CURRENT, "latest": CURRENT, "outdated": [], "remedy": ""}
    names = [model.name for model, _ in outdated]
    return {
        "installed": ", ".join(f"{model.name} {_short(known)}" for model, known in outdated)[:MAX_VERSION],
        "latest": ", ".join(f"{model.name} {_short(models.sources(model))}" for model, _ in outdated)[:MAX_VERSION],
        "outdated": names,
        "remedy": f"voice-agent models install --force {' '.join(names)}",
    }


def _outdated() -> Iterator[tuple[Model, list[str]]]:
    """With what they were installed from. What comes with a Python package is as new as the package."""
    for model in models.catalogue():
        if not model.bundled and (known := _installed_from(model)) and known != models.sources(model):
            yield model, known


def _installed_from(model: Model) -> list[str]:
    try:
        document = json.loads((models.home(model) / models.MANIFEST).read_text(encoding="utf-8"))
        return [str(source) for source in document["sources"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _short(sources: list[str]) -> str:
    return "+".join(source[:SHOWN] for source in sources)


def _board() -> str:
    """As its device tree calls it, or the kind of machine."""
    try:
        name = BOARD.read_text(encoding="utf-8", errors="replace").rstrip("\0").strip()
    except OSError:
        name = ""
    return name or f"{platform.system()} {platform.machine()}"
