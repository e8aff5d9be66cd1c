"""What has to be known of a Home Assistant before it is asked: which of its devices we are, which assistant to ask.

Pure functions of what its lists say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.thinking.failure import Failure

ANY_LANGUAGE = "*"
AGENT_PREFIX = "conversation."  # of the entities that can be asked by themselves, without an assistant around them


@dataclass(frozen=True, slots=True)
class Device:
    """This device, as Home Assistant knows it. `area`: the id of its room, which makes "the light here" work."""

    id: str
    area: str | None


@dataclass(frozen=True, slots=True)
class Assistant:
    """A pipeline, which is called an assistant where people set it up. `language` may be "*"."""

    id: str
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Assistants:
    every: tuple[Assistant, ...] = ()
    preferred: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """`assistants`: None where there are no pipelines at all."""

    device: Device | None = None
    assistants: Assistants | None = None


def find_device(registry: object, identifier: str) -> Device | None:
    """Our entry in the answer to `config/device_registry/list`."""
    for entry in registry if isinstance(registry, list) else ():
        if isinstance(entry, dict) and _is_ours(entry.get("identifiers"), identifier):
            area = entry.get("area_id")
            return Device(str(entry.get("id")), area if isinstance(area, str) else None)
    return None


def _is_ours(identifiers: object, identifier: str) -> bool:
    return isinstance(identifiers, list) and ["mqtt", identifier] in identifiers


def read_assistants(listing: object) -> Assistants:
    """The answer to `assist_pipeline/pipeline/list`."""
    if not isinstance(listing, dict) or not isinstance(listing.get("pipelines"), list):
        return Assistants()
    every = tuple(_assistant(each) for each in listing["pipelines"] if isinstance(each, dict) and "id" in each)
    return Assistants(every, str(listing.get("preferred_pipeline")))


def _assistant(entry: Mapping[str, Any]) -> Assistant:
    language = str(entry.get("conversation_language") or entry.get("language") or ANY_LANGUAGE)
    if language == ANY_LANGUAGE:
        language = str(entry.get("language") or ANY_LANGUAGE)
    return Assistant(str(entry["id"]), str(entry.get("name", "")), language)


def choose(assistants: Assistants, wanted: str | None, language: str) -> str | None:
    """The pipeline to run; None: the one Home Assistant prefers.

    `wanted`: name or id of an assistant, or the entity of an agent. Not given: the preferred one, if it speaks the
    language, else one that does. Raises Failure where there is no such assistant.
    """
    if wanted is None:
        preferred = [each for each in assistants.every if each.id == assistants.preferred]
        fitting = [each for each in (*preferred, *assistants.every) if _speaks(each, language)]
        return fitting[0].id if fitting else None
    if wanted.startswith(AGENT_PREFIX):
        return wanted  # Home Assistant makes a pipeline of its defaults around it
    for each in assistants.every:
        if wanted == each.id or wanted.casefold() == each.name.casefold():
            return each.id
    names = ", ".join(f'"{each.name}"' for each in assistants.every)
    raise Failure("server_error", f'Home Assistant has no assistant "{wanted}"; it has {names or "none"}')


def _speaks(assistant: Assistant, language: str) -> bool:
    return assistant.language == ANY_LANGUAGE or _tongue(assistant.language) == _tongue(language)


def _tongue(language: str) -> str:
    return language.replace("_", "-").partition("-")[0].lower()
