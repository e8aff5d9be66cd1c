"""Where the command begins: levels in, a position out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.audio.pcm import PERIOD
from agent.hearing.endpoint import Period
from agent.hearing.lead import DECIDED, DIP, PAUSES, pause_after_wake, quietest_before

EARLIEST = max(before for _, before, _ in PAUSES) * PERIOD


def periods(*levels: tuple[int, float]) -> list[Period]:
    """(count, level) after one another, from position 0 on."""
    flat = [level for count, level in levels for _ in range(count)]
    return [Period(at * PERIOD, level > 30, level) for at, level in enumerate(flat)]


def test_a_pause_behind_the_wake_word_is_where_the_command_begins() -> None:
    assert pause_after_wake(periods((80, 60.0), (20, 10.0), (50, 60.0)), 80 * PERIOD) == 80 * PERIOD


def test_a_wake_word_detected_late_or_early_has_the_same_pause() -> None:
    sound = periods((80, 60.0), (20, 10.0), (50, 60.0))
    assert pause_after_wake(sound, 84 * PERIOD) == 80 * PERIOD
    assert pause_after_wake(sound, 73 * PERIOD) == 80 * PERIOD


def test_one_breath_has_no_pause() -> None:
    assert pause_after_wake(periods((150, 60.0)), 80 * PERIOD) is None


def test_the_closure_of_a_consonant_is_no_pause() -> None:
    assert pause_after_wake(periods((80, 60.0), (8, 10.0), (60, 60.0)), 80 * PERIOD) is None


def test_a_closure_within_the_command_is_no_pause() -> None:
    assert pause_after_wake(periods((88, 60.0), (10, 10.0), (60, 60.0)), 80 * PERIOD) is None


def test_a_long_pause_may_begin_later() -> None:
    assert pause_after_wake(periods((88, 60.0), (20, 10.0), (60, 60.0)), 80 * PERIOD) == 88 * PERIOD


def test_noise_as_loud_as_speech_is_no_pause() -> None:
    assert pause_after_wake(periods((80, 60.0), (20, 45.0), (50, 60.0)), 80 * PERIOD) is None


def test_nothing_heard_is_no_pause() -> None:
    assert pause_after_wake([], 80 * PERIOD) is None


@given(st.lists(st.floats(0, 90), max_size=200), st.integers(0, 200))
def test_a_pause_is_found_near_the_wake_word_or_not_at_all(levels: list[float], since: int) -> None:
    position = since * PERIOD
    found = pause_after_wake(periods(*((1, level) for level in levels)), position)
    assert found is None or position - EARLIEST <= found < position + DECIDED


def test_in_one_breath_the_quietest_place_before_the_detection_is_taken() -> None:
    sound = periods((71, 60.0), (2, 25.0), (80, 60.0))
    assert quietest_before(sound, 80 * PERIOD) == 71 * PERIOD


def test_without_any_level_there_is_a_place_all_the_same() -> None:
    assert quietest_before([], 80 * PERIOD) == (80 - DIP[0]) * PERIOD
