"""Yes or no, as people say it: whole answers by language. What is neither is no consent."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_EN = "yes|yeah|yep|yup|sure|okay|ok|right|correct|do it|do that|go ahead|confirm|confirmed|certainly|of course|i do"
_DE = "ja|jawohl|jo|jep|okay|ok|gern|gerne|klar|natürlich|sicher|genau|richtig|mach das|mach es|tu das|bestätigt"
_KO = "네|예|응|그래|그래요|좋아|좋아요|맞아|맞아요|해 줘|해줘|해 주세요|해주세요|부탁해|부탁해요|물론|물론이죠"
_YES: Mapping[str, frozenset[str]] = MappingProxyType(
    {language: frozenset(words.split("|")) for language, words in (("en", _EN), ("de", _DE), ("ko", _KO))}
)
# What may stand around it, and say the same twice.
_POLITE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "en": frozenset({"please", "thanks", "uh", "um", "oh", "well", "hey"}),
        "de": frozenset({"bitte", "danke", "äh", "ähm", "also", "na", "doch"}),
        "ko": frozenset({"음", "어", "아"}),
    }
)


def agrees(language: str, text: str) -> bool:
    """Whether the whole of it is a yes; a language that is not here is answered in English."""
    known = language[:2] if language[:2] in _YES else "en"
    words = "".join(c if c.isalnum() else " " for c in text.lower()).split()
    left = [word for word in words if word not in _POLITE[known]]
    return _all_yes(left, _YES[known]) if left else False


def _all_yes(words: list[str], yes: frozenset[str]) -> bool:
    """The words are nothing but yeses, one after the other, such as "yes", "go ahead"."""
    if not words:
        return True
    ends = (end for end in range(1, min(3, len(words)) + 1) if " ".join(words[:end]) in yes)
    return any(_all_yes(words[end:], yes) for end in ends)
