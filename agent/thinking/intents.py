"""Local intents: the few sentences that the agent answers itself, with no network and no language model.

Rules:
- A sentence has to fit a template as a whole (`sentences/LANGUAGE.yaml`); an open question that only begins like a
  command ("what time is it in Tokyo") is none. Only polite words and hesitations at its ends are cut off first.
- Numbers come as digits or words; a slot `percent` is an int from 0 to 100.
- hassil and its number speller are imported by `warm`, in a worker, since they take 0.3 s and 7 MB; a match that comes
  earlier waits for them.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from agent.requests import Intent

MAX_CHARS = 120  # no command is longer
NUMBERS_STEP = 10  # in `phrases`: these are single words, which a recogniser knows
APOSTROPHES = str.maketrans("’‘´`", "''''")


class Intents:
    """Matches sentences of one language, "en" or "en-US"; a language without templates matches nothing.

    `names`: what may come before a command, such as the wake word, which a recogniser's preroll can hold.
    """

    def __init__(self, language: str, names: tuple[str, ...] = ()) -> None:
        self._file = _file(language)
        self._names = names
        self._lock = threading.Lock()  # guards the loading

    def warm(self) -> None:
        """Load the templates, and the numbers by a first match."""
        self.match("volume 1")

    def match(self, text: str) -> Intent | None:
        """What `text` asks for, if it is a local command. From any thread."""
        if self._file is None or not text.strip() or len(text) > MAX_CHARS:
            return None
        with self._lock:
            templates = self._templates
        return templates.match(text)

    @cached_property
    def _templates(self) -> _Templates:
        assert self._file is not None
        return _Templates(self._file, self._names)


class _Templates:
    """The loaded sentences."""

    def __init__(self, file: Traversable, names: tuple[str, ...]) -> None:
        from hassil import Intents as Parsed

        document = _load(file)
        self._signs: dict[str, str] = document["signs"]
        self._spaces = document.get("spaces") != "ignored"
        self._lead = _ends([*document["lead"], *(_plain(name, self._signs) for name in names)])
        self._tail = _ends(document["tail"])
        self._sentences = Parsed.from_dict(document if self._spaces else _squeezed(document))

    def match(self, text: str) -> Intent | None:
        from hassil import recognize

        for candidate in self._candidates(_plain(text, self._signs)):
            squeezed = candidate if self._spaces else _squeezed(candidate)
            if found := recognize(squeezed, self._sentences):
                slots = {name: _slot(entity.value) for name, entity in found.entities.items()}
                return Intent(found.intent.name, slots)
        return None

    def _candidates(self, text: str) -> list[str]:
        """The text, then with ever more cut off its ends: a command may itself begin with a polite word."""
        ends = [text, re.sub(rf"(?:\s*\b(?:{self._tail}))+$", "", text)]
        starts = [re.sub(rf"^(?:(?:{self._lead})\b\s*)+", "", end) for end in ends]
        return [candidate for candidate in dict.fromkeys([*ends, *starts]) if candidate]


def phrases(language: str) -> tuple[str, ...]:
    """Command sentences for a recogniser that is restricted to a grammar, with numbers in words."""
    file = _file(language)
    if file is None:
        return ()
    document = _load(file)
    numbers = _numbers(document["language"])
    spoken = (sentence.replace("{percent}", n) for sentence in document["spoken"] for n in numbers)
    return tuple(dict.fromkeys(spoken))


def _file(language: str) -> Traversable | None:
    file = resources.files("agent.thinking") / "sentences" / f"{language[:2]}.yaml"
    return file if file.is_file() else None


def _load(file: Traversable) -> dict[str, Any]:
    import yaml

    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document


def _numbers(language: str) -> list[str]:
    from unicode_rbnf import RbnfEngine

    spell = RbnfEngine.for_language(language).format_number
    return [spell(number).text.replace("-", " ") for number in range(0, 101, NUMBERS_STEP)]


def _ends(words: list[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _plain(text: str, signs: dict[str, str]) -> str:
    """Lower case, without punctuation but for apostrophes in words; signs such as "%" as words."""
    text = unicodedata.normalize("NFC", text).lower().translate(APOSTROPHES)
    for sign, word in signs.items():
        text = text.replace(sign, f" {word} ")
    kept = "".join(c if c.isalnum() or c == "'" or unicodedata.combining(c) else " " for c in text)
    return " ".join(kept.split()).strip("' ")


def _squeezed(node: Any) -> Any:
    """Without white space, through all the lists and dictionaries of a document."""
    match node:
        case str():
            return "".join(node.split())
        case list():
            return [_squeezed(item) for item in node]
        case dict():
            return {key: _squeezed(value) for key, value in node.items()}
        case _:
            return node


def _slot(value: object) -> str | int:
    return int(value) if isinstance(value, int | float) else str(value)
