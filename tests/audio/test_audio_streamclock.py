"""The clock of a stream: jitter in, steady time out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.audio.streamclock import SECOND_NS, Lateness, SpeedLimit, StreamClock

RATE = 16_000
PERIOD_NS = 10_000_000


@given(st.lists(st.integers(0, 9_900_000), min_size=200, max_size=400))
def test_late_looks_do_not_move_the_time(late_ns: list[int]) -> None:
    """The reader looks up to a period late, at random, but once in time."""
    clock = StreamClock(RATE, 0, 0)
    for number, late in enumerate([0, *late_ns], 1):
        clock.look(number * PERIOD_NS + late, number * 160)
    assert 0 <= clock.time_of(0) < 3_000_000


def test_it_follows_a_clock_that_drifts() -> None:
    """200 ppm for ten minutes would be 120 ms."""
    for ppm in (-200, 200):
        clock = StreamClock(RATE, 0, 0)
        for number in range(1, 60_001):
            now_ns = number * PERIOD_NS * (1_000_000 + ppm) // 1_000_000
            clock.look(now_ns, number * 160)
        assert abs(clock.time_of(60_000 * 160) - now_ns) < 1_000_000


def test_position_and_time_are_inverse() -> None:
    clock = StreamClock(44_100, 5 * SECOND_NS, 44_100)
    assert clock.time_of(44_100) == 5 * SECOND_NS
    assert clock.position_at(clock.time_of(123_456) + 1000) == 123_456


def test_lateness_for_a_whole_second_means_missing_frames() -> None:
    lateness = Lateness(limit_frames=480)
    looks = [lateness.look(number * PERIOD_NS, 800) for number in range(150)]
    assert looks.count(True) == 1
    lateness = Lateness(limit_frames=480)
    assert not any(lateness.look(number * PERIOD_NS, 800 if number % 50 else 0) for number in range(1000))


def test_a_device_without_pace_overdraws_and_a_burst_does_not() -> None:
    limit = SpeedLimit(RATE, 0)
    assert limit.took(SECOND_NS, 2 * RATE)
    assert all(limit.took(SECOND_NS + n * PERIOD_NS, 160) for n in range(1000))
    assert not all(limit.took(20 * SECOND_NS + n * 100_000, 160) for n in range(1000))
