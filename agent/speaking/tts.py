"""What an engine that turns a clause into sound has to be. Nothing here needs more than the standard library, since the
engines live in small child processes (`agent.speaking.tts_child`): they may crash on a word or hang.

A clause that an engine cannot speak is a `SpeechError`; a voice that it cannot use at all is `Unusable`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

LONGEST = 400  # characters an engine takes at once


class SpeechError(Exception):
    """This text cannot be spoken."""


class Unusable(Exception):
    """str() says what is wrong with the voice, naming the file, and which command helps."""


class Engine(Protocol):
    """A text-to-speech engine, used by one thread but for `cancel`."""

    def load(self) -> None:
        """Get ready to speak without delay. Raises Unusable."""

    def synthesise(self, text: str) -> Iterator[tuple[int, bytes]]:
        """Sound as (rate in Hz, int16 little-endian mono PCM), as soon as there is some. Raises SpeechError."""

    def cancel(self) -> None:
        """End the running `synthesise` as soon as possible; from any thread."""


def clean(text: str) -> str:
    """What an engine is safe to be given: no control characters, no phoneme brackets, not too long."""
    kept = "".join(char if char.isprintable() else " " for char in text[:LONGEST])
    return kept.replace("[[", " ").replace("]]", " ").strip()
