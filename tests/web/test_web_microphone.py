"""A guest's microphone: when its sound was in the air, and what of it was lost, whatever network and clocks do."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.intake import QUEUE_S
from agent.audio.pcm import PERIOD, RATE_HZ, Block
from agent.web.microphone import MAX_DELAY_S, MAX_JUMP, WINDOW_S, Arrivals, Microphone
from agent.web.protocol import BadFrame, Frame, Kind
from agent.web.recording import Decoded

AHEAD = 5000.0  # our monotonic seconds at the guest's 0


def periods(number: int, count: int = 2, rate_hz: int = RATE_HZ, guest_s: float | None = None) -> Frame:
    at = number / 100 if guest_s is None else guest_s
    return Frame(Kind.PERIODS, bytes(count * rate_hz // 100 * 2), rate_hz, number, at * 1000)


def hear(microphone: Microphone) -> list[Block]:
    return microphone.read(0.0)


def stream(microphone: Microphone, seconds: float, way: float = 0.01, begin: int = 0, drift_ppm: float = 0.0) -> float:
    """Frames of 20 ms, each `way` seconds on the way; returns when the last one came."""
    now = 0.0
    for number in range(begin, begin + round(seconds * 100), 2):
        said = number / 100
        now = AHEAD + said * (1 + drift_ppm / 1e6) + 0.02 + way
        microphone.put(periods(number, guest_s=said), now)
    return now


def test_sound_is_dated_by_when_it_was_said_and_not_by_when_it_came() -> None:
    chance, microphone = random.Random(1), Microphone()
    blocks = []
    for number in range(0, 1000, 2):
        late = chance.expovariate(1 / 0.03) if number else 0.0
        microphone.put(periods(number), AHEAD + number / 100 + 0.02 + 0.005 + late)
        blocks += hear(microphone)
    for block in blocks:
        assert block.at == pytest.approx(AHEAD + block.position / RATE_HZ + 0.005, abs=0.002)
    figures = microphone.arrival()
    assert (figures.periods, figures.lost) == (1000, 0)
    assert figures.jitter_p50_ms == pytest.approx(21, abs=6)
    assert 60 < figures.jitter_p99_ms < 250
    assert 0 < figures.late < 50


@pytest.mark.parametrize("drift_ppm", [-100.0, 100.0])
def test_a_clock_that_drifts_is_followed(drift_ppm: float) -> None:
    microphone = Microphone()
    now = stream(microphone, 600.0, drift_ppm=drift_ppm)
    last = hear(microphone)[-1]
    assert last.time_of(last.position + len(last.pcm)) == pytest.approx(now - 0.01, abs=0.03)
    assert microphone.arrival().late == 0


def test_sound_that_was_held_up_is_known_to_be_late() -> None:
    microphone = Microphone()
    stream(microphone, 1.0)
    hear(microphone)
    came = AHEAD + 1.0 + 3.0
    for number in range(100, 300, 2):
        microphone.put(periods(number), came)
    (block,) = hear(microphone)
    assert block.at == pytest.approx(AHEAD + 1.0 + 0.01, abs=0.002)
    assert microphone.arrival().late == pytest.approx(99, abs=6)
    assert not block.gap


def test_what_was_lost_on_the_way_is_a_gap_and_counted() -> None:
    microphone = Microphone()
    stream(microphone, 0.5)
    stream(microphone, 0.5, begin=75)
    first, second = hear(microphone)
    assert (first.gap, second.gap) == (False, True)
    assert (len(first.pcm), second.position) == (50 * PERIOD, 75 * PERIOD)
    assert second.at - first.at == pytest.approx(0.75, abs=0.001)
    assert microphone.arrival().lost == 25


@pytest.mark.parametrize("number", [0, 48, 50 + MAX_JUMP, 2**32 - 1])
def test_periods_that_cannot_follow_are_bad(number: int) -> None:
    microphone = Microphone()
    stream(microphone, 0.5)
    with pytest.raises(BadFrame, match=f"period {number} after 50"):
        microphone.put(periods(number), AHEAD + 1)
    stream(microphone, 0.1, begin=50)
    assert microphone.arrival().periods == 60


def test_a_guests_clock_that_is_set_back_is_learned_anew() -> None:
    """A computer that slept: its clock stood still, ours did not. Its words are not stale for ever."""
    microphone = Microphone()
    stream(microphone, 2.0)
    hear(microphone)
    slept, ages = 3600.0, []
    for number in range(200, 1400, 2):
        now = AHEAD + slept + number / 100 + 0.03
        microphone.put(periods(number), now)
        ages += [now - block.time_of(block.position + len(block.pcm)) for block in hear(microphone)]
    assert max(ages) <= MAX_DELAY_S + 0.001
    after = ages[round(2 * WINDOW_S * 50) :]
    assert after
    assert max(after) < 0.02


def test_a_single_wrong_stamp_does_not_make_all_that_follows_late() -> None:
    arrivals = Arrivals()
    arrivals.taken(1e300, 1.0)
    for step in range(round(2 * WINDOW_S * 50) + 1):
        at, delay = arrivals.taken(step * 20.0, 10.0 + step * 0.02)
        assert 0 <= delay <= MAX_DELAY_S
    assert delay < 0.001
    assert at == pytest.approx(10.0 + step * 0.02)


def test_a_slow_way_of_less_than_a_window_is_no_new_clock() -> None:
    arrivals = Arrivals()
    for step in range(100):
        arrivals.taken(step * 20.0, step * 0.02)
    delays = [arrivals.taken(step * 20.0, step * 0.02 + 1.5)[1] for step in range(100, 300)]
    assert min(delays) == pytest.approx(1.5, abs=0.01)


def test_a_microphone_that_was_off_goes_on_where_it_was_whatever_its_numbers() -> None:
    microphone = Microphone()
    now = stream(microphone, 0.5)
    hear(microphone)
    microphone.afresh()
    for number in range(100_000, 100_050, 2):
        microphone.put(periods(number, guest_s=number / 100), now + 2.0 + (number - 100_000) / 100)
    (block,) = hear(microphone)
    assert (block.position, block.gap) == (50 * PERIOD, True)
    assert block.at == pytest.approx(now + 2.0 - 0.02, abs=0.001)
    assert microphone.arrival().lost == 0


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 32_000, 44_100, 48_000, 96_000])
def test_another_rate_is_another_stream(rate_hz: int) -> None:
    microphone = Microphone()
    stream(microphone, 0.5)
    wave = np.sin(np.arange(rate_hz // 100 * 50) * 2 * np.pi * 440 / rate_hz) * 10_000
    pcm = wave.astype("<i2")
    for number in range(50, 100, 2):
        payload = pcm[(number - 50) * (rate_hz // 100) :][: 2 * (rate_hz // 100)].tobytes()
        frame = Frame(Kind.PERIODS, payload, rate_hz, number, number * 10.0)
        microphone.put(frame, AHEAD + number / 100 + 0.03)
    blocks = hear(microphone)
    heard = np.concatenate([block.pcm for block in blocks[1:]])
    assert blocks[1].gap
    assert len(heard) == pytest.approx(0.5 * RATE_HZ, abs=0.06 * RATE_HZ)
    middle = heard[2000:6000].astype(float)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * RATE_HZ / len(middle) == pytest.approx(440, abs=6)


def test_what_nobody_reads_is_dropped_from_its_old_end_and_counted() -> None:
    microphone = Microphone()
    stream(microphone, QUEUE_S + 3.0)
    blocks = hear(microphone)
    assert sum(len(block.pcm) for block in blocks) <= QUEUE_S * RATE_HZ
    assert blocks[-1].position + len(blocks[-1].pcm) == (QUEUE_S + 3.0) * RATE_HZ
    assert microphone.arrival().lost == pytest.approx(300, abs=2)


def test_a_recording_is_dated_by_its_slices_and_each_one_is_a_stream_of_its_own() -> None:
    microphone = Microphone()
    for slice in range(10):
        pcm = np.zeros(RATE_HZ // 10, np.int16)
        microphone.put_decoded(Decoded(pcm, slice * len(pcm), 1, slice * 100.0 + 100), AHEAD + slice / 10 + 0.1)
    microphone.put_decoded(Decoded(np.zeros(160, np.int16), 0, 2, 2000.0), AHEAD + 2.0)
    first, second = hear(microphone)
    assert (first.at, first.gap) == (pytest.approx(AHEAD), False)
    assert second.gap
    assert second.at == pytest.approx(AHEAD + 1.99, abs=0.001)
    assert microphone.arrival().periods == 101


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**32 - 1) | st.integers(0, 100),
            st.sampled_from([8_000, 16_000, 48_000]),
            st.floats(allow_nan=False, allow_infinity=False),
            st.floats(0, 100),
        ),
        max_size=30,
    )
)
def test_whatever_a_guest_sends_the_ear_gets_sound_that_goes_on(frames: list[tuple[int, int, float, float]]) -> None:
    microphone, now, end = Microphone(), 1000.0, -1
    for number, rate_hz, guest_ms, pause in frames:
        now += pause
        try:
            microphone.put(Frame(Kind.PERIODS, bytes(rate_hz // 50 * 2), rate_hz, number, guest_ms), now)
        except BadFrame:
            continue
        for block in hear(microphone):
            assert block.position >= end
            assert now - MAX_DELAY_S - QUEUE_S <= block.at <= now + 0.001
            end = block.position + len(block.pcm)
    assert np.isfinite(microphone.arrival().jitter_p99_ms)
