"""A guest's loudspeaker: speech as messages, two seconds ahead of what was heard at most."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from agent.audio.pcm import Samples
from agent.audio.replies import AHEAD_S
from agent.audio.reply import SLICE_S
from agent.web.loudspeaker import LOUD, SLICE, SOFT, SPEECH_HZ, Loudspeaker
from agent.web.protocol import Frame, Kind, decode

TURN = (1 << 24) + 1
VOICE_HZ = 22_050


@dataclass
class Ends:
    """The connection, and the mouth."""

    frames: list[Frame] = field(default_factory=list)
    said: list[dict[str, object]] = field(default_factory=list)
    told: list[tuple[object, ...]] = field(default_factory=list)

    def send(self, item: str | bytes) -> None:
        if isinstance(item, str):
            self.said.append(json.loads(item))
        else:
            self.frames.append(decode(item))

    def audible(self, turn: int, at: float) -> None:
        self.told.append(("audible", turn, at))

    def played(self, turn: int, position: int, rate_hz: int, at: float) -> None:
        self.told.append(("played", turn, position, rate_hz, at))

    def drained(self, turn: int) -> None:
        self.told.append(("drained", turn))

    def failed(self, turn: int, reason: str) -> None:
        self.told.append(("failed", turn, reason))

    def sent_s(self) -> float:
        return sum(len(frame.payload) for frame in self.frames) / 2 / SPEECH_HZ


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def loudspeaker(ends: Ends) -> Loudspeaker:
    return Loudspeaker(ends, ends.send, None)


def sound(seconds: float) -> Samples:
    return np.ones(round(seconds * VOICE_HZ), np.int16)


def test_a_long_answer_is_sent_as_it_is_heard(loudspeaker: Loudspeaker, ends: Ends) -> None:
    loudspeaker.play(TURN, sound(20.0), VOICE_HZ)
    loudspeaker.end(TURN)
    heard = 0
    while ("drained", TURN) not in ends.told:
        assert ends.sent_s() - heard / SPEECH_HZ <= AHEAD_S + 2 * SLICE_S
        heard = min(heard + SPEECH_HZ // 10, round(ends.sent_s() * SPEECH_HZ))
        loudspeaker.playing(TURN, heard, 100.0 + heard / SPEECH_HZ)
        if {"type": "end", "turn": TURN} in ends.said and heard == round(ends.sent_s() * SPEECH_HZ):
            loudspeaker.drained(TURN)
    assert ends.sent_s() == pytest.approx(20.0, abs=0.001)
    positions = [round(frame.time) for frame in ends.frames]
    sizes = [len(frame.payload) // 2 for frame in ends.frames]
    assert positions == list(np.cumsum([0, *sizes[:-1]]))
    assert max(sizes) <= SLICE
    assert {(frame.kind, frame.number, frame.rate_hz) for frame in ends.frames} == {(Kind.SPEECH, TURN, SPEECH_HZ)}


def test_what_is_heard_is_told_to_the_mouth(loudspeaker: Loudspeaker, ends: Ends) -> None:
    loudspeaker.play(TURN, sound(1.0), VOICE_HZ)
    loudspeaker.playing(TURN, 2400, 100.0)
    loudspeaker.playing(TURN, 4800, 100.1)
    assert ends.told == [
        ("audible", TURN, pytest.approx(99.9)),
        ("played", TURN, 2205, VOICE_HZ, 100.0),
        ("played", TURN, 4410, VOICE_HZ, 100.1),
    ]


def test_a_guest_that_lies_is_not_believed(loudspeaker: Loudspeaker, ends: Ends) -> None:
    loudspeaker.drained(TURN)
    loudspeaker.playing(TURN, 1, 100.0)
    loudspeaker.play(TURN, sound(60.0), VOICE_HZ)
    loudspeaker.playing(TURN, 2**32 - 1, 100.0)
    loudspeaker.drained(TURN)
    loudspeaker.playing(TURN + 1, 10, 100.0)
    assert ends.sent_s() <= 2 * (AHEAD_S + 2 * SLICE_S)
    assert [told[0] for told in ends.told] == ["audible", "played"]
    assert ends.told[0][2] >= 100.0 - AHEAD_S  # type: ignore[operator]


def test_a_drop_is_said_at_once_and_makes_way(loudspeaker: Loudspeaker, ends: Ends) -> None:
    loudspeaker.play(TURN, sound(60.0), VOICE_HZ)
    loudspeaker.play(TURN + 1, sound(1.0), VOICE_HZ)
    before = len(ends.frames)
    loudspeaker.drop(TURN)
    assert ends.said == [{"type": "drop", "turn": TURN}]
    assert {frame.number for frame in ends.frames[before:]} == {TURN + 1}
    loudspeaker.play(TURN, sound(1.0), VOICE_HZ)
    loudspeaker.end(TURN)
    assert {frame.number for frame in ends.frames[before:]} == {TURN + 1}
    loudspeaker.playing(TURN, 100, 1.0)
    assert ends.told == []


def test_whoever_leaves_has_heard_nothing_more(loudspeaker: Loudspeaker, ends: Ends) -> None:
    loudspeaker.play(TURN, sound(60.0), VOICE_HZ)
    loudspeaker.gone()
    loudspeaker.gone()
    assert ends.told == [("failed", TURN, "the guest has left")]


def test_short_sounds_softness_and_volume(loudspeaker: Loudspeaker, ends: Ends) -> None:
    loudspeaker.earcon(np.ones(4410, np.int16), 44_100)
    loudspeaker.soften(on=True)
    loudspeaker.soften(on=False)
    loudspeaker.volume(30)
    loudspeaker.prepare()
    (frame,) = ends.frames
    assert (frame.kind, frame.rate_hz, len(frame.payload) // 2) == (Kind.SOUND, SPEECH_HZ, pytest.approx(2400, abs=2))
    assert ends.said == [
        {"type": "duck", "db": SOFT[0], "ramp_ms": SOFT[1]},
        {"type": "duck", "db": LOUD[0], "ramp_ms": LOUD[1]},
        {"type": "volume", "percent": 30},
    ]
