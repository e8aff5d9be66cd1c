"""What a guest records, through the real decoding child: delays, order, and everything that can go wrong with it."""

from __future__ import annotations

import os
import queue
import re
import signal
import statistics
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from web_recordings import FRAGMENT_MS, likeness, recording, sentence, slices, webm_bomb

from agent.audio.pcm import RATE_HZ, Samples
from agent.child import ChildSpec
from agent.web.container_child import MEMORY, Pace
from agent.web.containers import BadContainer
from agent.web.protocol import Frame, Kind
from agent.web.recording import SPEC, Decoded, Recording

WAIT_S = 20.0
PATH = f"{Path(__file__).parent}{os.pathsep}{Path(__file__).parents[2]}"


class Guest:
    """A recording, and what its owner is told."""

    def __init__(self, spec: ChildSpec = SPEC) -> None:
        self.heard: queue.Queue[Decoded] = queue.Queue()
        self.broken: queue.Queue[str] = queue.Queue()
        self.over: queue.Queue[str] = queue.Queue()
        self.recording = Recording(self.heard.put, self.broken.put, self.over.put, spec)
        self.number = 0

    def hand(self, *pieces: bytes, at_ms: float = 0.0) -> None:
        for piece in pieces:
            self.recording.take(Frame(Kind.CONTAINER, piece, number=self.number, time=at_ms))
            self.number += 1

    def again(self) -> None:
        self.number = 0

    def hear(self, samples: int) -> Samples:
        """So many at least, all of one recording."""
        got = [self.heard.get(timeout=WAIT_S)]
        while sum(len(each.pcm) for each in got) < samples:
            got.append(self.heard.get(timeout=WAIT_S))
        at = 0
        for each in got:
            assert (each.position, each.recording) == (at, got[0].recording)
            at += len(each.pcm)
        return np.concatenate([each.pcm for each in got])

    def of_child(self, key: str) -> int:
        """A number of /proc/PID/status."""
        status = Path(f"/proc/{self.recording.pid}/status").read_text()
        found = re.search(rf"^{key}:\s+(\d+)", status, re.MULTILINE)
        assert found
        return int(found[1])


@pytest.fixture
def guest() -> Iterator[Guest]:
    guest = Guest()
    guest.recording.start()
    yield guest
    guest.recording.stop()


def sick(mood: str) -> Guest:
    env = {**os.environ, "PYTHONPATH": PATH}
    guest = Guest(ChildSpec("web-container", "sick_container", (mood,), env, ready_s=2.0, silent_s=1.5))
    guest.recording.start()
    return guest


@pytest.mark.parametrize("kind", ["webm", "mp4", "mp4, opus"])
def test_slices_become_sound_and_the_end_gives_the_rest(guest: Guest, kind: str) -> None:
    guest.hand(*slices(recording(kind), 2000))
    guest.recording.end()
    assert likeness(sentence(), guest.hear(len(sentence())))[1] > 0.99


def test_sound_knows_when_its_slice_was_handed_over(guest: Guest) -> None:
    first, second, *_ = slices(recording("webm"), 2000)
    guest.hand(first, at_ms=1000.25)
    guest.hand(second, at_ms=1100.5)
    assert guest.heard.get(timeout=WAIT_S).handed_ms == 1000.25
    while (handed_ms := guest.heard.get(timeout=WAIT_S).handed_ms) == 1000.25:
        pass
    assert handed_ms == 1100.5


def test_a_slice_of_100_ms_is_decoded_soon(guest: Guest) -> None:
    data = recording("mp4", 6.0)
    marks = [found.start() - 4 for found in re.finditer(b"moof", data)]
    guest.hand(data[: marks[0]])
    delays = []
    for start, end in pairwise(marks):
        began = time.perf_counter()
        guest.hand(data[start:end])
        guest.heard.get(timeout=WAIT_S)
        delays.append(time.perf_counter() - began)
    assert len(delays) > 5.5 * 1000 / FRAGMENT_MS
    assert statistics.median(delays[5:]) < 0.02


