"""What the Moonshine engine hands to its network, and what it makes of the answers."""

from __future__ import annotations

import numpy as np
import pytest

from agent.audio.pcm import RATE_HZ
from agent.hearing.moonshine import BEFORE_MS, BEHIND_MS, HOLD_MS, LATER_MS, NEARER_MS, SURE, MoonshineEngine
from agent.hearing.moonshine_net import Floats, Written

SPOKEN = np.full(RATE_HZ, 8000, np.int16)
STILL = np.zeros(HOLD_MS * RATE_HZ // 1000, np.int16)
UNSURE, SURER = SURE - 0.5, SURE - 0.1


class Network:
    """Writes what it is told to, and nothing once that is used up; keeps what it was given."""

    def __init__(self, *written: Written) -> None:
        self.given: list[Floats] = []
        self._written = list(written)

    def __call__(self, sound: Floats) -> Written:
        self.given.append(sound)
        return self._written.pop(0) if self._written else Written("", 0.0)


def decoded(word: str | None) -> list[Floats]:
    network = Network()
    engine = MoonshineEngine(network, clock=lambda: 0.0)
    for _ in range(2):
        engine.begin(word, 90 if word else 0)
        engine.feed(SPOKEN)
        assert engine.heard == len(SPOKEN), "the quiet around it was not heard"
    return network.given


def pausing(network: Network, word: str | None = None) -> MoonshineEngine:
    """An engine that has heard `SPOKEN`, and its first text of the pause."""
    engine = MoonshineEngine(network, clock=lambda: 0.0, every_ms=60_000)
    engine.begin(word, 90 if word else 0)
    engine.feed(SPOKEN)
    engine.pause()
    return engine


@pytest.mark.parametrize(("word", "before_ms"), [(None, BEFORE_MS), ("hey_jarvis", 0)])
def test_what_is_decoded_has_quiet_around_it_but_not_within_a_breath(word: str | None, before_ms: int) -> None:
    first, second = decoded(word)
    before, behind = (each * RATE_HZ // 1000 for each in (before_ms, BEHIND_MS))
    assert len(first) == before + len(SPOKEN) + behind
    assert np.all(first[before : before + len(SPOKEN)] == pytest.approx(8000 / 32768))
    around = np.concatenate((first[:before], first[before + len(SPOKEN) :]))
    assert 0 < np.abs(around).max() < 0.002
    assert np.array_equal(first, second), "a text changes only with what was said"


def test_who_is_not_sure_hears_another_beginning_and_the_surest_text_counts() -> None:
    network = Network(Written("block the door", UNSURE), Written("lock the door", SURER), Written("look", UNSURE))
    engine = pausing(network)
    assert engine.feed(STILL) == "lock the door"
    assert engine.feed(STILL) is None
    assert engine.feed(STILL) is None
    assert engine.finish() == "lock the door"
    whole = len(network.given[0])
    assert [whole - len(each) for each in network.given] == [0, *(each * RATE_HZ // 1000 for each in LATER_MS)]
    assert engine.heard == len(SPOKEN), "the same sound, not more of it"


def test_within_a_breath_it_is_the_quiet_before_that_is_another() -> None:
    network = Network(Written("Jarvis, another mine", UNSURE), Written("Jarvis, never mind", SURER))
    engine = pausing(network, "hey_jarvis")
    assert engine.feed(STILL) == "Never mind"
    assert len(network.given[1]) - len(network.given[0]) == NEARER_MS[0] * RATE_HZ // 1000


def test_who_is_sure_is_not_asked_again() -> None:
    network = Network(Written("what time is it", SURE))
    engine = pausing(network)
    assert engine.feed(STILL) is None
    assert engine.finish() == "what time is it"
    assert len(network.given) == 1


def test_what_is_complete_is_not_held_up() -> None:
    network = Network(Written("block the door", UNSURE))
    engine = pausing(network)
    assert engine.feed(STILL[1:]) is None
    assert engine.finish() == "block the door"
    assert len(network.given) == 1


def test_nothing_is_no_better_opinion() -> None:
    engine = pausing(Network(Written("block the door", UNSURE), Written("", 0.0), Written("Jar", UNSURE - 1)))
    assert engine.feed(STILL) is None
    assert engine.feed(STILL) is None
    assert engine.finish() == "block the door"


def test_each_pause_has_opinions_of_its_own() -> None:
    texts = (Written("set a", UNSURE), Written("set", SURER), Written("set a timer", UNSURE), Written("yes", SURER))
    network = Network(*texts)
    engine = pausing(network)
    assert engine.feed(STILL) == "set"
    engine.resume()
    engine.feed(SPOKEN)
    assert engine.pause() == "set a timer"
    assert engine.feed(STILL) == "yes"
    assert engine.heard == 2 * len(SPOKEN) + len(STILL)
