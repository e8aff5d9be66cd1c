"""What a language model writes -> what a voice can say, while it is being written.

    deltas -> Escapes -> Tags -> Json -> Lines -> Entities -> Formulas -> Links -> Calls -> Addresses -> Characters

Rules:
- Each stage takes one character at a time and holds back what it cannot decide yet. So the result never depends on how
  the text was sliced.
- No input is an error. What cannot be spoken is dropped: thoughts, tags, calls of tools, addresses, marks, emoji,
  controls, letters of a script that the voice does not know.
- In speakable text "\\n" stands for a pause (new item, row, heading, paragraph); all other white space is one space.
- At most `LIMIT` characters of an answer are spoken; it ends at a word.
"""

from __future__ import annotations

import unicodedata
from typing import Protocol

from agent.markup import Escapes, Json, Tags
from agent.scripts import foreign
from agent.speaking.calls import Calls
from agent.speaking.formulas import Formulas
from agent.speaking.markdown import Addresses, Entities, Lines, Links

LIMIT = 2000
MARGIN = 40  # within this distance of the limit the answer ends at the next space

MARKS = frozenset("*_~`#\\^")
FORBIDDEN = MARKS | frozenset("<>{}[]|")
_SYMBOLS = frozenset("°№℃℉%&+=×÷±−≈≠≤≥√∞µ")
_JOINERS = "\u200c\u200d"  # Persian and Indian scripts need them between letters
_TIGHT = frozenset(",.;:!?)")  # no space stands before these


class Stage(Protocol):
    """One step of the transformation: a character in, the characters that are decided out."""

    def push(self, char: str) -> str: ...

    def flush(self) -> str: ...


class Characters:
    """Removes marks of emphasis and whatever has no sound; joins white space; ends the answer at the limit."""

    def __init__(self, limit: int, language: str = "") -> None:
        self._limit = limit
        self._language = language
        self._last = ""
        self._marks = ""
        self._space = ""  # owed before the next visible character
        self._repeated = 0
        self._count = 0
        self.full = False

    def push(self, char: str) -> str:
        if self.full:
            return ""
        if char in MARKS:
            self._marks = (self._marks + char)[:2]
            return ""
        sign = self._sign(char)
        self._marks = ""
        return "".join(map(self._put, sign + (" " if char in "<>" else char)))

    def flush(self) -> str:
        return ""

    def _sign(self, after: str) -> str:
        """What the marks before this character meant: mostly nothing."""
        before = self._space or self._last
        if self._marks == "*" and ((before == " " and after == " ") or (before.isdigit() and after.isdigit())):
            return "×"
        return " " if self._marks == "_" and before.isalnum() and after.isalnum() else ""

    def _put(self, char: str) -> str:
        if char.isspace():
            self._space = "\n" if char == "\n" or self._space == "\n" else " "
            return ""
        if not self._has_sound(char):
            return ""
        space = self._space if self._last else ""
        if char in _TIGHT and space == " ":
            space = ""
        if self._count + len(space) + 1 > self._limit or (space and self._count >= self._limit - MARGIN):
            self.full = True
            return ""
        self._repeated = self._repeated + 1 if char == self._last and not space else 1
        self._space, self._last = "", char
        self._count += len(space) + 1
        return space + char

    def _has_sound(self, char: str) -> bool:
        if char in FORBIDDEN:
            return False
        category = unicodedata.category(char)
        if char in _JOINERS:
            return bool(self._last) and not self._space and unicodedata.category(self._last)[0] in "LM"
        match category[0]:
            case "L":
                return not foreign(char, self._language) or "\u0370" <= char <= "\u03ff"
            case "N":
                return True
            case "M":  # variation selectors and key caps belong to emoji
                return category != "Me" and not ("\ufe00" <= char <= "\ufe0f" or char >= "\U000e0100")
            case "P":
                return self._repeated < (3 if char == "." else 1) or char != self._last or bool(self._space)
            case "S":
                return category == "Sc" or char in _SYMBOLS
            case _:
                return False


class Speakable:
    """Incremental: text deltas of one answer -> plain speakable text."""

    def __init__(self, limit: int = LIMIT, language: str = "") -> None:
        """`language`: of the voice; letters that it cannot speak are dropped."""
        self._characters = Characters(limit, language)
        self._stages: tuple[Stage, ...] = (
            Escapes(),
            Tags(),
            Json(),
            Lines(),
            Entities(),
            Formulas(),
            Links(),
            Calls(),
            Addresses(),
            self._characters,
        )

    def feed(self, delta: str) -> list[str]:
        if self._characters.full:
            return []
        for stage in self._stages:
            delta = "".join(map(stage.push, delta))
        return [delta] if delta else []

    def flush(self) -> list[str]:
        """The end of the answer: what was held back."""
        text = ""
        for stage in self._stages:
            text = "".join(map(stage.push, text)) + stage.flush()
        return [text] if text else []
