"""Where a hissing wake word ends in running speech: sound in, a position out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hearing_helpers import among, pcm, silence, tone, white

from agent.audio.pcm import PERIOD, RATE_HZ, Samples
from agent.hearing.hiss import end_of_hiss, hisses
from agent.lab.visitor import Utterance, Voice, say

BEFORE_S = 1.0


def hiss(seconds: float, rms: float = 1500.0) -> Samples:
    """The first difference of white noise: mostly above 4 kHz, as an "s"."""
    return pcm(np.diff(white(seconds, rms), prepend=0.0))


def vowel(seconds: float) -> Samples:
    return pcm(tone(seconds, 300, 4000) + tone(seconds, 900, 2000))


def found_ms(*parts: Samples, late_ms: int = 0) -> float | None:
    """After which ms of the second part's end the word ends, detected `late_ms` after that."""
    sound = np.concatenate([vowel(0.5), *parts, vowel(0.5)])
    truth = RATE_HZ // 2 + len(parts[0])
    end = end_of_hiss(sound, 0, truth + late_ms * 16)
    return None if end is None else (end - truth) / 16


@pytest.mark.parametrize("late_ms", [-60, 0, 100, 250])
def test_the_word_ends_where_its_hiss_ends(late_ms: int) -> None:
    assert found_ms(hiss(0.1), late_ms=late_ms) == pytest.approx(0, abs=10)


def test_a_command_that_begins_with_a_hiss_keeps_it() -> None:
    assert found_ms(hiss(0.1), silence(0.03), hiss(0.12)) == pytest.approx(15, abs=25)
    assert found_ms(hiss(0.11), hiss(0.14)) == pytest.approx(0, abs=20)


def test_the_burst_behind_a_closure_is_the_command_s() -> None:
    assert found_ms(hiss(0.1), silence(0.05), hiss(0.03, 700)) == pytest.approx(0, abs=10)


def test_without_a_hiss_there_is_no_answer() -> None:
    assert found_ms(vowel(0.1)) is None
    assert found_ms(silence(0.1)) is None
    assert end_of_hiss(np.zeros(0, np.int16), 0, 0) is None
    assert end_of_hiss(hiss(2.0), 0, RATE_HZ) is None, "noise is no sound of a word"


def test_words_that_hiss_are_known_by_their_spelling() -> None:
    assert [hisses(name) for name in ("hey_jarvis", "max", "hey_mycroft", "alexa", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_visitors_without_a_gap(visitors: Mapping[Voice, Utterance]) -> None:
    """Where the parts meet is known; the detection is anywhere around it."""
    for number, (voice, hello) in enumerate(visitors.items()):
        for text in ("what time is it", "set a timer for ten minutes", "turn on the kitchen lights", "is it late"):
            said = hello.then(say(text, voice), 0.0)
            sound = among(said.samples, 10, BEFORE_S, 0.5)
            truth = round(BEFORE_S * RATE_HZ) + said.ends[0]
            start = PERIOD * 37
            end = end_of_hiss(sound[start:], start, truth + (number * 29 % 250 - 20) * 16)
            assert end is not None, (voice.name, text)
            assert abs(end - truth) <= 30 * 16, (voice.name, text, (end - truth) / 16)
