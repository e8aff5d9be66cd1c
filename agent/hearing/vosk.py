"""Vosk (Kaldi): streaming, with partials every time it is fed. https://alphacephei.com/vosk, Apache-2.0

Rules:
- One recogniser per utterance (memory grows otherwise); the model is always given by its path, since the library
  downloads or exits when asked by language.
- The endpoint is ours. Vosk has one too, late and not configurable: where `AcceptWaveform` says that a part is
  complete, its text is collected and the utterance goes on.
- A grammar forces all speech onto its words. Two ways out: the model's word for the unknown (its spelling differs from
  model to model, and some have none) is a path of its own; and what comes out has to be one whole phrase, else nothing
  was understood. A wake word's end before it and a breath after it are allowed for.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vosk import KaldiRecognizer, Model, SetLogLevel

from agent.audio.pcm import PERIOD, RATE_HZ, Samples
from agent.hearing.endpoint import PAUSE_MS
from agent.hearing.words import tails, without_wake

UNKNOWN = ("[unk]", "<unk>", "<UNK>")
LATE_S = 0.05  # the wake word's last sounds after its detection
BREATH_S = 0.3
SETTLED = RATE_HZ * 24 // 100  # samples after a word until its partial text hardly changes any more: 275 ms at most

Word = dict[str, Any]  # "word", "start" and "end" in seconds since the recogniser began

log = logging.getLogger(__name__)


def load(model: Path, grammar: Sequence[str] = (), wake_words: Sequence[str] = ()) -> VoskEngine:
    """Load the model. `grammar`: the only phrases to expect, empty for free dictation."""
    SetLogLevel(-1)
    loaded = Model(model_path=str(model))
    phrases = [phrase for phrase in grammar if _known(loaded, phrase)]
    for phrase in set(grammar).difference(phrases):
        log.warning("asr.grammar: %r has a word that this model does not know, and will not be heard", phrase)
    return VoskEngine(loaded, phrases, [tail for word in wake_words for tail in tails(word) if _known(loaded, tail)])


def _known(model: Any, phrase: str) -> bool:
    return all(model.vosk_model_find_word(word) >= 0 for word in phrase.split())


class VoskEngine:
    """An `Engine`."""

    def __init__(self, model: Any, phrases: Sequence[str], tails: Sequence[str]) -> None:
        self._model = model
        self._phrases = phrases
        unknown = [word for word in UNKNOWN if _known(model, word)]
        self._grammar = json.dumps([*phrases, *tails, *unknown], ensure_ascii=False) if phrases else None
        self._recogniser: Any = None
        self._words: list[Word] = []  # of the parts that Vosk took for complete
        self._partial = ""
        self._fed = 0  # samples
        self._awaited: int | None = None  # in a pause: `_fed` from which the text is told
        self._wake: str | None = None
        self._lead_s = 0.0

    @property
    def heard(self) -> int:
        return max(0, self._fed - SETTLED)

    def begin(self, word: str | None, lead_ms: int) -> None:
        options = (self._model, RATE_HZ) if self._grammar is None else (self._model, RATE_HZ, self._grammar)
        self._recogniser = KaldiRecognizer(*options)
        self._recogniser.SetWords(True)
        self._words, self._partial = [], ""
        self._fed, self._awaited = 0, None
        self._wake, self._lead_s = word, lead_ms / 1000

    def feed(self, pcm: Samples) -> str | None:
        self._fed += len(pcm)
        if self._recogniser.AcceptWaveform(pcm.tobytes()):
            self._words += _words(self._recogniser.Result())
        rest = json.loads(self._recogniser.PartialResult()).get("partial", "")  # right after a Result there is none
        heard = [word["word"] for word in self._words] + rest.split()
        text = self._clean(" ".join(word for word in heard if word not in UNKNOWN))
        settled = self._awaited is not None and self._fed >= self._awaited
        if text == self._partial and not settled:
            return None
        if settled:
            self._awaited = None
        self._partial = text
        return text

    def pause(self) -> str | None:
        """Nothing to work ahead: its final takes 10 to 40 ms, and the recogniser could not go on after it."""
        self._awaited = self._fed + SETTLED + PERIOD - PAUSE_MS * RATE_HZ // 1000
        return None

    def resume(self) -> None:
        self._awaited = None

    def finish(self) -> str:
        words = self._words + _words(self._recogniser.FinalResult())
        self._recogniser = None
        if self._wake is not None:
            words = [word for word in words if word["end"] > self._lead_s + LATE_S]
        text = self._clean(" ".join(word["word"] for word in understood(words, self._lead_s)))
        return text if not self._phrases or text in self._phrases else ""

    def _clean(self, text: str) -> str:
        return without_wake(text, self._wake) if self._wake else text


def understood(words: Sequence[Word], lead_s: float) -> list[Word]:
    """Without the unknown that is the wake word's end, at the head, or a breath, at the tail."""
    kept = list(words)
    while kept and kept[0]["word"] in UNKNOWN and kept[0]["start"] <= lead_s and kept[0]["end"] <= lead_s + BREATH_S:
        del kept[0]
    while kept and kept[-1]["word"] in UNKNOWN and kept[-1]["end"] - kept[-1]["start"] <= BREATH_S:
        del kept[-1]
    return kept


def _words(result: str) -> list[Word]:
    words: list[Word] = json.loads(result).get("result", [])
    return words
