"""microWakeWord, the second wake engine: small quantised models with a hop of 10 ms, through `pymicro-wakeword`.

The models come as a JSON description beside a .tflite file (https://github.com/kahrendt/microWakeWord, Apache-2.0).
The library opens files without looking at what it gets, and a bad one ends the process; so they are checked here first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures

from agent.audio.pcm import PERIOD, Samples
from agent.hearing.framing import Framer
from agent.hearing.wake import Score, WakeModelError

TFLITE_MAGIC = b"TFL3"  # at offset 4: the identifier of a TensorFlow Lite flatbuffer


@dataclass(frozen=True, slots=True)
class Word:
    """One loaded model (a `MicroWakeWord`), which averages its last few probabilities into a score."""

    name: str
    model: Any
    path: Path


def load(words: Mapping[str, Path], thresholds: Mapping[str, float | None]) -> MicroWake:
    """Open the models. `words`: word -> its .json; a threshold of None is the model's own. Raises WakeModelError."""
    loaded = {name: _open(path) for name, path in words.items()}
    taken = {name: thresholds.get(name) or model.probability_cutoff for name, model in loaded.items()}
    return MicroWake([Word(name, model, words[name]) for name, model in loaded.items()], taken)


def _open(path: Path) -> Any:
    remedy = "put a whole copy there, or name another model in [wake]"
    if not path.is_file():
        raise WakeModelError(f"{path} is missing; {remedy}")
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        network = path.parent / described["model"]
        head = network.read_bytes()[:8]
        described["micro"]["probability_cutoff"], described["micro"]["sliding_window_size"]
    except OSError as error:
        raise WakeModelError(f"{path} names a model that cannot be read ({error}); {remedy}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise WakeModelError(f"{path} is no microWakeWord description ({error!r}); {remedy}") from error
    if head[4:] != TFLITE_MAGIC:
        raise WakeModelError(f"{network} is no TensorFlow Lite model; {remedy}")
    try:
        return MicroWakeWord.from_config(path)
    except (RuntimeError, ValueError, OSError) as error:
        raise WakeModelError(f"{network} cannot be loaded ({error}); {remedy}") from error


class MicroWake:
    """A wake engine. Each 10 ms become one set of features; a model scores every few of them."""

    def __init__(self, words: list[Word], thresholds: Mapping[str, float]) -> None:
        self._words = words
        self._thresholds = thresholds
        self._features = MicroWakeWordFeatures()
        self._framer = Framer(PERIOD)

    @property
    def thresholds(self) -> Mapping[str, float]:
        return self._thresholds

    def twin(self) -> MicroWake:
        """With models of its own: these have a state, and weigh 50 kB."""
        return MicroWake([Word(word.name, _open(word.path), word.path) for word in self._words], self._thresholds)

    def reset(self) -> None:
        self._framer.flush()
        self._features.reset()
        for word in self._words:
            word.model.reset()

    def feed(self, pcm: Samples, position: int) -> list[Score]:
        scores: list[Score] = []
        for hop in self._framer.feed(pcm, position):
            for features in self._features.process_streaming(hop.pcm.tobytes()):
                for word in self._words:
                    value = word.model.process_streaming_prob(features)
                    scores.append(Score(word.name, value, hop.end))
        return scores
