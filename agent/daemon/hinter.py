"""What is left to say of a sentence that is being spoken: the matcher and the grammar of incomplete sentences together.

A match may cost tens of milliseconds of the main thread (29 ms measured, with 1,000 templates, where none fits), so
only a changed text is matched, and at most `A_SECOND` of them a second. Texts that hang by their words alone hardly
ever are a command: the last `RESERVED` matches of a second are not for them. What could not be matched is judged by its
words until the same text comes again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from agent.events import Hint
from agent.requests import Intent
from agent.thinking.completeness import completeness

A_SECOND, RESERVED = 5, 3


class Hinter:
    """Used by the inbox's thread. `match`: a sentence, and its language -> the local command that it is."""

    def __init__(self, match: Callable[[str, str], Intent | None]) -> None:
        self._match = match
        self._matched: deque[float] = deque(maxlen=A_SECOND)  # monotonic seconds
        self._last: tuple[str, str] | None = None  # text and language of `_hint`
        self._hint: Hint = "open"

    def hint(self, now: float, text: str, language: str) -> Hint:
        """What the text so far is, at monotonic second `now`."""
        text = text.rstrip(".,;:! ")  # comes and goes while the words stay
        if (text, language) == self._last:
            return self._hint
        by_words = completeness(text, None, language)
        unsure: Hint = "open" if by_words == "asking" else by_words  # it may be a command all the same
        left = A_SECOND - sum(now - at < 1.0 for at in self._matched)
        if not text or left <= (RESERVED if by_words == "hanging" else 0):
            return unsure
        self._matched.append(now)
        self._hint = completeness(text, self._match(text, language), language)
        self._last = text, language
        return self._hint
