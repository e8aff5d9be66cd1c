"""The sentences of one language, loaded: a text in, the intent that it fits out, if there is one.

What hassil is given is plain: lower case, no punctuation but apostrophes within words, signs as words, a decimal point
as the word for it ("1.5" is "1 point 5"). A template whose slots make no sense together (`agent.thinking.slots`) does
not fit, and the next one has its chance.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import islice
from typing import TYPE_CHECKING, Any

from agent.requests import Intent
from agent.thinking.slots import Slot, composed

if TYPE_CHECKING:
    from hassil import Intents as Parsed

APOSTROPHES = str.maketrans("’‘´`", "''''")
MAX_FITS = 24  # of one text: with a free name, there are several ways to take it
FREE = ("name", "message")
TABLES = ("intents", "expansion_rules", "lists")
OF = ("duration", "part", "amount", "decimal")  # rules of how long something is


class Templates:
    """`names`: what may come before a command, such as the wake word."""

    def __init__(self, language: str, names: tuple[str, ...] = ()) -> None:
        from hassil import Intents as Parsed

        self.document = document(language)
        self._signs: dict[str, str] = self.document["signs"]
        self.spaces = self.document.get("spaces") != "ignored"
        self._unnamed = tuple(self.document.get("unnamed", ()))
        self._lead = _ends([*self.document["lead"], *(self.plain(name) for name in names)])
        self._tail = _ends(self.document["tail"])
        self._sentences: Parsed = Parsed.from_dict(self.document if self.spaces else squeezed(self.document))

    def candidates(self, text: str) -> list[str]:
        """The plain text, then with ever more cut off its ends: a command may itself begin with a polite word."""
        text = self.plain(text)
        ends = [text, self._without_tail(text)]
        starts = [re.sub(rf"^(?:(?:{self._lead})\b\s*)+", "", end) for end in ends]
        return [candidate for candidate in dict.fromkeys([*ends, *starts]) if candidate]

    def plain(self, text: str) -> str:
        text = unicodedata.normalize("NFC", text).lower().translate(APOSTROPHES)
        for mark, word in self.document.get("decimal", {}).items():
            text = re.sub(rf"(?<=\d){re.escape(mark)}(?=\d)", f" {word} ", text)
        for sign, word in self._signs.items():
            text = text.replace(sign, f" {word} ")
        kept = "".join(c if c.isalnum() or c == "'" or unicodedata.combining(c) else " " for c in text)
        if attached := self.document.get("attached"):
            kept = re.sub(rf"(?<=\d)(?=(?:{_ends(attached)})\b)", " ", kept)
        if compounds := self.document.get("compounds"):
            kept = re.sub(rf"(?<=\w\w)(?=(?:{_ends(compounds)})\b)", " ", kept)
        return " ".join(kept.split()).strip("' ")

    def written(self, words: str) -> str:
        """As it stands in sentences and texts that are compared: with spaces, or without any."""
        return words if self.spaces else squeezed(words)

    def fits(self, candidate: str, sentences: Parsed) -> Iterator[tuple[str, list[Slot], str]]:
        """Every way in which a plain text fits one of `sentences`: the intent's name, the slots, and which it was."""
        from hassil import recognize_all

        text = self.written(candidate)
        for found in islice(recognize_all(text, sentences, language=self.document["language"]), MAX_FITS):
            slots = [Slot(each.name, each.value, each.text or str(each.value)) for each in found.entities_list]
            sentence = found.intent_sentence
            yield found.intent.name, slots, sentence.text or "" if sentence else ""

    def match(self, candidate: str) -> Intent | None:
        """`candidate` is a plain text. Of several ways to take it, the one with the shortest names and messages."""
        best: tuple[int, Intent] | None = None
        for name, slots, _ in self.fits(candidate, self._sentences):
            freed = [self._freed(slot, candidate) for slot in slots]
            free = sum(len(str(slot.value)) for slot in freed if slot.name in FREE)
            if (best is None or free < best[0]) and (intent := composed(name, freed, self._unnamed)) is not None:
                best = free, intent
            if best is not None and not best[0]:
                break
        return best[1] if best is not None else None

    def _freed(self, slot: Slot, candidate: str) -> Slot:
        if slot.name not in FREE:
            return slot
        return Slot(slot.name, self.freed(str(slot.value), candidate), slot.text)

    def freed(self, words: str, candidate: str) -> str:
        """Free words as they stand in the text, without what is only polite."""
        return self._without_tail(words if self.spaces else spaced(words, candidate))

    def _without_tail(self, text: str) -> str:
        return re.sub(rf"(?:\s*\b(?:{self._tail}))+$", "", text)


def document(language: str) -> dict[str, Any]:
    """The sentences of a language that `file` knows: those of timers beside the others."""
    whole = _load(file(language, ""))
    timers = _load(file(language, "-timers"))
    for name, value in timers.items():
        if name in TABLES:
            whole[name] = {**whole.get(name, {}), **value}
        else:
            whole[name] = [*whole.get(name, []), *value]
    rules = whole["expansion_rules"]
    rules |= {f"of_{name}": _of(rules[name]) for name in OF if name in rules}
    return whole


def known(language: str) -> bool:
    return file(language, "").is_file()


def file(language: str, kind: str) -> Traversable:
    return resources.files("agent.thinking") / "sentences" / f"{language[:2]}{kind}.yaml"


def _load(file: Traversable) -> dict[str, Any]:
    import yaml

    loaded: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return loaded


def _of(rule: str) -> str:
    """A rule for the duration by which a timer is called: the same words in slots of other names."""
    renamed = re.sub(r"\{(\w+):(\w+)\}", r"{\1:of_\2}", rule)
    return re.sub(rf"<({'|'.join(OF)})>", r"<of_\1>", renamed)


def _ends(words: Sequence[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def squeezed(node: Any) -> Any:
    """Without white space, through all the lists and dictionaries of a document."""
    match node:
        case str():
            return "".join(node.split())
        case list():
            return [squeezed(item) for item in node]
        case dict():
            return {key: squeezed(value) for key, value in node.items()}
        case _:
            return node


def spaced(part: str, text: str) -> str:
    """A part of the squeezed text, with the spaces that the text has there."""
    letters = [index for index, letter in enumerate(text) if not letter.isspace()]
    part = "".join(part.split())
    start = "".join(text.split()).rfind(part)
    if start < 0 or not part:
        return part
    return text[letters[start] : letters[start + len(part) - 1] + 1]
