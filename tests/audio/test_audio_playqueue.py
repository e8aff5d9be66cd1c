"""The speaker's queue and its ledger, by numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.playqueue import EARCON, Ledger, PlayQueue, Ramp


def level(count: int, value: int = 1000) -> np.ndarray:
    return np.full(count, value, np.int16)


def test_turns_come_out_in_order_with_their_ends() -> None:
    queue = PlayQueue(1.0)
    queue.add(1, 0, level(100))
    queue.end(1)
    queue.add(2, 0, level(50, 2000))
    pcm, marks = queue.take(120)
    assert pcm.tolist() == [1000.0] * 100 + [2000.0] * 20
    assert [(mark.turn, mark.position, mark.start, mark.count, mark.last) for mark in marks] == [
        (1, 0, 0, 100, False),
        (1, 0, 100, 0, True),
        (2, 0, 100, 20, False),
    ]
    assert queue.unfinished == 2
    pcm, marks = queue.take(120)
    assert len(pcm) == 30
    assert marks[0].position == 20


def test_a_dropped_turn_is_gone_for_good() -> None:
    queue = PlayQueue(1.0)
    queue.add(1, 0, level(100))
    queue.add(2, 0, level(100))
    queue.take(10)
    queue.drop(1)
    queue.add(1, 100, level(100))
    queue.end(1)
    assert queue.waiting == 100
    _, marks = queue.take(1000)
    assert {mark.turn for mark in marks} == {2}


def test_an_earcon_is_added_and_not_ducked() -> None:
    queue = PlayQueue(1.0)
    queue.duck(0.0, 0.0)
    queue.add(1, 0, level(2000))
    queue.take(1000)
    queue.add(EARCON, 0, level(100, 500))
    pcm, marks = queue.take(300)
    assert pcm.tolist() == [500.0] * 100 + [0.0] * 200
    assert marks[0].turn == EARCON


def test_gains_glide() -> None:
    ramp = Ramp(1.0)
    ramp.to(0.0, 100)
    gains = np.concatenate([np.atleast_1d(ramp.take(60)), np.atleast_1d(ramp.take(60))])
    assert np.all(np.diff(gains) <= 0)
    assert np.abs(np.diff(gains)).max() < 0.011
    assert gains[-1] == 0.0
    assert ramp.take(5) == 0.0


def test_a_sound_begins_at_the_volume_that_was_set_before_it() -> None:
    """Ten milliseconds at the day's volume would be a crack at night."""
    queue = PlayQueue(1.0)
    queue.volume(0.1)
    queue.add(1, 0, np.full(960, 1000, np.int16))
    assert queue.take(480)[0].max() == pytest.approx(100)
    queue.volume(1.0)
    gliding = queue.take(480)[0]
    assert gliding[0] < 110
    assert gliding[-1] == pytest.approx(1000)


def test_the_queue_is_bounded() -> None:
    queue = PlayQueue(1.0, limit=1000)
    assert queue.add(1, 0, level(1000))
    assert not queue.add(1, 1000, level(1))


def test_the_ledger_tells_what_was_heard() -> None:
    queue, ledger = PlayQueue(1.0), Ledger()
    queue.add(1, 0, level(100))
    queue.end(1)
    ledger.write(queue.take(1000)[1])
    assert ledger.heard(40) == ({1: 40}, [])
    assert ledger.heard(100) == ({1: 100}, [1])
    assert ledger.turns() == set()


@given(st.data())
def test_every_frame_is_heard_once_and_every_turn_drains_once(data: st.DataObject) -> None:
    queue, ledger = PlayQueue(1.0), Ledger()
    lengths = data.draw(st.lists(st.lists(st.integers(0, 300), max_size=4), min_size=1, max_size=4))
    for turn, parts in enumerate(lengths, 1):
        position = 0
        for length in parts:
            queue.add(turn, position, level(length))
            position += length
        queue.end(turn)
    drained: list[int] = []
    heard: dict[int, int] = {}
    played = 0
    while not queue.is_empty() or played < queue.taken:
        ledger.write(queue.take(data.draw(st.integers(1, 200)))[1])
        played += data.draw(st.integers(0, queue.taken - played))
        if queue.is_empty():
            played = queue.taken
        reached, ended = ledger.heard(played)
        drained += ended
        assert all(position >= heard.get(turn, 0) for turn, position in reached.items())
        heard |= reached
    drained += ledger.heard(played)[1]
    assert drained == list(range(1, len(lengths) + 1))
    assert heard == {turn: sum(parts) for turn, parts in enumerate(lengths, 1) if sum(parts)}
