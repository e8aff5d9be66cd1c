"""Markdown to text, one character at a time: lines and their markers, entities, links, addresses.

Why not a library: markdown-it-py, which is well kept and even installed, parses whole documents; a voice that is to
start with the third word cannot wait for the end of the paragraph, and parsing the growing text again and again may
change its mind about words that are already in the air. What a voice needs of markdown is little: the marks gone, lists
and tables with pauses. So these stages decide with at most a line's marker or one word of look-ahead.

A stage takes one character at a time, so that the slicing of deltas cannot matter.
"""

from __future__ import annotations

import html
import re
import string

LONGEST_WORD = 64
LONGEST_TARGET = 2000

_MARKERS = frozenset("#>-*+=_|:~`•.) \t" + string.digits)
_RULE = re.compile(r"[-*_=|:#>`~+•. \t]*")
_QUOTE = re.compile(r"[ \t]*(?:>[ \t]*)*")
_FENCE = re.compile(r"(?:`{3,}|~{3,})")
_BULLET = re.compile(r"[-*+•][ \t]+")
_NUMBER = re.compile(r"(\d{1,3})[.)][ \t]+")
_HEADING = re.compile(r"#{1,6}[ \t]+")


class Lines:
    """Removes what stands at the beginning of lines: headings, bullets, quotes, rules, fences, tables.

    A newline in the output is a pause (a new item, row, heading or paragraph); a mere line break becomes a space.
    """

    def __init__(self) -> None:
        self._marker: str | None = ""  # what the line began with; None: in the middle of the line
        self._break = ""  # owed before the next visible character: " ", "\n" behind an item, "\n\n" a paragraph
        self._closed = False  # the line ends with a pause
        self._cell = False  # a table's bar was seen
        self._info: str | None = None  # the rest of a fence's line

    def push(self, char: str) -> str:
        if char == "\r":
            return ""
        if self._info is not None:
            return self._fence(char)
        if self._marker is None:
            return self._middle(char)
        if char == "\n":
            return self._end_of_marker()
        if char in _MARKERS:
            self._marker += char if len(self._marker) < LONGEST_WORD else ""
            return ""
        marker, self._marker = self._marker, None
        return self._begin(marker, char)

    def flush(self) -> str:
        return self._end_of_marker() if self._marker else ""

    def _end_of_marker(self) -> str:
        """The line holds nothing but marks, or nothing but a number."""
        marker = self._marker or ""
        self._marker = ""
        if _RULE.fullmatch(marker):
            self._break = "\n\n"
            return ""
        out = self._owed() + marker.strip(" \t>|")
        self._break = "\n\n"
        return out

    def _begin(self, marker: str, char: str) -> str:
        """The first character of content: now it is known what the marker before it was."""
        mark = marker[_QUOTE.match(marker).end() :]  # type: ignore[union-attr]  # matches anything
        if _FENCE.match(mark):
            self._break, self._info = "\n\n", char
            return ""
        heading, bullet, number = _HEADING.match(mark), _BULLET.match(mark), _NUMBER.match(mark)
        found = heading or bullet or number
        self._closed = bool(found) or mark.startswith("|")
        if self._closed:
            self._break = "\n"
        elif self._break == "\n" and marker[:1] in (" ", "\t"):
            self._break = " "  # the item goes on
        if found:
            mark = mark[found.end() :]
        said = f"{number[1]}, " if number else ""
        return self._owed() + said + "".join(self._middle(each) for each in mark.lstrip("|")) + self._middle(char)

    def _middle(self, char: str) -> str:
        if char == "\n":
            self._break = "\n" if self._closed else " "
            self._marker, self._cell = "", False
            return ""
        if char == "|":
            self._cell = True
            return ""
        if self._cell and not char.isspace():
            self._cell = False
            return f", {char}"
        return "" if self._cell else char

    def _fence(self, char: str) -> str:
        """The line of a fence names a language, which nobody wants to hear; with a backtick in it, it was no fence."""
        info = self._info or ""
        if char == "\n":
            self._info, self._marker, self._break = None, "", "\n\n"
            return ""
        if char == "`":
            self._info, self._marker = None, None
            return self._owed() + info
        self._info = (info + char)[:LONGEST_TARGET]
        return ""

    def _owed(self) -> str:
        owed, self._break = self._break[:1], ""
        return owed


