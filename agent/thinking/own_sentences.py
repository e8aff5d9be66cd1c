"""The sentences of the user's own `[[actions]]`, loaded beside those of a language.

All of them are one intent for hassil, whose cost is mostly for intents: a sentence that fits none of a thousand takes
milliseconds. Which action it was is told by the sentence. The intent is "action", its slots are the action's name and
what was said; what is sent for that is the dialogue's business (`agent.actions`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from agent import actions
from agent.actions import INTENT, Action, Choice, FreeText, Range
from agent.requests import Intent
from agent.thinking.slots import Slot

if TYPE_CHECKING:
    from agent.thinking.templates import Templates

SAMPLES, SAMPLED_VALUES = 16, 2  # of a sentence, of a slot


class OwnSentences:
    """`templates`: of the language, which also say how a text is made plain."""

    def __init__(self, templates: Templates, own_actions: Iterable[Action]) -> None:
        from hassil import Intents as Parsed

        self._templates = templates
        lists: dict[str, Any] = {}
        self._owners: dict[str, Action] = {}  # by sentence, as hassil knows it
        for number, action in enumerate(own_actions):
            if own := list(self._spoken(action)):
                lists |= {f"a{number}_{name}": self._list(slot) for name, slot in action.slots.items()}
                for each in own:
                    self._owners.setdefault(actions.SLOT.sub(rf"{{a{number}_\1}}", each), action)
        document = {
            "language": templates.document["language"],
            "intents": {INTENT: {"data": [{"sentences": list(self._owners)}]}},
            "lists": lists,
        }
        self._sentences = Parsed.from_dict(document) if self._owners else None

    def match(self, candidate: str) -> Intent | None:
        """`candidate` is a plain text. Of several ways to take it, the one that leaves the least to free text."""
        if self._sentences is None:
            return None
        best: tuple[int, Intent] | None = None
        for _, slots, sentence in self._templates.fits(candidate, self._sentences):
            found = self._intent(self._owners[sentence], slots, candidate)
            if found is not None and (best is None or found[0] < best[0]):
                best = found
            if best is not None and not best[0]:
                break
        return best[1] if best is not None else None

    def samples(self) -> Iterator[tuple[Action, str]]:
        """Some ways to say each sentence."""
        from hassil.intents import RangeSlotList, SlotList, TextSlotList
        from hassil.sample import sample_sentence

        if self._sentences is None:
            return
        few: dict[str, SlotList] = {}
        for name, values in self._sentences.slot_lists.items():
            if isinstance(values, TextSlotList):
                few[name] = TextSlotList(name, values.values[:SAMPLED_VALUES])
            else:
                sample = str(values.start) if isinstance(values, RangeSlotList) else "something"
                few[name] = TextSlotList.from_strings([sample], name=name)
        language = self._templates.document["language"]
        for sentence in self._sentences.intents[INTENT].data[0].sentences:
            for text in islice(sample_sentence(sentence, few, {}, language), SAMPLES):
                yield self._owners[sentence.text or ""], text

    def _spoken(self, action: Action) -> Iterator[str]:
        language = self._templates.document["language"][:2]
        for each in (*action.sentences.get("", ()), *action.sentences.get(language, ())):
            yield _plain(each, self._templates)

    def _list(self, slot: actions.Slot) -> dict[str, Any]:
        match slot:
            case Choice(values=values):
                plain = [(self._templates.written(self._templates.plain(said)), said) for said in values]
                return {"values": [{"in": text, "out": said} for text, said in plain if text]}
            case Range(low=low, high=high):
                return {"range": {"from": low, "to": high}}
            case FreeText():
                return {"wildcard": True}

    def _intent(self, action: Action, filled: Sequence[Slot], candidate: str) -> tuple[int, Intent] | None:
        """How much is free text, and the intent; None where a slot does not take what was said."""
        said: dict[str, str | int] = {}
        free = 0
        for slot in filled:
            name = slot.name.partition("_")[2]
            match action.slots[name]:
                case FreeText():
                    said[name] = self._templates.freed(str(slot.value), candidate)
                    free += len(str(said[name]))
                case Range():
                    said[name] = int(slot.value)
                case Choice():
                    said[name] = str(slot.value)
        try:
            action.message(said)
        except actions.Unfit:
            return None
        return free, Intent(INTENT, {"action": action.name, **said})


def _plain(sentence: str, templates: Templates) -> str:
    """A template in the same plain form as what is said; brackets and slots stay."""
    parts = re.split(r"(\{[a-z][a-z0-9_]*\}|[\[\]()|])", sentence)
    plain = [part if index % 2 else _spaced(part, templates) for index, part in enumerate(parts)]
    return templates.written("".join(plain))


def _spaced(words: str, templates: Templates) -> str:
    """Plain words, and at their ends a space for whatever is no letter: it parts words, as it does in what is said."""
    if not words:
        return ""
    lead, tail = ("" if end.isalnum() else "'" if end == "'" else " " for end in (words[0], words[-1]))
    plain = templates.plain(words)
    return f"{lead}{plain}{tail}" if plain else " "
