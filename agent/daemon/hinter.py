"""What is left to say of a sentence that is being spoken: the matcher and the grammar of incomplete sentences together.

A match may cost tens of milliseconds of the main thread (29 ms measured, with 1,000 templates, where none fits), so
only a changed text is matched, and at most `A_SECOND` of them a second; what is over that is judged by its words alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from agent.events import Hint
from agent.requests import Intent
from agent.thinking.completeness import completeness

A_SECOND = 5


class Hinter:
    """Used by the inbox's thread. `match`: a sentence, and its language -> the local command that it is."""

    def __init__(self, match: Callable[[str, str], Intent | None]) -> None:
        self._match = match
        self._matched: deque[float] = deque(maxlen=A_SECOND)  # monotonic seconds
        self._last: tuple[str, str] = "", ""
        self._hint: Hint = "open"

    def hint(self, now: float, text: str, language: str) -> Hint:
        """What the text so far is, at monotonic second `now`."""
        if (text, language) != self._last:
            self._hint = completeness(text, self._intent(now, text, language), language)
            self._last = text, language
        return self._hint

    def _intent(self, now: float, text: str, language: str) -> Intent | None:
        if not text or (len(self._matched) == A_SECOND and now - self._matched[0] < 1.0):
            return None
        self._matched.append(now)
        return self._match(text, language)
