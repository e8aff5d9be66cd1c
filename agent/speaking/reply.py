"""One spoken reply: the text that is to be spoken, and which part of it has been heard.

The map between clauses and time is exact, since every clause is one piece of sound. Within the clause that was cut off,
the words are assumed to be of equal length: an estimate, off by a word or two.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from dataclasses import dataclass

from agent.audio.pcm import Samples
from agent.events import Turn
from agent.speaking.clauses import Clauses
from agent.speaking.speakable import Speakable


@dataclass(frozen=True, slots=True)
class Span:
    """A clause and when it sounds, in seconds from the beginning of the reply's sound."""

    text: str
    start_s: float
    end_s: float


class Reply:
    """Text deltas in, clauses out; then their sound is noted, and `heard` tells what of it came out."""

    def __init__(self, turn: Turn, language: str, persona: str = "") -> None:
        self.turn = turn
        self.persona = persona
        self.complete = False  # all text has been written
        self.announced = False  # its first clause went to a voice
        self.chime: Samples | None = None  # to be heard before the first clause; at `earcons.RATE_HZ`
        self.invites: Samples | None = None  # and after the last one
        self.rate_hz = 0  # of its first sound; all the rest has to follow
        self.waiting: deque[str] = deque()
        self._spans: list[Span] = []
        self._speakable = Speakable(language=language)
        self._clauses = Clauses(language)
        self._language = language

    @property
    def seconds(self) -> float:
        """Length of its sound so far."""
        return self._spans[-1].end_s if self._spans else 0.0

    def write(self, text: str, last: bool, afresh: bool = False) -> None:
        """`afresh`: whatever was left open before is over, words that were cut off included."""
        if afresh:
            self._close()
            self._speakable = Speakable(language=self._language)
        self._hand_on(self._speakable.feed(text))
        if last:
            self._close()
            self.complete = True

    def take_back(self) -> None:
        """Forget what has been written and is not yet sound."""
        self.waiting.clear()
        self._speakable, self._clauses = Speakable(language=self._language), Clauses(self._language)

    def _close(self) -> None:
        self._hand_on(self._speakable.flush())
        self.waiting.extend(self._clauses.flush())

    def _hand_on(self, texts: list[str]) -> None:
        for text in texts:
            self.waiting.extend(self._clauses.feed(text))

    def sounded(self, text: str, seconds: float) -> None:
        """The clause's sound was handed to the player; a sound without words has the text ""."""
        self._spans.append(Span(text, self.seconds, self.seconds + seconds))

    def heard(self, until_s: float) -> str:
        """The text heard up to this many seconds of its sound."""
        parts = [span.text if span.end_s <= until_s else _part(span, until_s) for span in self._spans]
        return _join([part for part in parts if part])


def _part(span: Span, until_s: float) -> str:
    if until_s <= span.start_s or not span.text:
        return ""
    share = (until_s - span.start_s) / (span.end_s - span.start_s)
    units = span.text.split(" ")
    if len(units) == 1 and _wide(span.text[0]):
        return span.text[: int(len(span.text) * share)]
    return " ".join(units[: int(len(units) * share)])


def _join(texts: list[str]) -> str:
    """Clauses as one text; Chinese and Japanese have no space between them."""
    joined = ""
    for text in texts:
        joined += f" {text}" if joined and not (_wide(joined[-1]) and _wide(text[0])) else text
    return joined


def _wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF" and not "\uac00" <= char <= "\ud7a3"  # Korean has spaces
