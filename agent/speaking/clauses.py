"""Speakable text -> clauses: what is handed to the voice at once, cut while it is being written.

Rules:
- Short first, longer later: the first clause ends at any punctuation, so that speech starts early, or after a few words
  without any; from the second on the clauses grow until they are sentences. A long sentence is cut at its commas, since
  memory and the time to cancel grow with the clause.
- A clause ends as soon as that is certain. "Okay," is at once; "3," may go on as "3,000" and "end." as "end.com", so
  these wait for one more character.
- Never cut: words, numbers (3.5, 10,000, 3:45), abbreviations (e.g., Dr.), ordinals with a point where the language has
  them. Where words are not spaced (Chinese, Japanese, Thai) only punctuation and `LONGEST` cut.
- "\\n" always ends a clause. A clause without a letter or digit is dropped. No letter or digit is ever lost.
"""

from __future__ import annotations

import unicodedata

LONGEST = 400  # characters
SIZES = (3, 30, 60)  # from this size on the first, second, third clause ends at weak punctuation too ...
SIZE = 100  # ... and all later ones; a Chinese character counts as three, as it lasts about as long
FEW_WORDS, MANY_WORDS = 4, 9  # the first clause may end before a conjunction, has to end at a space
UNPUNCTUATED = (60, 240)  # from this size on the first clause, any other, ends at a space

_STRONG = frozenset(".!?…")
_WEAK = frozenset(",;:–—-،؛")
_WIDE_STRONG = frozenset("。！？｡؟।॥")  # no space need follow
_WIDE_WEAK = frozenset("，、；：､")
_CLOSERS = frozenset("\"')]”’»«」』）】")
_ONLY_CLOSERS = " )”」』）】"
_LEFT_BEHIND = "".join(_CLOSERS | _STRONG | _WEAK | _WIDE_STRONG | _WIDE_WEAK) + " "  # by the clause before


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


_CONJUNCTIONS = _words(
    "and or but that which who because since while when where if so although with for",
    "und oder aber dass weil denn wenn als wo der die das mit",
    "et ou mais que qui parce car quand avec y o pero porque cuando con e ma che perché en maar dat omdat",
)
_ABBREVIATIONS = _words(
    "dr mr mrs ms prof st jr sr vs etc vol approx dept inc ltd co al cf ca tel mt ft",
    "bzw usw ca nr str evtl ggf inkl sog vgl mio mrd hr fr jan feb aug sept oct nov dec okt dez",
    "mme mlle av env pp sra srta ud uds dott sig",
)
_ORDINALS = _words("de da nb no nn fi cs sk pl hu hr sl et lv is tr")  # languages that write "3. Mai"
# After these the first clause does not end, unless there is punctuation.
_LEADING = _CONJUNCTIONS | _words(
    "a an the of in on to at by from is are was were has have my your his her its our their than as not very",
    "dem den des ein eine einen einem einer im am zu von ist sind hat",
    "la le les de du un une una el los las il lo",
)


class Clauses:
    """Incremental: speakable text of one answer -> clauses of at most `LONGEST` characters."""

    def __init__(self, language: str = "en") -> None:
        self._ordinals = language.split("-")[0] in _ORDINALS
        self._text = ""
        self._mark = -1  # where a possible end waits for the next character
        self._done = 0  # clauses so far
        self._words = 0
        self._size = 0

    def feed(self, text: str) -> list[str]:
        return [clause for char in text for clause in self._push(char)]

    def flush(self) -> list[str]:
        """The end of the answer."""
        return self._cut(len(self._text))

    def _push(self, char: str) -> list[str]:
        clauses = []
        if self._mark >= 0:
            clauses = self._decide(char)
        if char == "\n":
            return clauses + self._cut(len(self._text))
        if char == " " and self._mark < 0:
            clauses += self._at_space()
        if self._text or char != " ":
            self._text += char
        self._size += 3 if unicodedata.east_asian_width(char) in "WF" else 1
        if self._mark < 0:
            clauses += self._at_punctuation(char)
        elif char not in _CLOSERS and char not in _STRONG:
            self._mark = -1
        if len(self._text) >= LONGEST:
            clauses += self._cut(self._last_resort())
        return clauses

    # ------- where a clause may end

    def _at_punctuation(self, char: str) -> list[str]:
        if char in _WIDE_STRONG or (char in _WIDE_WEAK and self._weak_ends()):
            return self._cut(len(self._text))
        if char not in _STRONG and not (char in _WEAK and self._weak_ends()):
            return []
        before = self._text[-2:-1]
        if char in "!?,;:—" and before.isalpha():
            return self._cut(len(self._text))
        self._mark = len(self._text)
        return []

    def _decide(self, char: str) -> list[str]:
        """Whether the punctuation before `char` was an end."""
        if char not in " \n" or not self._ends():
            return []
        return self._cut(len(self._text))

    def _ends(self) -> bool:
        head = self._text.rstrip("".join(_CLOSERS))
        sign = head[-1:]
        if sign in "–—-":
            return head[-2:-1] == " "
        if sign != "." or head.endswith(".."):
            return True
        word = head[:-1].rpartition(" ")[2].lstrip("(\"'“„«")
        if word.isdigit():
            return not (self._ordinals and len(word) <= 2)
        initial = len(word) == 1 and word.isupper() and word != "I"
        dotted = "." in word and max(map(len, word.split("."))) <= 2  # e.g. p.m. z.B. Ph.D.
        return not (initial or dotted or word.lower() in _ABBREVIATIONS)

    def _at_space(self) -> list[str]:
        """Without punctuation: at the end of a word, once there are enough, if no number could go on ("10 000")."""
        word = self._text.rpartition(" ")[2]
        if not word:
            return []
        self._words += 1
        start = len(self._text) - len(word)
        whole = word[-1].isalpha() and word.lower() not in _LEADING
        if whole and self._size >= UNPUNCTUATED[min(self._done, 1)]:
            return self._cut(len(self._text))
        if self._done or self._words <= FEW_WORDS:
            return []
        if word.lower() in _CONJUNCTIONS and self._text[start - 2 : start - 1].isalpha():
            return self._cut(start)
        return self._cut(len(self._text)) if whole and self._words >= MANY_WORDS else []

    def _weak_ends(self) -> bool:
        return self._size >= (SIZES[self._done] if self._done < len(SIZES) else SIZE)

    def _last_resort(self) -> int:
        """Where to cut an endless clause: at its last space, else before a character that stands alone."""
        space = self._text.rfind(" ")
        if space > 0:
            return space
        at = len(self._text) - 1
        while at > LONGEST // 2 and (unicodedata.combining(self._text[at]) or self._text[at] in "\u200c\u200d"):
            at -= 1
        return at

    def _cut(self, at: int) -> list[str]:
        clause, rest = self._text[:at].rstrip(" –—-").lstrip(_ONLY_CLOSERS), self._text[at:]
        self._text = rest.lstrip(" ")
        self._size, self._words, self._mark = len(self._text), 0, -1
        if not any(map(str.isalnum, clause[:2])):
            clause = clause.lstrip(_LEFT_BEHIND)
        if not any(map(str.isalnum, clause)):
            return []
        self._done += 1
        return [clause]
