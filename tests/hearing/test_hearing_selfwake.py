"""The guard over the agent's own speech: what it makes of scores, and that it scores what is said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from agent.config import Config
from agent.hearing import wakewords
from agent.hearing.selfwake import AFTER_S, BEFORE_S, OwnWords, SelfWake
from agent.lab.visitor import say, voice

AT = 50.0


def words(high: Sequence[float] = (4.0,)) -> OwnWords:
    """Turn 1 has 10 s to say, and began to sound at `AT`."""
    own = OwnWords()
    own.said(1, 10.0)
    own.scored(1, list(high))
    own.sounded(1, 0.0, AT)
    return own


@pytest.mark.parametrize(
    ("seconds", "guarded"),
    [
        (0.0, False),
        (4.0 - BEFORE_S - 0.1, False),
        (4.0 - BEFORE_S + 0.1, True),
        (4.0, True),
        (4.0 + AFTER_S - 0.1, True),
    ],
)
def test_the_window_reaches_from_before_the_word_to_after_it(seconds: float, guarded: bool) -> None:
    assert words().guarded(AT + seconds) is guarded


def test_after_the_window_others_may_say_it() -> None:
    assert not words().guarded(AT + 4.0 + AFTER_S + 0.1)


def test_the_window_moves_with_what_the_speaker_reports() -> None:
    own = words()
    own.sounded(1, 2.0, AT + 5.0)  # three seconds late
    assert not own.guarded(AT + 4.0)
    assert own.guarded(AT + 7.0)


def test_nothing_is_guarded_before_it_sounds() -> None:
    own = OwnWords()
    own.said(1, 10.0)
    own.scored(1, [4.0])
    assert not own.guarded(AT + 4.0)


def test_what_is_not_scored_yet_makes_nobody_deaf() -> None:
    own = words(high=())
    assert not own.guarded(AT + 3.5)
    own.scored(1, [4.0])
    assert own.guarded(AT + 4.0)


def test_what_was_dropped_guards_no_more() -> None:
    own = words()
    own.over(1, AT + 1.0)
    assert not own.guarded(AT + 4.0)
    own.said(1, 3.0)  # late: of a turn that is over
    assert not own.guarded(AT + 1.5 + AFTER_S)


def test_a_word_that_was_cut_short_dies_away_under_guard() -> None:
    own = words()
    own.over(1, AT + 4.1)
    assert own.guarded(AT + 4.1 + BEFORE_S)


def test_after_the_end_nothing_is_guarded() -> None:
    own = words(high=(9.9,))
    assert not own.guarded(AT + 10.0 + AFTER_S + 0.1)


def test_turns_of_long_ago_are_forgotten() -> None:
    own = words()
    for turn in range(2, 10):
        own.said(turn, 1.0)
        own.scored(turn, [])
    assert not own.guarded(AT + 4.0)


def test_it_finds_the_wake_word_in_what_will_be_said() -> None:
    """In another thread, at the rate of the voice, handed over in one piece."""
    failed: list[str] = []
    guard = SelfWake(lambda: AT, failed.append)
    guard.use(wakewords.load(Config()))
    plain = say("the ferry leaves the island every day at noon", voice("rms")).samples
    word = say("hey jarvis", voice("rms")).samples
    sound = np.concatenate([plain, word, plain])
    seconds, until = len(plain) / 16_000, (len(plain) + len(word)) / 16_000
    guard.sounded(1, 0.0, AT)  # of a turn that nobody knows yet
    guard.start()
    guard.start()  # twice is once
    guard.said(1, sound, 16_000)
    guard.sounded(1, 0.0, AT)
    guard.stop()
    guard.stop()
    assert not failed
    assert guard.guarded(AT + until)
    assert not guard.guarded(AT + seconds / 2)
    assert not guard.guarded(AT + until + 1.5)
