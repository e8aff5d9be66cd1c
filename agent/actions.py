"""The vocabulary of the user's own actions: what is said, and what it becomes on MQTT. Pure, and made from the
configuration (`agent.config.actions`), which has checked it.

A template holds slots: "home/{room}/light/set". What people say fills them ("living room"), and of that the
configuration makes what machines read ("living_room"); the reply repeats what was said. So nothing that was said gets
into a topic, and into a payload only where a slot is declared as free text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Scalar = str | int | float | bool
Payload = Scalar | list["Payload"] | dict[str, "Payload"]
Risk = Literal["safe", "confirm", "never"]

INTENT = "action"  # its slots: the action's name as "action", and what was said
SLOT = re.compile(r"\{([a-z][a-z0-9_]*)\}")
MAX_SLOTS = 16
MAX_FREE = 200  # characters


class Unfit(ValueError):
    """An action cannot be done with these slots. str(): why, without what was said."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words: what is said -> what is sent."""

    values: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Range:
    """A whole number, both ends included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class FreeText:
    """Whatever is said."""

    max_chars: int


Slot = Choice | Range | FreeText


@dataclass(frozen=True, slots=True)
class Action:
    """`sentences`, `replies`: by language of two letters, "" for all; no reply: the agent's own word for "done".

    `text`: the payload is a text; else it becomes JSON. `description`: for the language model.
    """

    name: str
    topic: str
    payload: Payload
    text: bool = True
    qos: int = 1
    retain: bool = False
    slots: Mapping[str, Slot] = field(default_factory=dict)
    sentences: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    replies: Mapping[str, str] = field(default_factory=dict)
    risk: Risk = "confirm"
    description: str = ""

    def message(self, said: Mapping[str, str | int]) -> tuple[str, bytes]:
        """Topic and payload. Raises Unfit."""
        values = self.values(said)
        payload = _filled(self.payload, values)
        return _text(self.topic, values), _encoded(payload, self.text)

    def reply(self, language: str, said: Mapping[str, str | int]) -> str:
        """What is said when it is done; "" where nothing is configured."""
        template = self.replies.get(language[:2], self.replies.get("", ""))
        return _text(template, {name: str(said[name]) for name in used(template) if name in said})

    def values(self, said: Mapping[str, str | int]) -> dict[str, Scalar]:
        """What is sent for what was said. Raises Unfit."""
        return {name: _value(name, slot, said[name]) for name, slot in self.slots.items() if name in said}

    def needed(self) -> frozenset[str]:
        """The slots without which nothing can be sent."""
        return frozenset((*used(self.topic), *used(self.payload)))


def used(template: Payload) -> Iterator[str]:
    """The slots of a template, in any depth."""
    match template:
        case str():
            yield from SLOT.findall(template)
        case dict():
            for value in template.values():
                yield from used(value)
        case list():
            for value in template:
                yield from used(value)
        case _:
            return


def _value(name: str, slot: Slot, said: str | int) -> Scalar:
    match slot:
        case Choice(values=values) if str(said) in values:
            return values[str(said)]
        case Range(low=low, high=high) if type(said) is int and low <= said <= high:
            return said
        case FreeText(max_chars=most) if isinstance(said, str) and len(said) <= most and said.isprintable():
            return said
        case _:
            raise Unfit(f"{name} is not one of its values")


def _filled(template: Payload, values: Mapping[str, Scalar]) -> Payload:
    match template:
        case str():
            alone = SLOT.fullmatch(template)
            return _at(values, alone[1]) if alone else _text(template, values)
        case dict():
            return {key: _filled(value, values) for key, value in template.items()}
        case list():
            return [_filled(value, values) for value in template]
        case _:
            return template


def _text(template: str, values: Mapping[str, Scalar]) -> str:
    return SLOT.sub(lambda found: _plain(_at(values, found[1])), template)


def _at(values: Mapping[str, Scalar], name: str) -> Scalar:
    if name not in values:
        raise Unfit(f"{name} was not said")
    return values[name]


def _plain(value: Scalar) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _encoded(payload: Payload, text: bool) -> bytes:
    if text and not isinstance(payload, dict | list):
        return _plain(payload).encode(errors="replace")
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
