"""The wake words of the configuration, loaded: which engine hears which word."""

from __future__ import annotations

from collections.abc import Mapping

from agent import engines, models
from agent.audio.pcm import Samples
from agent.config import Config
from agent.engines import WakeChoice
from agent.hearing.wake import Score, WakeEngine, WakeModelError
from agent.hearing.words import wake_name


def load(config: Config) -> WakeEngine:
    """All words of `[wake]`, by name or by path. Raises WakeModelError."""
    try:
        choices = [engines.wake(config.wake, word, config.persona.language) for word in config.wake.words]
    except models.ModelMissing as error:
        raise WakeModelError(str(error)) from error
    loaded = [_open(kind, config, choices) for kind in ("openwakeword", "microwakeword")]
    present = [engine for engine in loaded if engine]
    return present[0] if len(present) == 1 else Several(present)


def _open(kind: str, config: Config, choices: list[WakeChoice]) -> WakeEngine | None:
    """The engine for the words of this kind; only what is used is imported. A word's own threshold goes first, then the
    section's (openWakeWord) or the model's own (microWakeWord, where each model was tuned with one)."""
    words = {wake_name(choice.word): choice.model for choice in choices if choice.engine == kind}
    own = {wake_name(word.model): word.threshold for word in config.wake.words}
    if not words:
        return None
    if kind == "openwakeword":
        from agent.hearing import openwakeword

        thresholds = {word: own[word] or config.wake.threshold for word in words}
        return openwakeword.load(words, thresholds, config.wake.extra_phases)
    from agent.hearing import microwakeword

    return microwakeword.load(words, {word: own[word] for word in words})


class Several:
    """Words of two engines at once."""

    def __init__(self, engines: list[WakeEngine]) -> None:
        self._engines = engines

    @property
    def thresholds(self) -> Mapping[str, float]:
        return {word: value for engine in self._engines for word, value in engine.thresholds.items()}

    def feed(self, pcm: Samples, position: int) -> list[Score]:
        scores = [score for engine in self._engines for score in engine.feed(pcm, position)]
        return sorted(scores, key=lambda score: score.position)

    def reset(self) -> None:
        for engine in self._engines:
            engine.reset()

    def twin(self) -> Several:
        return Several([engine.twin() for engine in self._engines])
