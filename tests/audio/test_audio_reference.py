"""The echo reference, by numbers: where what was played is found, and where there is nothing."""

from __future__ import annotations

import numpy as np

from agent.audio.monitor import told
from agent.audio.pcm import RATE_HZ
from agent.audio.reference import LOST_S, TAIL_S, Reference

DEVICE_HZ = 48_000
START_S = 500.0
STEP = 960  # frames: 20 ms
HELD = 2880  # frames that wait in the device


def tone(at: np.ndarray, hz: float = 440.0) -> np.ndarray:
    return 10_000 * np.sin(2 * np.pi * hz * at)


def played(reference: Reference, seconds: float, late_s: float = 0.0, start_s: float = START_S, first: int = 0) -> None:
    """A tone, told piece by piece, with stamps that are late by up to `late_s`."""
    rng = np.random.default_rng(1)
    sound = tone(np.arange(round(seconds * DEVICE_HZ)) / DEVICE_HZ).astype(np.float32)
    for at in range(0, len(sound), STEP):
        stamp = start_s + at / DEVICE_HZ + (rng.uniform(0, late_s) if at else 0.0)
        records = told(sound[at : at + STEP], first + at, stamp, HELD if at else 0, 7, DEVICE_HZ)
        for record in records:
            reference.put(record, DEVICE_HZ)


def read(reference: Reference, start_s: float, seconds: float) -> np.ndarray:
    """Period by period, as the ear does."""
    return np.concatenate([reference.read(start_s + at / 100, 160) for at in range(round(seconds * 100))])


def test_what_was_played_is_found_at_its_time_to_a_fraction_of_a_sample() -> None:
    reference = Reference()
    played(reference, 2.0)
    start = START_S + 0.5 + 0.37 / RATE_HZ
    expected = tone(start - START_S + np.arange(RATE_HZ) / RATE_HZ)
    assert np.abs(read(reference, start, 1.0) - expected).max() < 100
    assert reference.turn == 7


def test_stamps_that_are_late_do_not_shake_it() -> None:
    """Late by up to 4 ms each: the sound lies where the earliest of them say, to 0.2 ms."""
    reference = Reference()
    played(reference, 4.0, late_s=0.004)
    found = read(reference, START_S + 2.0, 1.0)
    shifts = np.arange(-8, 9) / RATE_HZ
    errors = [np.abs(found - tone(2.0 + shift + np.arange(RATE_HZ) / RATE_HZ)).mean() for shift in shifts]
    assert abs(shifts[int(np.argmin(errors))]) <= 0.0002
    assert min(errors) < 800


def test_where_nothing_was_played_there_is_nothing() -> None:
    reference = Reference()
    assert not reference.read(START_S, 160).any()
    assert not reference.playing(START_S)
    played(reference, 1.0)
    assert not reference.read(START_S - 1.0, 1600).any()
    assert not reference.read(START_S + 1.1, 1600).any()
    assert reference.playing(START_S + 1.0 + TAIL_S - 0.1)
    assert not reference.playing(START_S + 1.0 + TAIL_S + 0.1)


def test_after_the_device_ran_dry_the_sound_is_where_it_began_anew() -> None:
    reference = Reference()
    played(reference, 1.0)
    played(reference, 1.0, start_s=START_S + 3.0, first=DEVICE_HZ)
    assert not reference.read(START_S + 2.0, 8000).any()
    expected = tone(0.5 + np.arange(1600) / RATE_HZ)
    assert np.abs(reference.read(START_S + 3.5, 1600) - expected).max() < 100


def test_an_underrun_that_nobody_told_is_seen_by_the_stamps() -> None:
    reference = Reference()
    sound = tone(np.arange(DEVICE_HZ) / DEVICE_HZ).astype(np.float32)
    lost_s = LOST_S + 0.1
    for at in range(0, len(sound), STEP):
        stamp = START_S + at / DEVICE_HZ + (lost_s if at >= DEVICE_HZ // 2 else 0.0)
        for record in told(sound[at : at + STEP], at, stamp, HELD, 1, DEVICE_HZ):
            reference.put(record, DEVICE_HZ)
    found = reference.read(START_S + 0.7 + lost_s, 1600)
    assert np.abs(found - tone(0.7 + np.arange(1600) / RATE_HZ)).max() < 100


def test_records_that_were_dropped_leave_a_hole_and_no_shift() -> None:
    reference = Reference()
    sound = tone(np.arange(DEVICE_HZ) / DEVICE_HZ).astype(np.float32)
    for at in range(0, len(sound), STEP):
        if not 0.4 <= at / DEVICE_HZ < 0.5:
            for record in told(sound[at : at + STEP], at, START_S + at / DEVICE_HZ, HELD, 1, DEVICE_HZ):
                reference.put(record, DEVICE_HZ)
    found = reference.read(START_S + 0.7, 1600)
    assert np.abs(found - tone(0.7 + np.arange(1600) / RATE_HZ)).max() < 100
    assert not reference.read(START_S + 0.43, 320).any()


def test_what_was_dropped_is_not_in_it() -> None:
    reference = Reference()
    played(reference, 1.0)
    reference.silenced(START_S + 0.4)
    assert reference.read(START_S + 0.3, 160).any()
    assert not reference.read(START_S + 0.45, 1600).any()
    assert not reference.playing(START_S + 0.4 + TAIL_S + 0.1)


def test_the_beginning_is_read_in_part() -> None:
    reference = Reference()
    played(reference, 1.0)
    found = reference.read(START_S - 0.005, 160)
    assert len(found) == 160
    assert found[82:].all()
    assert not found[:76].any()


def test_long_speech_is_not_kept() -> None:
    reference = Reference()
    played(reference, 12.0)
    assert not reference.read(START_S + 1.0, 160).any()
    assert reference.read(START_S + 11.0, 160).any()
