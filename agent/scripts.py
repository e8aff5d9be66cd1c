"""Which letters a voice of a language can speak, told by the script they belong to (ISO 15924, as Unicode names them).

Latin letters pass in every language: names and units are written in them. Greek ones are spoken one by one everywhere,
as in "π"; an answer made of them is another matter.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_LANGUAGES = {
    "CYRILLIC": "ru uk be bg sr mk kk ky tg mn tt ba cv",
    "GREEK": "el grc",
    "ARABIC": "ar fa ur ps ckb ug sd",
    "HEBREW": "he yi",
    "DEVANAGARI": "hi mr ne sa kok bho",
    "BENGALI": "bn as",
    "GURMUKHI": "pa",
    "GUJARATI": "gu",
    "ORIYA": "or",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "SINHALA": "si",
    "THAI": "th",
    "LAO": "lo",
    "MYANMAR": "my",
    "KHMER": "km",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
    "ETHIOPIC": "am ti",
    "TIBETAN": "bo dz",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "zh cmn yue ja ko",
    "BOPOMOFO": "zh cmn yue",
}
_SCRIPTS = {script: frozenset(languages.split()) for script, languages in _LANGUAGES.items()}


@lru_cache(4096)
def foreign(char: str, language: str) -> bool:
    """Whether this letter is of a script that the language is not written in; with the language "" none is."""
    if not language or char.isascii() or not char.isalpha():
        return False
    script = unicodedata.name(char, "").partition(" ")[0].partition("-")[0]
    return script in _SCRIPTS and language.partition("-")[0].lower() not in _SCRIPTS[script]


def mostly_foreign(text: str, language: str) -> bool:
    """Whether more than half of the letters are foreign."""
    letters = [char for char in text if char.isalpha()]
    return 2 * sum(foreign(char, language) for char in letters) > len(letters)
