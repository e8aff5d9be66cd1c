"""Cleaning what a recogniser wrote: the wake word's own end is no part of the command.

The recogniser hears from shortly before the end of the wake word on, and so may write its last syllables, or all of it.
What is taken away is found by the wake word's name, never by a list of phrases.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from pathlib import Path

ALIKE = 0.75
_PUNCTUATION = re.compile(r"[^\w]+")


def spoken(name: str) -> list[str]:
    """The words of a wake word's name: "hey_jarvis" -> ["hey", "jarvis"]."""
    return [word for word in re.split(r"[\W_]+", name.lower()) if word]


def tails(name: str) -> list[str]:
    """What of a wake word may be heard after its detection, the longest first: "hey jarvis", "jarvis"."""
    words = spoken(name)
    return [" ".join(words[at:]) for at in range(len(words))]


def without_wake(text: str, name: str) -> str:
    """`text` without a wake word, or its tail, at the head; capitalised as before."""
    heard = text.split()
    for tail in tails(name):
        count = len(tail.split())
        head = " ".join(_plain(word) for word in heard[:count])
        if len(heard) >= count and SequenceMatcher(None, head, tail).ratio() >= ALIKE:
            return _capital(heard[count:], text)
    last = (spoken(name) or [""])[-1]
    if heard and last.endswith(fragment := _plain(heard[0])) and (len(fragment) >= 3 or _cut_off(heard[0])):
        return _capital(heard[1:], text)
    return text


def _cut_off(word: str) -> bool:
    """Whether one or two letters are set apart ("S.", "Is,"), so that they are no word of the sentence."""
    return word[-1] in ".,;:!-" and bool(_plain(word))


def _plain(word: str) -> str:
    return _PUNCTUATION.sub("", word.lower())


def _capital(words: list[str], like: str) -> str:
    rest = " ".join(words)
    return rest[:1].upper() + rest[1:] if like[:1].isupper() else rest


def wake_name(model: str) -> str:
    """The wake word's name, from what the configuration gives: a name or a path such as "x/hey_you_v0.1.onnx"."""
    return re.sub(r"_v\d[\d.]*$", "", Path(model).name.removesuffix(".onnx").removesuffix(".json"))
