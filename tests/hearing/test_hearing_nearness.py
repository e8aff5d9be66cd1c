"""Who is near: levels in, a level out."""

from __future__ import annotations

import math

from agent.audio.pcm import PERIOD
from agent.hearing.endpoint import Period
from agent.hearing.nearness import ABOVE_DB, UNDER_DB, least_level


def periods(*levels: tuple[int, float]) -> list[Period]:
    flat = [level for count, level in levels for _ in range(count)]
    return [Period(at * PERIOD, True, level) for at, level in enumerate(flat)]


def test_what_was_there_before_the_wake_word_is_not_the_user() -> None:
    assert least_level(periods((200, 45.0), (100, 60.0)), 300 * PERIOD) == 45.0 + ABOVE_DB


def test_whoever_spoke_as_loud_before_is_not_shut_out_for_it() -> None:
    assert least_level(periods((200, 60.0), (100, 60.0)), 300 * PERIOD) == 60.0 - UNDER_DB


def test_a_quiet_room_sets_no_limit_that_speech_could_miss() -> None:
    assert least_level(periods((200, 5.0), (100, 60.0)), 300 * PERIOD) == 5.0 + ABOVE_DB


def test_of_a_room_that_was_hardly_heard_nothing_is_known() -> None:
    assert least_level(periods((20, 45.0), (100, 60.0)), 120 * PERIOD) == -math.inf
    assert least_level([], 0) == -math.inf
