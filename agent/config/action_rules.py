"""How the parts of `[[actions]]` fit each other: every problem at once, each with its key.

Only values that the configuration names get into a topic, and none of them may change where the topic leads. What
would be ambiguous is refused: a sentence that leaves open what has to be sent, a slot that nothing fills.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, get_args

from agent.actions import SLOT, Choice, FreeText, Payload, Range, Slot, used
from agent.config.actions import MAX_NUMBER, ActionSection, outlined
from agent.config.tools import OwnTool
from agent.identity import device_name

if TYPE_CHECKING:
    from agent.config import Config

MOST = 1000
RESERVED = frozenset({"action", "name", "persona", "turn", "at"})  # what else stands in event/intent
MOST_OFFERED = 32  # to the language model, which reads all of them with every question

Key = tuple[str | int, ...]
Problem = tuple[Key, str]


def problems(config: Config) -> Iterator[Problem]:
    """Key and message of everything that is wrong with the actions as a whole."""
    if len(config.actions) > MOST:
        yield ("actions",), f"there may be {MOST} at most"
    offered = [section for section in config.actions if section.risk != "never"]
    if config.tools.actions and len(offered) > MOST_OFFERED:
        yield ("tools", "actions"), f'offers {len(offered)}, and {MOST_OFFERED} at most: give others risk = "never"'
    names: dict[str, int] = {}
    root = f"{config.mqtt.base}/{device_name(config.mqtt.device)}"
    for index, section in enumerate(config.actions):
        at: Key = ("actions", index)
        if section.name in names:
            yield (*at, "name"), f'"{section.name}" is the name of actions[{names[section.name]}] already'
        if section.name in get_args(OwnTool):
            yield (*at, "name"), "is the name of a tool of the agent's own: choose another"
        names.setdefault(section.name, index)
        yield from ((at + key, message) for key, message in _action(section, root))


def warnings(config: Config) -> Iterator[str]:
    if config.actions and not config.mqtt.enabled:
        yield "actions: they go out over MQTT, which is switched off (mqtt.enabled)"
    for index, section in enumerate(config.actions):
        if section.retain:
            yield f"actions[{index}].retain: whoever connects to the broker later is told to do it once more"


def _action(section: ActionSection, root: str) -> Iterator[Problem]:
    try:
        kinds = section.kinds()
    except ValueError as error:
        yield ("sentences",), str(error)
        return
    yield from _slots(kinds)
    yield from _topic(section.topic, kinds, root)
    yield from _payload(section.payload, kinds)
    for language, reply in section.replies.items():
        key: Key = ("reply", language) if language else ("reply",)
        yield from _known(key, reply, kinds)
    for language, sentences in section.by_language.items():
        for index, sentence in enumerate(sentences):
            key = ("sentences", language, index) if language else ("sentences", index)
            yield from ((key, message) for message in _sentence(section, outlined(sentence), kinds, language))


def _slots(kinds: Mapping[str, Slot]) -> Iterator[Problem]:
    for name, slot in kinds.items():
        key: Key = ("slots", name)
        if name in RESERVED:
            yield key, f'"{name}" means something else in event/intent: choose another name'
        if isinstance(slot, Range) and not slot.low <= slot.high <= MAX_NUMBER:
            yield key, f"has to go from the smaller number to the larger one, {MAX_NUMBER} at most"


def _topic(topic: str, kinds: Mapping[str, Slot], root: str) -> Iterator[Problem]:
    yield from _known(("topic",), topic, kinds)
    for name in dict.fromkeys(used(topic)):
        slot = kinds.get(name)
        if isinstance(slot, FreeText):
            yield ("topic",), f"{{{name}}} is free text, which never gets into a topic; list its values in slots.{name}"
        elif isinstance(slot, Choice):
            bad = [said for said, sent in slot.values.items() if not _level(sent)]
            if bad:
                yield (
                    ("slots", name),
                    f'stands in the topic, where "{bad[0]}" would change where it leads: a value is one level, without '
                    f'"/", "+", "#"; write {{ "{bad[0]}" = "…" }} to send another word',
                )
    if _leads_to(topic, kinds, root):
        yield ("topic",), f"leads to {root}, which is this device's own: there is nothing to do there for an action"


def _level(sent: object) -> bool:
    return not isinstance(sent, float) and re.fullmatch(r"[^/+#\x00-\x1f\x7f]{1,200}", str(sent)) is not None


def _leads_to(topic: str, kinds: Mapping[str, Slot], root: str) -> bool:
    """Whether the topic can come to stand at or below `root`."""
    levels, ours = topic.split("/"), root.split("/")
    return len(levels) >= len(ours) and all(_may_be(level, own, kinds) for level, own in zip(levels, ours))  # noqa: B905


def _may_be(level: str, word: str, kinds: Mapping[str, Slot]) -> bool:
    pattern = "".join(
        _pattern(kinds.get(part)) if index % 2 else re.escape(part) for index, part in enumerate(SLOT.split(level))
    )
    return re.fullmatch(pattern, word) is not None


def _pattern(slot: Slot | None) -> str:
    match slot:
        case Choice(values=values):
            return f"(?:{'|'.join(re.escape(str(sent)) for sent in values.values())})"
        case Range():
            return r"\d+"
        case _:
            return ".*"


def _payload(payload: Payload, kinds: Mapping[str, Slot]) -> Iterator[Problem]:
    yield from _known(("payload",), payload, kinds)
    if not isinstance(payload, str) or SLOT.fullmatch(payload):
        return
    for name in used(payload):
        if isinstance(kinds.get(name), FreeText):
            remedy = f'payload = "{{{name}}}" for the words alone, or a table, which is sent as JSON'
            yield ("payload",), f"{{{name}}} is free text, which could become more than a text within another: {remedy}"


def _known(key: Key, template: Payload, kinds: Mapping[str, Slot]) -> Iterator[Problem]:
    for name in dict.fromkeys(used(template)):
        if name not in kinds:
            near = get_close_matches(name, kinds, 1, 0.5)
            hint = (
                f'; did you mean "{near[0]}"?' if near else f": add it to slots, or write {{{name}:…|…}} in a sentence"
            )
            yield key, f"there is no slot {{{name}}}{hint}"


def _sentence(section: ActionSection, sentence: str, kinds: Mapping[str, Slot], language: str) -> Iterator[str]:
    from agent.config.sentences import Unreadable, always_said, said_at_all  # hassil takes 0.3 s

    try:
        always, ever = always_said(sentence), said_at_all(sentence)
    except Unreadable as error:
        yield str(error)
        return
    for name in ever - kinds.keys():
        near = get_close_matches(name, kinds, 1, 0.5)
        hint = f'; did you mean "{near[0]}"?' if near else f": add it to slots, or write {{{name}:on|off}}"
        yield f"there is no slot {{{name}}}{hint}"
    replies = section.replies
    reply = replies.get(language, replies.get("", "")) if language else "".join(replies.values())
    needed = set(used(section.topic)) | set(used(section.payload)) | set(used(reply))
    missing = sorted((needed & kinds.keys()) - always)
    if missing:
        yield f"leaves open what {{{missing[0]}}} is, which topic, payload or reply need: it has to be said always"
