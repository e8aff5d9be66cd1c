"""Who is near: levels in, a level out."""

from __future__ import annotations

import math

from agent.audio.pcm import PERIOD
from agent.hearing.endpoint import Period
from agent.hearing.nearness import ABOVE_DB, NEAR_DB, UNEVEN_DB, nearness


def periods(*levels: tuple[int, float]) -> list[Period]:
    flat = [level for count, level in levels for _ in range(count)]
    return [Period(at * PERIOD, True, level) for at, level in enumerate(flat)]


def test_what_was_there_before_the_wake_word_is_not_the_user() -> None:
    assert nearness(periods((200, 45.0), (100, 60.0)), 300 * PERIOD).least_db == 45.0 + ABOVE_DB


def test_whoever_spoke_as_loud_before_is_not_shut_out_for_it() -> None:
    assert nearness(periods((200, 60.0), (100, 60.0)), 300 * PERIOD).least_db == 60.0 - NEAR_DB


def test_one_voice_before_may_have_been_the_user() -> None:
    assert nearness(periods((100, 60.0), (100, 20.0), (100, 60.0)), 300 * PERIOD).least_db == 60.0 - UNEVEN_DB


def test_a_quiet_room_sets_no_limit_that_speech_could_miss() -> None:
    assert nearness(periods((200, 5.0), (100, 60.0)), 300 * PERIOD).least_db == 5.0 + ABOVE_DB


def test_of_a_room_that_was_hardly_heard_nothing_is_known() -> None:
    assert nearness(periods((20, 45.0), (100, 60.0)), 120 * PERIOD).least_db == -math.inf
    assert nearness([], 0).least_db == -math.inf


def test_only_noise_that_may_hide_the_first_sounds_is_said_to() -> None:
    assert nearness(periods((200, 45.0), (100, 60.0)), 300 * PERIOD).noisy
    assert not nearness(periods((200, 25.0), (100, 60.0)), 300 * PERIOD).noisy
