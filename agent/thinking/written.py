"""What a model writes -> what of it is an answer, while it is being written, whoever serves it.

    text -> Tags -> Json -> Lead -> the reply

Rules:
- Thoughts, calls of tools as text and control tokens are no answer. So nothing of them counts as the first word, and
  another profile may still be asked.
- A tool call that is written as text is never made: a model may as well quote one, and what is allowed and confirmed
  are calls alone.
- Nothing is handed out before the first letter that a voice of the language can speak, or a digit. An answer that has
  come to its end, or to `LEAD` letters, without one is in another script.
- A model that begins with a thought opened before its first word (`</think>` without `<think>`) is known by its name or
  by having done so: then everything is held back until the thought is over, or the answer.
- Who says the same over and over has said everything: the answer is over.
"""

from __future__ import annotations

import re

from agent.markup import Escapes, Json, Tags
from agent.scripts import foreign

LEAD = 24  # letters
TAIL, EVERY = 1600, 64  # characters that are looked at for repetition, and how often
MOST_PERIOD, SENTENCE = 400, 20  # characters
TIMES, LEAST = 4, 200
_THINKERS = re.compile(r"think|reason|qwq|(?:^|[^a-z])r1(?:[^a-z0-9]|$)", re.IGNORECASE)


def thinks_first(model: str) -> bool:
    """Whether the templates of a model with such a name open the thought themselves, as far as one can guess."""
    return _THINKERS.search(model) is not None


class Written:
    """Incremental; white space before the first word is withheld. `begun`: something was handed out; `over`: nothing
    counts any more; `foreign`: it is in another script; `thought`: it has begun with a thought, or None where that is
    not known yet; `taken_back`: what was handed out before was one.
    """

    def __init__(self, language: str = "", thinks_first: bool = False) -> None:
        self._escapes = Escapes()
        self._tags = Tags(keep=True)
        self._json = Json()
        self._language = language
        self._held = ""  # a thought perhaps
        self._holding = thinks_first
        self._lead: str | None = ""  # what was written before the first word
        self._foreign = 0  # letters in it
        self._tail = ""
        self._count = 0
        self._repeats = False
        self._blank = True  # nothing of what still counts was handed out
        self.begun = False
        self.foreign = False
        self.thought: bool | None = None
        self.taken_back = False

    @property
    def over(self) -> bool:
        return self._tags.over or self._repeats

    def feed(self, text: str) -> str:
        self.taken_back = False
        texts: list[str] = []
        for char in text:
            before = self.taken_back
            texts.append(self._push(char))
            if self.taken_back and not before:
                texts.clear()
        return self._handed("".join(texts))

    def flush(self) -> str:
        """The end of the answer: what was held back."""
        if self.over:
            return ""
        text = self._pass("".join(map(self._json.push, self._tags.flush())) + self._json.flush())
        if self._holding:
            self._holding, self.thought = False, False
            text = self._begin(self._held) + text
        lead, self._lead = self._lead, None
        if lead and any(map(str.isalpha, lead)):
            self.foreign = True
            return ""
        return self._handed(text)

    def _handed(self, text: str) -> str:
        if self._blank:
            text = text.lstrip()
            self._blank = not text
        self.begun = self.begun or bool(text)
        return text

    def separated(self) -> None:
        """The server has told a thought by itself: the text is all answer."""
        self._holding = False

    def _push(self, char: str) -> str:
        if self.over or self.foreign:
            return ""
        if not self._escapes.push(char):
            return ""
        out = self._pass("".join(map(self._json.push, self._tags.push(char))))
        if self._holding and self._tags.hiding and not self._held.strip():
            self._holding = False  # it opens its thought itself
        if self._tags.thought_before:
            self._tags.thought_before = False
            self._after_thought()
            return ""
        return out

    def _after_thought(self) -> None:
        self.thought = True
        if not self._holding and self._lead is None:
            self.taken_back = self._blank = True
        self._holding, self._held, self._lead, self._foreign, self._tail = False, "", "", 0, ""

    def _pass(self, text: str) -> str:
        if not text:
            return ""
        self._look_for_repetition(text)
        if self._holding:
            self._held += text
            return ""
        held, self._held = self._held, ""
        return self._begin(held + text)

    def _begin(self, text: str) -> str:
        if self._lead is None:
            return text
        self._lead += text
        self._foreign += sum(map(str.isalpha, text))
        if any(char.isdigit() or (char.isalpha() and not foreign(char, self._language)) for char in text):
            lead, self._lead = self._lead, None
            return lead
        self.foreign = self._foreign >= LEAD
        return ""

    def _look_for_repetition(self, text: str) -> None:
        for char in text:
            self._count += 1
            self._tail += char
            if self._count % EVERY == 0:
                self._tail = self._tail[-TAIL:]
                self._repeats = self._repeats or repeats(self._tail)


def repeats(text: str) -> bool:
    """Whether a text ends in one piece with letters in it, said at least `TIMES` times: a sentence, or `LEAST`
    characters of something shorter."""
    backwards = text[::-1]
    border = [0] * len(backwards)  # Knuth, Morris, Pratt: the longest border of each prefix
    for end in range(1, len(backwards)):
        length = border[end - 1]
        while length and backwards[end] != backwards[length]:
            length = border[length - 1]
        border[end] = length + (backwards[end] == backwards[length])
        period = end + 1 - border[end]
        wanted = TIMES * period if period >= SENTENCE else LEAST
        if period <= MOST_PERIOD and end + 1 >= wanted and any(map(str.isalpha, backwards[:period])):
            return True
    return False
