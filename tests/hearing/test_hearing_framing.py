"""Re-slicing: nothing lost, nothing twice, positions true."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.hearing.framing import Framer


@given(st.lists(st.integers(0, 400)), st.integers(1, 300), st.integers(0, 10_000))
def test_any_slicing_gives_the_same_hops(cuts: list[int], n: int, start: int) -> None:
    sound = np.arange(sum(cuts), dtype=np.int16)
    framer = Framer(n)
    hops, at = [], 0
    for cut in cuts:
        hops += framer.feed(sound[at : at + cut], start + at)
        at += cut
    whole = len(sound) // n
    assert [hop.position for hop in hops] == [start + i * n for i in range(whole)]
    assert all(len(hop.pcm) == n and hop.end == hop.position + n for hop in hops)
    rest = framer.flush()
    assert np.array_equal(np.concatenate([sound[:0], *(hop.pcm for hop in hops + rest)]), sound)
    assert framer.flush() == []


def test_a_jump_drops_the_hop_that_had_begun() -> None:
    framer = Framer(10)
    assert framer.feed(np.ones(6, np.int16), 0) == []
    (hop,) = framer.feed(np.full(10, 2, np.int16), 100)
    assert (hop.position, hop.pcm.tolist()) == (100, [2] * 10)


def test_what_is_left_over_does_not_follow_the_reader_s_buffer() -> None:
    framer = Framer(10)
    buffer = np.ones(6, np.int16)
    framer.feed(buffer, 0)
    buffer[:] = 9
    (hop,) = framer.feed(np.ones(4, np.int16), 6)
    assert hop.pcm.tolist() == [1] * 10
