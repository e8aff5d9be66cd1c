"""Calls of functions that a model wrote as text: `functions.get_weather:0`, `get_weather(city="Paris")`.

An identifier (a name with an underscore or a dot within) directly before a bracket is code, and so is the whole call up
to the bracket that closes it; a name in the name space of tools is one wherever it stands. Brackets behind a space, or
behind a plain word ("item(s)"), are prose.
"""

from __future__ import annotations

import re

from agent.speaking.markdown import LONGEST_TARGET, LONGEST_WORD

_NAME = re.compile(r"[A-Za-z_][\w.]*(?::\d*)?", re.ASCII)
_CODE = re.compile(r"[A-Za-z_]\w*[._]\w[\w.]*", re.ASCII)
_TOOL = re.compile(r"(?:functions?|tools?)\.\w[\w.]*(?::\d*)?", re.ASCII)


class Calls:
    def __init__(self) -> None:
        self._word = ""
        self._depth = 0
        self._quote = ""
        self._length = 0

    def push(self, char: str) -> str:
        if self._depth:
            self._skip(char)
            return ""
        word = self._word + char
        if len(word) < LONGEST_WORD and _NAME.fullmatch(word):
            self._word = word
            return ""
        word, self._word = self._word, ""
        if char == "(" and _CODE.fullmatch(word):
            self._depth, self._quote, self._length = 1, "", 0
            return ""
        if _TOOL.fullmatch(word.rstrip(".:")):
            return char
        return word + (self.push(char) if word else char)

    def flush(self) -> str:
        word, self._word = self._word, ""
        return "" if _TOOL.fullmatch(word) else word

    def _skip(self, char: str) -> None:
        self._length += 1
        if self._quote:
            self._quote = "" if char == self._quote else self._quote
        elif char in "\"'":
            self._quote = char
        elif char in "()":
            self._depth += 1 if char == "(" else -1
        if self._length > LONGEST_TARGET:
            self._depth = 0
