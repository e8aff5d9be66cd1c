"""What is to be said and how far it has come: never further ahead than allowed, whatever a speaker reports."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.pcm import Samples
from agent.audio.replies import AHEAD_S, WAITING_S, Replies
from agent.audio.reply import SLICE_S

DEVICE_HZ, VOICE_HZ = 24_000, 22_050


@dataclass
class Ends:
    """The way to the speaker, and whoever listens to what is heard."""

    sent: list[tuple[int, int, int]] = field(default_factory=list)  # turn, position, frames
    finished: list[int] = field(default_factory=list)
    told: list[tuple[object, ...]] = field(default_factory=list)

    def sound(self, turn: int, pcm: Samples, position: int) -> None:
        self.sent.append((turn, position, len(pcm)))

    def finish(self, turn: int) -> None:
        self.finished.append(turn)

    def audible(self, turn: int, at: float) -> None:
        self.told.append(("audible", turn))

    def played(self, turn: int, position: int, rate_hz: int, at: float) -> None:
        self.told.append(("played", turn, position, rate_hz))

    def drained(self, turn: int) -> None:
        self.told.append(("drained", turn))

    def failed(self, turn: int, reason: str) -> None:
        self.told.append(("failed", turn, reason))

    def frames(self, turn: int) -> int:
        return sum(frames for each, _, frames in self.sent if each == turn)


def made(rate_hz: int = DEVICE_HZ) -> tuple[Replies, Ends]:
    ends = Ends()
    replies = Replies(ends, ends)
    replies.speaker(rate_hz)
    return replies, ends


def sound(seconds: float) -> Samples:
    return np.ones(round(seconds * VOICE_HZ), np.int16)


def test_a_speaker_is_two_seconds_ahead_at_most() -> None:
    replies, ends = made()
    assert replies.play(1, sound(60.0), VOICE_HZ)
    for heard_s in range(40):
        assert AHEAD_S <= ends.frames(1) / DEVICE_HZ - heard_s <= AHEAD_S + 2 * SLICE_S
        replies.played(1, (heard_s + 1) * DEVICE_HZ, 0.0)
    positions = [position for _, position, _ in ends.sent]
    assert positions == list(np.cumsum([0, *(frames for _, _, frames in ends.sent[:-1])]))


@pytest.mark.parametrize("position", [2**32 - 1, 10 * DEVICE_HZ])
def test_who_says_to_have_heard_what_was_never_sent_gets_no_more_than_anybody(position: int) -> None:
    replies, ends = made()
    replies.play(1, sound(60.0), VOICE_HZ)
    before = ends.frames(1)
    replies.played(1, position, 0.0)
    assert ends.frames(1) <= before + (AHEAD_S + 2 * SLICE_S) * DEVICE_HZ
    assert ends.told[-1][2] <= before * VOICE_HZ // DEVICE_HZ + VOICE_HZ * SLICE_S


def test_what_was_heard_is_not_unheard() -> None:
    replies, ends = made()
    replies.play(1, sound(60.0), VOICE_HZ)
    replies.played(1, DEVICE_HZ, 0.0)
    before = ends.frames(1)
    replies.played(1, 0, 0.0)
    replies.played(1, DEVICE_HZ, 0.0)
    assert ends.frames(1) == before
    assert [told[2] for told in ends.told] == [VOICE_HZ] * 3


def test_all_is_heard_only_when_all_was_sent() -> None:
    replies, ends = made()
    replies.play(1, sound(3.0), VOICE_HZ)
    replies.drained(1)
    replies.end(1)
    replies.drained(1)
    assert ends.told == [], "its last second has not been sent"
    replies.played(1, 2 * DEVICE_HZ, 0.0)
    assert ends.finished == [1]
    replies.drained(1)
    assert ends.told[-1] == ("drained", 1)
    replies.drained(1)
    assert [told[0] for told in ends.told].count("drained") == 1
    assert ends.frames(1) == pytest.approx(3 * DEVICE_HZ, abs=2)


def test_a_dropped_turn_makes_room_and_is_heard_of_no_more() -> None:
    replies, ends = made()
    replies.play(1, sound(60.0), VOICE_HZ)
    replies.play(2, sound(1.0), VOICE_HZ)
    assert ends.frames(2) == 0
    replies.forget(1)
    replies.feed()
    assert ends.frames(2) > 0
    assert replies.play(1, sound(60.0), VOICE_HZ), "taken, and thrown away"
    replies.played(1, DEVICE_HZ, 0.0)
    replies.drained(1)
    assert ends.told == []
    assert not replies.alive(1)


def test_what_waits_is_bounded() -> None:
    replies, _ = made(rate_hz=0)
    assert replies.play(1, sound(WAITING_S - 1), VOICE_HZ)
    assert not replies.play(1, sound(2.0), VOICE_HZ)
    assert replies.room() == pytest.approx(1.0, abs=0.01)
    assert replies.play(1, sound(0.9), VOICE_HZ)


def test_a_speaker_that_fails_is_told_once_for_each_turn() -> None:
    replies, ends = made()
    for turn in (1, 2, 3):
        replies.play(turn, sound(1.0), VOICE_HZ)
    replies.fail("gone", 1)
    replies.fail("gone")
    replies.fail("gone")
    assert ends.told == [("failed", 1, "gone"), ("failed", 2, "gone"), ("failed", 3, "gone")]
    assert replies.play(3, sound(1.0), VOICE_HZ)
    assert not replies.alive(3)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["play", "end", "forget", "played", "drained", "fail"]),
            st.integers(1, 3),
            st.integers(0, 2**32 - 1) | st.integers(0, 5 * DEVICE_HZ),
        ),
        max_size=60,
    )
)
def test_whatever_is_reported_nothing_is_sent_twice_or_too_early(steps: list[tuple[str, int, int]]) -> None:
    replies, ends = made()
    reported: dict[int, int] = {}
    for what, turn, number in steps:
        match what:
            case "play":
                replies.play(turn, sound(0.7), VOICE_HZ)
            case "end":
                replies.end(turn)
            case "forget":
                replies.forget(turn)
            case "played":
                reported[turn] = max(reported.get(turn, 0), min(number, ends.frames(turn)))
                replies.played(turn, number, 0.0)
            case "drained":
                replies.drained(turn)
            case _:
                replies.fail("gone", turn)
        for each in (1, 2, 3):
            assert ends.frames(each) <= reported.get(each, 0) + (AHEAD_S + 2 * SLICE_S) * DEVICE_HZ
    for each in (1, 2, 3):
        expected = 0
        for position, frames in ((at, count) for of, at, count in ends.sent if of == each):
            assert position in (expected, 0)
            expected = position + frames
    endings = [(told[0], told[1]) for told in ends.told if told[0] in ("drained",)]
    assert len(endings) == len(set(endings)) or ends.finished
