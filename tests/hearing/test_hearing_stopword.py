"""What is said over the agent, for a recogniser: when it begins, what it hears, and when that is over."""

from __future__ import annotations

import numpy as np
import pytest
from test_hearing_overhear import Guarded, Silence

from agent import engines
from agent.audio.pcm import PERIOD, RATE_HZ, Block, Samples
from agent.config import AsrSection, Config
from agent.hearing import moonshine, wakewords
from agent.hearing.overhear import Overhear
from agent.hearing.stopword import LEAD_S, MOST_S, StopWord
from agent.lab.visitor import say, voice


class Notes:
    """A recogniser that writes down what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.sound: list[Samples] = []

    def begin(self, turn: int, word: str | None = None, lead_ms: int = 0, persona: str = "") -> None:
        assert word is None
        self.calls.append(("begin", turn))

    def feed(self, turn: int, pcm: Samples) -> None:
        self.sound.append(pcm)

    def finish(self, turn: int) -> None:
        self.calls.append(("finish", turn))

    def cancel(self, turn: int) -> None:
        self.calls.append(("cancel", turn))

    def pause(self, turn: int) -> None: ...

    def resume(self, turn: int) -> None: ...

    def tick(self, mono: float) -> None: ...


def overheard(sound: Samples, cancel_at: float | None = None) -> tuple[Notes, StopWord]:
    """The agent is made softer as soon as somebody is noticed; `sound` is what the room hears."""
    config, notes = Config(), Notes()
    overhear = Overhear(wakewords.load(config), config.wake, Silence(), Guarded())
    stop_word: StopWord | None = None
    for at in range(0, len(sound) - PERIOD, PERIOD):
        began, _ = overhear.feed(Block(sound[at : at + PERIOD], at, at / RATE_HZ), [])
        if began is not None and stop_word is None:
            stop_word = StopWord(3, "", notes, overhear)
            stop_word.begin()
        elif stop_word is not None and not stop_word.over:
            stop_word.hear()
        if stop_word is not None and cancel_at is not None and at >= cancel_at * RATE_HZ and not stop_word.over:
            stop_word.cancel()
    assert stop_word is not None, "nobody was noticed"
    return notes, stop_word


def room(words: Samples, after_s: float = 3.0) -> Samples:
    noise = np.random.default_rng(1).normal(0, 10, len(words) + round((1 + after_s) * RATE_HZ))
    noise[RATE_HZ : RATE_HZ + len(words)] += words
    return np.clip(np.round(noise), -32768, 32767).astype(np.int16)


def test_it_hears_one_utterance_from_before_its_first_sound_on() -> None:
    words = say("stop", voice("kal_diphone")).samples
    notes, stop_word = overheard(room(words))
    assert notes.calls == [("begin", 3), ("finish", 3)]
    assert stop_word.over
    heard = np.concatenate(notes.sound)
    assert len(words) + 0.1 * RATE_HZ < len(heard) < len(words) + (LEAD_S + 0.8) * RATE_HZ
    assert np.abs(heard[: round(0.2 * RATE_HZ)]).max() < 200  # the room, before the word


def test_who_goes_on_talking_is_cut_off() -> None:
    words = say("she heard the jar break and ran to the kitchen to see what had happened", voice("kal_diphone")).samples
    notes, _ = overheard(room(words))
    assert notes.calls == [("begin", 3), ("finish", 3)]
    assert sum(map(len, notes.sound)) <= (MOST_S + 0.1) * RATE_HZ


def test_when_the_reply_is_loud_again_nobody_wants_to_know() -> None:
    words = say("she heard the jar break and ran to the kitchen", voice("kal_diphone")).samples
    notes, stop_word = overheard(room(words), cancel_at=1.8)
    assert notes.calls == [("begin", 3), ("cancel", 3)]
    assert stop_word.over


@pytest.mark.parametrize("name", ["kal_diphone", "rms", "en-us"])
def test_a_recogniser_makes_a_stop_of_it(name: str) -> None:
    notes, _ = overheard(room(say("stop", voice(name)).samples))
    engine = moonshine.load(engines.recogniser(AsrSection(engine="moonshine"), "en").model)
    engine.begin(None, 0)
    for pcm in notes.sound:
        engine.feed(pcm)
    assert "stop" in engine.finish().lower()
