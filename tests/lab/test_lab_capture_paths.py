"""What the bench of the ways of sound makes of what was heard; that it runs, with a browser, is for who calls it."""

from __future__ import annotations

import numpy as np
import pytest

from agent.audio.pcm import RATE_HZ, Block, Samples
from agent.lab import pathsplot
from agent.lab.bench import capture_paths
from agent.lab.bench.capture_paths import SOUNDS, delays_ms, find, granularity_ms, sounds, sweep
from agent.lab.playing import Played
from agent.lab.visits import sound_of

DATED_LATE_S = 0.1  # a way that dates its sound wrongly is measured rightly


def heard(
    sound: Samples, delay_s: float, block: int, lost: range = range(0), began: float = 50.0
) -> list[tuple[float, Block]]:
    """Blocks of a source whose sound begins at `began`, each of them had so long after its last sample."""
    starts = range(0, len(sound) - block, block)
    return [
        (
            began + (start + block) / RATE_HZ + delay_s,
            Block(sound[start : start + block], 1000 + start, began + start / RATE_HZ + DATED_LATE_S),
        )
        for index, start in enumerate(starts)
        if index not in lost
    ]


@pytest.mark.parametrize(("delay_ms", "block"), [(0.0, 160), (30.0, 320), (200.0, 1600)])
def test_a_delay_is_found_whatever_comes_at_once(delay_ms: float, block: int) -> None:
    sound = sounds()
    played = Played(50.0, 50.0 + len(sound) / RATE_HZ)
    delays = delays_ms(heard(sound, delay_ms / 1000, block), sound, played)
    assert len(delays) == SOUNDS
    assert min(delays) >= delay_ms - 0.1
    assert max(delays) <= delay_ms + block * 1000 / RATE_HZ + 0.1


def test_a_sound_that_was_lost_is_not_found_elsewhere() -> None:
    sound = sounds()
    lost = range(round(1.45 * 100), round(1.6 * 100))
    delays = delays_ms(heard(sound, 0.02, 160, lost), sound, Played(50.0, 50.0 + len(sound) / RATE_HZ))
    assert len(delays) == SOUNDS - 1


def test_silence_and_noise_hold_no_sound() -> None:
    sound = sounds()
    played = Played(50.0, 50.0 + len(sound) / RATE_HZ)
    noise = np.random.default_rng(1).integers(-9000, 9000, len(sound)).astype(np.int16)
    assert delays_ms(heard(np.zeros_like(sound), 0.0, 160), sound, played) == []
    assert delays_ms(heard(noise, 0.0, 160), sound, played) == []
    assert delays_ms([], sound, played) == []


def test_neighbours_are_not_taken_for_each_other() -> None:
    first, other = sweep(800, 3000), sweep(3000, 800)
    track = np.zeros(RATE_HZ, np.int16)
    track[8000 : 8000 + len(other)] = other
    assert find(other, track, 8100) == 8000
    assert find(first, track, 8100) is None


def test_how_much_comes_at_once_counts_what_was_had_together() -> None:
    sound = np.zeros(3200, np.int16)
    blocks = [(1.0 if index < 2 else 2.0, block) for index, (_, block) in enumerate(heard(sound, 0.0, 320)[:4])]
    assert granularity_ms(blocks) == 40.0


def test_lost_sound_is_silence_in_its_place() -> None:
    sound = np.arange(1, 1601, dtype=np.int16)
    joined, first = sound_of(heard(sound, 0.0, 160, range(2, 3)))
    assert first == 1000
    assert list(joined[:320]) == list(range(1, 321))
    assert not joined[320:480].any()
    assert joined[480] == 481


def test_the_picture_has_a_line_for_each_way_and_says_what_was_not_found() -> None:
    row = {"p50_ms": 20.0, "p90_ms": 30.0, "granularity_ms": 10.0}
    nothing = {"p50_ms": None, "p90_ms": None, "granularity_ms": None}
    figures = {"native": row, "worklet": row, "recorder": nothing, "quoted": capture_paths.QUOTED}
    (axes,) = pathsplot.compose(figures).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["native ALSA, in the agent", "AudioWorklet over a WebSocket", "MediaRecorder"]
    assert "no sound was found" in [text.get_text() for text in axes.texts]
