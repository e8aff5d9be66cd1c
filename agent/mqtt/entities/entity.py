"""What all entities have in common: facts of the device go in, entities come out. Nothing here does I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Platform = Literal[
    "binary_sensor", "button", "event", "notify", "number", "select", "sensor", "switch", "text", "update"
]

MAX_NAME = 255  # characters of a state in Home Assistant
MAX_OPTIONS_BYTES = 2900  # of one select, so that all of them leave room in a packet


def offered(names: Iterable[str]) -> list[str]:
    """What a select offers, as Home Assistant can show it, in the order of the alphabet.

    Left out is what it cannot take for a state: "none" (that is no choice), spaces at an end, over 255 characters; and
    what does not fit into the packet, from the end.
    """
    kept: list[str] = []
    room = MAX_OPTIONS_BYTES
    for name in filter(showable, dict.fromkeys(names)):
        room -= len(json.dumps(name, ensure_ascii=False).encode(errors="replace")) + 1
        if room < 0:
            break
        kept.append(name)
    return sorted(kept, key=lambda name: (name.casefold(), name))


def showable(name: str) -> bool:
    """Whether this text can be a state in Home Assistant and comes through its templates as it is."""
    plain = name == name.strip() and name.isprintable() and name.lower() != "none"
    return plain and 0 < len(name) <= MAX_NAME


@dataclass(frozen=True, slots=True)
class Facts:
    """What the device is. `model`: the board it runs on; `area`: the room it stands in, "" where nobody says.

    `options`: the name of a setting -> what it may be, the one in force first. `has_llm`: a language model is in use;
    `has_button`: there is something to press.
    """

    version: str
    model: str = ""
    area: str = ""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    has_llm: bool = False
    has_button: bool = False


@dataclass(frozen=True, slots=True)
class Entity:
    """One component of the device. `fields`: as Home Assistant's MQTT integration names them; "~" is the device's root.

    `exists` False: this device has none, and one that it had is to disappear. `hearing`: it is of no use while the
    agent cannot hear.
    """

    platform: Platform
    fields: Mapping[str, Any]
    exists: bool = True
    hearing: bool = False
