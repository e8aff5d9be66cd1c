"""The sections of the user's own actions: what is said, what then goes out on MQTT, and what is answered.

Each value is looked at here; how they fit each other is `agent.config.action_rules`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    Tag,
)

from agent.actions import MAX_FREE, SLOT, Action, Choice, FreeText, Payload, Range, Risk, Scalar, Slot
from agent.config.values import Section

MAX_DEPTH = 6
MAX_NODES = 200
MAX_NUMBER = 10_000
INLINE = re.compile(r"\{([a-z][a-z0-9_]*):([^{}]*)\}")
INLINE_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")

ActionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
SlotName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Sentence = Annotated[str, StringConstraints(min_length=2, max_length=500)]
Sentences = Annotated[tuple[Sentence, ...], Field(min_length=1, max_length=50)]
Said = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\[\](){}<>|]+$")]
Sent = Annotated[str, StringConstraints(max_length=500)] | StrictBool | StrictInt | StrictFloat


def _topic(topic: str) -> str:
    if re.search(r"[+#\x00-\x1f\x7f]", topic):
        raise ValueError('must hold no "+", "#" or control character: a message goes to one topic')
    if topic.startswith("$"):
        raise ValueError('must not begin with "$": these topics belong to the broker')
    return _slotted(topic)


def _slotted(text: str) -> str:
    """Every brace belongs to a slot."""
    if set("{}") & set(SLOT.sub("", text)):
        raise ValueError(
            'has a brace that is no slot such as {room}; JSON is written as a table: payload = { state = "{state}" }'
        )
    return text


def _payload(value: object) -> object:
    """A text, a number, true or false, or a table or list of such, which becomes JSON."""
    if _nodes(value, 0) > MAX_NODES:
        raise ValueError(f"has over {MAX_NODES} values")
    return value


def _nodes(value: object, depth: int) -> int:
    if depth > MAX_DEPTH:
        raise ValueError(f"is nested deeper than {MAX_DEPTH}")
    match value:
        case str():
            if len(value) > 2000:
                raise ValueError("has a text of over 2000 characters")
            _slotted(value)
            return 1
        case bool() | int():
            return 1
        case float() if math.isfinite(value):
            return 1
        case Mapping():
            return 1 + sum(_nodes(each, depth + 1) for each in value.values())
        case list() | tuple():
            return 1 + sum(_nodes(each, depth + 1) for each in value)
        case _:
            raise ValueError("has a value that JSON has not: only texts, numbers, true, false, tables and lists")


def _range(ends: tuple[int, ...]) -> tuple[int, ...]:
    if len(ends) != 2 or not 0 <= ends[0] <= ends[1] <= MAX_NUMBER:
        raise ValueError(f"has to be [from, to], whole numbers from 0 to {MAX_NUMBER}")
    return ends


class NumberSlot(Section):
    range: Annotated[tuple[StrictInt, ...], AfterValidator(_range)] = Field(description="a whole number, [from, to]")


class FreeSlot(Section):
    free_text: Annotated[int, Field(ge=1, le=MAX_FREE)] = Field(
        description="whatever is said, of so many characters at most; only for payloads"
    )


Words = Annotated[tuple[Said, ...], Field(min_length=1, max_length=500)]
Table = Annotated[dict[Said, Sent], Field(min_length=1, max_length=500)]


def _kind(value: object) -> str:
    """What kind of slot a value means, so that an error speaks of that kind alone."""
    match value:
        case {"range": list() | tuple()} | NumberSlot():
            return "number"
        case {"free_text": int()} | FreeSlot():
            return "free"
        case Mapping():
            return "table"
        case _:
            return "words"


SlotSection = Annotated[
    Annotated[NumberSlot, Tag("number")]
    | Annotated[FreeSlot, Tag("free")]
    | Annotated[Words, Tag("words")]
    | Annotated[Table, Tag("table")],
    Discriminator(_kind),
]


class ActionSection(Section):
    """What somebody may say, and what then goes out on MQTT."""

    name: ActionName = Field(description="what it is called, for automations and the language model")
    sentences: Sentences | Annotated[dict[LanguageCode, Sentences], Field(min_length=1)] = Field(
        description='"turn {state:on|off} [the] {room} light": [optional], (one|other), {slot}; or by language: '
        '{ en = ["…"], de = ["…"] }'
    )
    slots: Annotated[dict[SlotName, SlotSection], Field(max_length=16)] = Field(
        {},
        description='{ room = ["kitchen", "bathroom"] }, or what is sent for what is said: { room = { "living room" = '
        '"living_room" } }; { level = { range = [0, 100] } }; { note = { free_text = 100 } }',
    )
    topic: Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_topic)] = Field(
        description='"home/{room}/light/set"'
    )
    payload: Annotated[Any, BeforeValidator(_payload)] = Field(
        description='a text, "{state}", or a table, which is sent as JSON: { state = "{state}", transition = 2 }'
    )
    qos: Literal[0, 1] = Field(1, description="1: the reply waits for the broker's word")
    retain: bool = Field(False, description="the broker keeps it; hardly ever right for a command")
    reply: (
        Annotated[str, StringConstraints(max_length=500), AfterValidator(_slotted)]
        | dict[LanguageCode, Annotated[str, StringConstraints(max_length=500), AfterValidator(_slotted)]]
    ) = Field("", description='"The {room} light is {state}.", or by language; not set: the agent\'s own word for done')
    risk: Risk = Field(
        "confirm", description='of the language model doing it: "safe": at once; "confirm": asked aloud; "never"'
    )
    description: Annotated[str, StringConstraints(max_length=300)] = Field(
        "", description="for the language model; not set: the first sentence"
    )

    @cached_property
    def by_language(self) -> dict[str, tuple[str, ...]]:
        """Language of two letters, "" for all -> its sentences, as they are written."""
        return {"": self.sentences} if isinstance(self.sentences, tuple) else dict(self.sentences)

    @cached_property
    def replies(self) -> dict[str, str]:
        if isinstance(self.reply, str):
            return {"": self.reply} if self.reply else {}
        return dict(self.reply)

    def compiled(self) -> Action:
        """For the rest of the agent. Only of a configuration without problems."""
        plain = {language: tuple(map(outlined, every)) for language, every in self.by_language.items()}
        first = next(iter(plain.values()))[0]
        return Action(
            name=self.name,
            topic=self.topic,
            payload=_thawed(self.payload),
            text=not isinstance(self.payload, Mapping | list | tuple),
            qos=self.qos,
            retain=self.retain,
            slots=self.kinds(),
            sentences=plain,
            replies=self.replies,
            risk=self.risk,
            description=self.description or first,
        )

    def kinds(self) -> dict[str, Slot]:
        """All slots, those that are written into the sentences too. Raises ValueError: "slot: what is wrong"."""
        found = {name: _slot(section) for name, section in self.slots.items()}
        for sentence in (sentence for every in self.by_language.values() for sentence in every):
            for name, written in INLINE.findall(sentence):
                found[name] = _joined(name, found.get(name), _inline(name, written))
        return found


def outlined(sentence: str) -> str:
    """A sentence whose slots are bare names."""
    return INLINE.sub(r"{\1}", sentence)


def _slot(section: NumberSlot | FreeSlot | tuple[str, ...] | dict[str, Scalar]) -> Slot:
    match section:
        case NumberSlot(range=ends):
            return Range(ends[0], ends[1])
        case FreeSlot(free_text=most):
            return FreeText(most)
        case tuple():
            return Choice({said: said for said in section})
        case dict():
            return Choice(section)


def _inline(name: str, written: str) -> Slot:
    if numbers := INLINE_RANGE.fullmatch(written):
        return Range(int(numbers[1]), int(numbers[2]))
    words = [word.strip() for word in written.split("|")]
    if not all(re.fullmatch(r"[^\[\](){}<>|:]{1,60}", word) for word in words):
        raise ValueError(f"{{{name}:…}} has to be words with | between them, or numbers such as 0..100")
    return Choice({word: word for word in words})


def _joined(name: str, one: Slot | None, other: Slot) -> Slot:
    if isinstance(one, Choice) and isinstance(other, Choice):
        return Choice({**other.values, **one.values})
    if one is not None and one != other:
        raise ValueError(f"{name} is of two kinds: give its values in slots, and only {{{name}}} in the sentences")
    return other


def _thawed(payload: Any) -> Payload:
    match payload:
        case Mapping():
            return {str(key): _thawed(value) for key, value in payload.items()}
        case list() | tuple():
            return [_thawed(value) for value in payload]
        case str() | bool() | int() | float():
            return payload
        case _:
            raise TypeError(type(payload).__name__)