class Entities:
    """Replaces `&amp;` and its like by what they stand for; a bare & passes."""

    _MAYBE = re.compile(r"&#?[0-9A-Za-z]{0,10}")

    def __init__(self) -> None:
        self._held = ""

    def push(self, char: str) -> str:
        held = self._held + char
        if self._held and char == ";":
            self._held = ""
            return html.unescape(held).replace("\n", " ")
        if held[0] == "&" and self._MAYBE.fullmatch(held):
            self._held = held
            return ""
        out, self._held = self._held, ""
        return out + (self.push(char) if out else char)

    def flush(self) -> str:
        held, self._held = self._held, ""
        return held


class Links:
    """Keeps the text of `[text](target)`, `![text](target)` and `[text][reference]`; drops `[^1]`, `[1]`, `[x]`."""

    _SHORT = re.compile(r"\[(?:\^[\w-]{0,16}|\d{0,3}|[ xX]?)")

    def __init__(self) -> None:
        self._held = ""  # "!" or what follows "["
        self._last = ""
        self._after = False  # just behind "]"
        self._closer = ""  # of the target that is being skipped
        self._depth = 0
        self._length = 0

    def push(self, char: str) -> str:
        if self._closer:
            self._skip(char)
            return ""
        if self._after:
            self._after = False
            if char in "([":
                self._closer, self._depth, self._length = ")" if char == "(" else "]", 1, 0
                return ""
        out = self._hold(char) if self._held else self._text(char)
        self._last = char
        return out

    def flush(self) -> str:
        held, self._held = self._held, ""
        return held.removeprefix("[")

    def _text(self, char: str) -> str:
        if char == "[" or (char == "!" and not self._last.isalnum()):
            self._held = char
            return ""
        if char == "]":
            self._after = True
            return ""
        return char

    def _hold(self, char: str) -> str:
        held, self._held = self._held, ""
        if held == "!":
            return self._text(char) if char == "[" else held + self._text(char)
        if char == "]":
            self._after = True
            return ""
        if self._SHORT.fullmatch(held + char):
            self._held = held + char
            return ""
        return held.removeprefix("[") + self._text(char)

    def _skip(self, char: str) -> None:
        self._length += 1
        if char == "(" and self._closer == ")":
            self._depth += 1
        elif char == self._closer:
            self._depth -= 1
        if not self._depth or char == "\n" or self._length > LONGEST_TARGET:
            self._closer = ""


class Addresses:
    """Drops addresses of the web and of mail programs; the punctuation that ends the sentence stays.

    It holds back one word of Latin letters, which costs no time: a clause cannot end within a word anyway.
    """

    _IS = re.compile(r"(?:[a-z][a-z0-9+-]*://|www\.\w|mailto:|(?:[a-z0-9-]+\.)+[a-z]{2,}/)", re.IGNORECASE)
    _MAYBE = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9-]*)*(?:(?<!\.):/?)?", re.IGNORECASE)

    def __init__(self) -> None:
        self._word = ""
        self._inside = False
        self._tail = ""  # punctuation that may belong to the sentence

    def push(self, char: str) -> str:
        if self._inside:
            return self._skip(char)
        word = self._word + char
        if self._IS.fullmatch(word):
            self._inside, self._word, self._tail = True, "", ""
            return ""
        if len(word) < LONGEST_WORD and self._MAYBE.fullmatch(word):
            self._word = word
            return ""
        released, self._word = self._word, ""
        return released + (self.push(char) if released else char)

    def flush(self) -> str:
        held, self._word, self._tail, self._inside = self._word + self._tail, "", "", False
        return held

    def _skip(self, char: str) -> str:
        if char.isspace() or char in "<>\"')]}|" or not char.isascii():
            tail, self._tail, self._inside = self._tail, "", False
            return tail + self.push(char)
        self._tail = self._tail + char if char in ".,;:!?" else ""
        return ""
