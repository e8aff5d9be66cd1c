"""The quality of a wake word: near before far, whatever the room's noise and the microphone's gain."""

from __future__ import annotations

from itertools import pairwise

import pytest

from agent.audio.pcm import PERIOD, RATE_HZ, Samples
from agent.config import Config
from agent.hearing import wakewords
from agent.hearing.endpoint import Period
from agent.hearing.offline import judge_wakes
from agent.hearing.quality import QUIET_DB, SCORE_DB, quality
from agent.hearing.wake import WakeEngine
from agent.lab.distances import NOISES, heard
from agent.lab.visitor import say, voice

END = 4 * RATE_HZ
VOICES = [voice(name) for name in ("slt", "rms", "en-gb", "en-us+f2")]


@pytest.fixture(scope="module")
def engine() -> WakeEngine:
    return wakewords.load(Config())


@pytest.fixture(scope="module")
def crowd() -> Samples:
    """Speech without the word, for the television."""
    return say("the harvest was late this year because of the rain", voice("awb")).samples


def periods(before_db: float, word_db: float) -> list[Period]:
    """Four seconds that end with a word."""
    return [
        Period(at, voiced=at >= END - RATE_HZ, level_db=word_db if at >= END - RATE_HZ else before_db)
        for at in range(0, END, PERIOD)
    ]


def test_it_is_the_level_over_the_noise_and_a_little_for_the_score() -> None:
    assert quality(0.0, END, periods(40.0, 60.0)) == pytest.approx(20.0)
    assert quality(1.0, END, periods(40.0, 60.0)) == pytest.approx(20.0 + SCORE_DB)
    assert quality(0.0, END, periods(50.0, 70.0)) == pytest.approx(20.0), "gain is the same for both"


def test_perfect_silence_is_worth_no_more_than_a_quiet_room() -> None:
    assert quality(0.0, END, periods(-30.0, 60.0)) == pytest.approx(60.0 - QUIET_DB)


def test_what_was_said_before_the_word_is_no_noise_as_long_as_there_are_pauses() -> None:
    talking = [
        Period(p.position, p.voiced, 60.0 if p.position % RATE_HZ < 0.7 * RATE_HZ else 30.0) for p in periods(0, 60)
    ]
    assert quality(0.0, END, talking) == pytest.approx(30.0, abs=2.0)


def test_a_word_right_after_the_start_has_no_room_to_compare_with() -> None:
    assert quality(0.0, END, [p for p in periods(0.0, 60.0) if p.position >= END - RATE_HZ]) == pytest.approx(35.0)
    assert quality(0.9, END, []) == 0.0


@pytest.mark.parametrize("kind", NOISES)
def test_near_is_heard_better_than_far(engine: WakeEngine, crowd: Samples, kind: str) -> None:
    """Real voices in a reverberant room; the noise is another at each microphone. (All voices: `bench rivals`.)"""
    config, compared = Config().wake, 0
    for number, speaker in enumerate(VOICES):
        found = []
        for seed, metres in enumerate((0.5, 1.5, 4.0)):
            sound = heard(say("hey jarvis", speaker).samples, metres, kind, seed + 10 * number, crowd)
            found += [judged for _, judged in judge_wakes(sound, engine, config, 8 * PERIOD)[:1]]
        for near, far in pairwise(found):
            compared += 1
            assert near > far + 1.0, f"{speaker.name}: {found}"
    assert compared >= len(VOICES), "too many words were missed to say anything"


def test_a_more_sensitive_microphone_is_no_nearer(engine: WakeEngine, crowd: Samples) -> None:
    compared = 0
    for number, speaker in enumerate(VOICES):
        word = say("hey jarvis", speaker).samples
        near = judge_wakes(heard(word, 0.5, "white", number, crowd), engine, Config().wake)
        far = judge_wakes(heard(word, 3.0, "white", 9 + number, crowd, gain_db=12.0), engine, Config().wake)
        if near and far:
            compared += 1
            assert near[0][1] > far[0][1], speaker.name
    assert compared >= 2, "too many words were missed to say anything"