def test_a_new_recording_in_the_middle_of_another(guest: Guest) -> None:
    guest.hand(*slices(recording("webm"), 2000)[:5])
    guest.hear(RATE_HZ // 4)
    guest.again()
    guest.hand(*slices(recording("mp4"), 2000))
    while (first := guest.heard.get(timeout=WAIT_S)).recording == 1:
        pass
    assert first.position == 0
    assert guest.broken.empty()


def test_a_frame_that_is_missing_and_a_child_that_is_killed_ask_for_a_new_recording_once(guest: Guest) -> None:
    pieces = slices(recording("webm"), 1000)
    guest.hand(*pieces[:3])
    guest.number += 1
    guest.hand(*pieces[4:8])
    assert "frame 4 of the recording came instead of 3" in guest.broken.get(timeout=WAIT_S)
    guest.again()
    guest.hand(*pieces[:3])
    while guest.heard.get(timeout=WAIT_S).recording != 2:
        pass
    assert guest.recording.pid
    os.kill(guest.recording.pid, signal.SIGKILL)
    assert "SIGKILL" in guest.broken.get(timeout=WAIT_S)
    guest.hand(*pieces[3:])
    guest.again()
    guest.hand(*pieces)
    guest.recording.end()
    while (first := guest.heard.get(timeout=WAIT_S)).recording != 3:
        pass
    assert first.position == 0
    assert guest.broken.empty()
    assert guest.over.empty()


def test_garbage_and_a_bomb_ask_for_a_new_recording_and_cost_no_memory(guest: Guest) -> None:
    guest.hand(b"not a recording at all")
    assert guest.broken.get(timeout=WAIT_S) == "neither WebM nor MP4"
    usual = guest.of_child("VmRSS")
    for _ in range(3):
        guest.again()
        guest.hand(*slices(webm_bomb(4000), 8000))
        assert guest.broken.get(timeout=WAIT_S) == "sound that comes faster than time"
    assert guest.of_child("VmRSS") - usual < 30_000  # kB
    assert guest.over.empty()


def test_the_pace_lets_a_minute_of_backlog_through_and_then_no_more_than_half_as_fast_again() -> None:
    pace = Pace(0.0)
    pace.took(59 * RATE_HZ, 0.0)
    for second in range(1, 100):
        pace.took(RATE_HZ * 3 // 2, float(second))
    with pytest.raises(BadContainer):
        pace.took(3 * RATE_HZ, 100.0)


def test_one_that_sends_more_than_is_decoded_begins_anew() -> None:
    guest = sick("mute")
    guest.hand(*[bytes(60_000)] * 30)
    assert "more is recorded than can be decoded" in guest.broken.get(timeout=WAIT_S)
    guest.recording.stop()


def test_a_decoder_that_hangs_is_ended_and_three_times_is_the_end_of_it() -> None:
    guest = sick("stuck")
    for _ in range(3):
        guest.again()
        guest.hand(b"whatever")
        assert "SIGALRM" in guest.broken.get(timeout=WAIT_S)
    assert "3 deaths" in guest.over.get(timeout=WAIT_S)
    guest.recording.stop()


def test_a_child_has_no_more_memory_than_it_may_have_and_opens_nothing() -> None:
    greedy = sick("greedy")
    greedy.hand(b"whatever")
    assert "exited with 1" in greedy.broken.get(timeout=WAIT_S)
    greedy.recording.stop()
    curious = sick("curious")
    curious.hand(b"whatever")
    assert "exited with 40" in curious.broken.get(timeout=WAIT_S)
    curious.recording.stop()


def test_the_child_is_small_and_ends_at_once(guest: Guest) -> None:
    guest.hand(*slices(recording("webm"), 2000))
    guest.hear(RATE_HZ)
    assert guest.of_child("VmRSS") < 80_000  # kB
    assert guest.of_child("VmSize") < 700_000
    assert MEMORY < 256 << 20
    pid = guest.recording.pid
    began = time.perf_counter()
    guest.recording.stop()
    assert time.perf_counter() - began < 0.5
    assert not Path(f"/proc/{pid}").exists()
