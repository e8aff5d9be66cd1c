"""How right words are: normalised text, word error rate, and finding a sentence in what was heard.

Recognisers and voices write numbers in their own ways ("6:42 PM", "six forty two p.m."); both sides are turned into
the same words before they are compared.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {
    **{"first": "one", "second": "two", "third": "three", "fifth": "five", "eighth": "eight", "ninth": "nine"},
    **{"twelfth": "twelve", "twentieth": "twenty", "thirtieth": "thirty"},
    **{f"{word}th": word for word in ("four", "six", "seven", "ten", "eleven", *_ONES[13:])},
}


def _below_thousand(number: int) -> list[str]:
    words = [_ONES[number // 100], "hundred"] if number >= 100 else []
    rest = number % 100
    if rest >= 20:
        words.append(_TENS[rest // 10])
        rest %= 10
    return [*words, _ONES[rest]] if rest or not words else words


def spell(number: int) -> str:
    """The number in English words, as one says it: years in two halves, without "and". Up to a million."""
    if 1100 <= number <= 2099 and number % 1000 >= 10 and number % 100 >= 10:
        return " ".join(_below_thousand(number // 100) + _below_thousand(number % 100))
    if number >= 1_000_000:
        return " ".join(_ONES[int(digit)] for digit in str(number))
    thousands = [*_below_thousand(number // 1000), "thousand"] if number >= 1000 else []
    rest = number % 1000
    return " ".join([*thousands, *(_below_thousand(rest) if rest or not thousands else [])])


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    if minute == 0:
        return spell(hour)
    return f"{spell(hour)} {'oh ' if minute < 10 else ''}{spell(minute)}"


_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\b([ap])(?:\.\s?|\s)m\b\.?"), r"\1m"),
    (re.compile(r"(\d),(?=\d{3}\b)"), r"\1"),
    (re.compile(r"\b(\d{1,2}):(\d\d)\b"), _clock),
    (re.compile(r"(\d+)(?:st|nd|rd|th)\b"), r"\1"),
    (re.compile(r"%"), " percent"),
    (re.compile(r"\d+"), lambda match: f" {spell(int(match[0]))} "),
    (re.compile(r"['’]"), ""),
    (re.compile(r"[^\w\s]|_"), " "),
)


def words(text: str) -> list[str]:
    """What was said, as words to compare: lower case, no punctuation, numbers spelt, ordinals as numbers."""
    text = unicodedata.normalize("NFKC", text).lower()
    for pattern, new in _RULES:
        text = pattern.sub(new, text)
    return [_ORDINALS.get(word, word) for word in text.split()]


def distance(reference: Sequence[str], other: Sequence[str], anywhere: bool = False) -> int:
    """Least number of words (or letters) to insert, delete or replace; with `anywhere` to any stretch of `other`."""
    row = [0] * (len(other) + 1) if anywhere else list(range(len(other) + 1))
    for i, word in enumerate(reference, 1):
        above, row = row, [i]
        for j, theirs in enumerate(other, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (word != theirs)))
    return min(row) if anywhere else row[-1]


def word_error_rate(said: str, heard: str) -> float:
    """Errors per word that was said; 0.0 is perfect, more than 1.0 is possible. Raises ValueError for no words."""
    reference = words(said)
    if not reference:
        raise ValueError("no words were said")
    return distance(reference, words(heard)) / len(reference)


def total_word_error_rate(pairs: Sequence[tuple[str, str]]) -> float:
    """Of many (said, heard) together: errors of all over the words of all."""
    errors = sum(distance(words(said), words(heard)) for said, heard in pairs)
    total = sum(len(words(said)) for said, _ in pairs)
    if not total:
        raise ValueError("no words were said")
    return errors / total


def found(sentence: str, transcript: str) -> float:
    """How much of the sentence stands somewhere in the transcript: 1.0 all of it, unlike texts are below 0.5.

    By letters, without spaces: "France is" heard as "Francis" is nearly right, and so it counts.
    """
    reference = "".join(words(sentence))
    if not reference:
        raise ValueError("no words to find")
    return max(0.0, 1 - distance(reference, "".join(words(transcript)), anywhere=True) / len(reference))
