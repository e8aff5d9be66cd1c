"""Local intents: the sentences that the agent acts upon itself, with no network and no language model.

Rules:
- A sentence has to fit a template as a whole (`sentences/LANGUAGE.yaml`, `sentences/LANGUAGE-timers.yaml`, and the
  user's own `[[actions]]`); an open question that only begins like a command ("what time is it in Tokyo") is none. Only
  polite words and hesitations at its ends are cut off first.
- Numbers come as digits or words; a slot `percent` is an int from 0 to 100.
- Our own sentences come before the user's: nobody can take "stop" away.
- hassil and its number speller are imported by `warm`, in a worker, since they take 0.3 s and 7 MB; a match that comes
  earlier waits for them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property

from agent.actions import Action
from agent.requests import Intent
from agent.thinking.own_sentences import OwnSentences
from agent.thinking.templates import Templates, document, known

MAX_CHARS = 200  # no command is longer
SPOKEN_PERCENT = range(0, 101, 10)  # in `phrases`: these are single words, which a recogniser knows
SPOKEN_MINUTES = (1, 2, 3, 5, 10, 15, 20, 30, 45)


class Intents:
    """Matches sentences of one language, "en" or "en-US"; a language without templates matches nothing.

    `names`: what may come before a command, such as the wake word, which a recogniser's preroll can hold.
    `actions`: the user's.
    """

    def __init__(self, language: str, names: tuple[str, ...] = (), actions: Sequence[Action] = ()) -> None:
        self._actions = tuple(actions)
        self._language = language if known(language) else None
        self._names = names
        self._lock = threading.Lock()  # guards the loading

    def warm(self) -> None:
        """Load the templates, and the numbers by first matches."""
        for text in phrases(self._language, (10,), (10,)) if self._language else ():
            self.match(text)

    def match(self, text: str) -> Intent | None:
        """What `text` asks for, if it is a local command. From any thread."""
        if self._language is None or not text.strip() or len(text) > MAX_CHARS:
            return None
        with self._lock:
            templates, own = self._loaded
        for candidate in templates.candidates(text):
            if intent := templates.match(candidate) or own.match(candidate):
                return intent
        return None

    @cached_property
    def _loaded(self) -> tuple[Templates, OwnSentences]:
        assert self._language is not None
        templates = Templates(self._language, self._names)
        return templates, OwnSentences(templates, self._actions)


def phrases(
    language: str, percents: Sequence[int] = SPOKEN_PERCENT, minutes: Sequence[int] = SPOKEN_MINUTES
) -> tuple[str, ...]:
    """Command sentences for a recogniser that is restricted to a grammar, with numbers in words."""
    if not known(language):
        return ()
    from unicode_rbnf import RbnfEngine

    sentences = document(language)
    spell = RbnfEngine.for_language(sentences["language"]).format_number
    spoken: list[str] = sentences["spoken"]
    for slot, numbers in (("{percent}", percents), ("{minutes}", minutes)):
        words = [spell(number).text.replace("-", " ") for number in numbers]
        spoken = [each.replace(slot, word) for each in spoken for word in (words if slot in each else ("",))]
    return tuple(dict.fromkeys(spoken))
