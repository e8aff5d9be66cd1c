"""When a remote microphone sends what, and what it makes of the agent's words: no socket, no clock, no sound card."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.audio.pcm import PERIOD, RATE_HZ
from agent.remote.doings import (
    Attend,
    Beep,
    Complete,
    Doing,
    Leave,
    Loudness,
    Play,
    Prepare,
    Say,
    Silence,
    Soften,
    Stream,
    Tell,
)
from agent.remote.session import BUSY_S, FINAL, LEAD, LINGER_S, WAKE_S, Periods, Session
from agent.web import protocol
from agent.web.protocol import BadFrame, Ending, Frame, Kind, message

WORD = "hey_jarvis"
RESERVED = [{"type": "mic", "on": True}, {"type": "mic", "on": False}]


@dataclass
class Rig:
    """A session whose microphone hears a period every 10 ms; all samples of a period have its number as value."""

    session: Session = field(default_factory=Session)
    now: float = 1000.0
    number: int = 0
    doings: list[Doing] = field(default_factory=list)

    def connect(self, resumed: bool = False, **fields: Any) -> list[Doing]:
        hello = self.session.opened()
        self.doings += hello
        return hello + self.said("welcome", key="key", resumed=resumed, words=[WORD], **fields)

    def said(self, type: str, **fields: Any) -> list[Doing]:
        return self.take(self.session.said(message(type, **fields), self.now))

    def hear(self, periods: int = 1, each: int = 1) -> list[Doing]:
        got: list[Doing] = []
        for _ in range(periods // each):
            pcm = np.repeat(np.arange(self.number, self.number + each), PERIOD).astype(np.int16)
            sound = Periods(self.number, self.now, pcm)
            self.number += each
            self.now += each / 100
            got += self.take(self.session.heard(sound, self.now))
        return got

    def wake(self, word: str = WORD) -> list[Doing]:
        return self.take(self.session.woke(word, 0.9, self.now))

    def take(self, doings: list[Doing]) -> list[Doing]:
        self.doings += doings
        return doings


def sent(doings: list[Doing]) -> list[Frame]:
    return [protocol.decode(doing.frame) for doing in doings if isinstance(doing, Stream)]


def told(doings: list[Doing]) -> list[str]:
    return [doing.what for doing in doings if isinstance(doing, Tell)]


def says(doings: list[Doing]) -> list[dict[str, Any]]:
    return [json.loads(doing.text) for doing in doings if isinstance(doing, Say)]


def test_hello_comes_first_and_then_a_seat_is_wanted_and_the_microphone_off() -> None:
    rig = Rig()
    first, *rest = says(rig.connect())
    assert first == {"type": "hello", "path": "native", "format": "pcm", "rate_hz": RATE_HZ, "resume": ""}
    assert isinstance(protocol.parse(json.dumps(first)), protocol.Hello)
    assert rest == RESERVED


def test_silence_and_talk_without_a_wake_word_cost_no_byte() -> None:
    rig = Rig()
    rig.connect()
    assert rig.hear(5000) == []


def test_a_wake_word_sends_what_holds_it_in_one_frame_that_ends_now() -> None:
    rig = Rig()
    rig.connect()
    rig.hear(1000, each=8)
    doings = rig.wake()
    assert says(doings) == [{"type": "mic", "on": True}]
    assert Attend(True) in doings
    (frame,) = sent(doings)
    assert len(frame.payload) == LEAD * 2 * PERIOD
    assert frame.number == 1000 - LEAD
    assert frame.time / 1000 + LEAD / 100 == pytest.approx(rig.now)
    assert np.array_equal(frame.samples()[::PERIOD], np.arange(1000 - LEAD, 1000))


def test_after_it_comes_what_is_heard_without_a_gap_until_the_agent_had_its_time() -> None:
    rig = Rig()
    rig.connect()
    rig.hear(300)
    frames = sent(rig.wake())
    after = rig.hear(600)
    frames += sent(after)
    numbers = [number for frame in frames for number in frame.samples()[::PERIOD]]
    assert numbers == list(range(300 - LEAD, 300 + round(WAKE_S * 100)))[: len(numbers)]
    assert len(numbers) == pytest.approx(LEAD + WAKE_S * 100, abs=2)
    assert told(after) == ["unanswered"]
    assert says(after) == [{"type": "mic", "on": False}]
    assert after[-1] == Attend(False)


def test_a_turn_is_streamed_to_its_end_and_a_little_longer() -> None:
    rig = Rig()
    rig.connect()
    rig.hear(300)
    rig.wake()
    rig.said("wake", turn=1, word=WORD, score=0.8)
    rig.said("state", phase="listening", turn=1)
    assert len(sent(rig.hear(1000))) == 1000
    rig.said("state", phase="thinking", turn=1)
    rig.said("state", phase="speaking", turn=1)
    assert len(sent(rig.hear(1000))) == 1000
    rig.said("state", phase="idle", turn=1)
    after = rig.hear(500)
    assert len(sent(after)) == pytest.approx(LINGER_S * 100, abs=2)
    assert says(after) == [{"type": "mic", "on": False}]
    assert "unanswered" not in told(rig.doings)


def test_the_next_wake_word_does_not_send_again_what_was_sent() -> None:
    rig = Rig()
    rig.connect()
    rig.hear(300)
    frames = sent(rig.wake())
    frames += sent(rig.hear(450))
    frames += sent(rig.wake())
    numbers = [number for frame in frames for number in frame.samples()[::PERIOD].tolist()]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 749


def test_a_turn_that_somebody_else_began_sends_nothing_of_before() -> None:
    rig = Rig()
    rig.connect()
    rig.hear(300)
    rig.said("state", phase="speaking", turn=1)
    assert [frame.number for frame in sent(rig.hear(3))] == [300, 301, 302]


def test_a_word_that_the_agent_does_not_know_is_said_in_so_many_words() -> None:
    rig = Rig()
    rig.connect()
    rig.hear(300)
    assert says(rig.wake("alexa")) == [{"type": "mic", "on": True}, {"type": "listen"}]


def test_without_a_connection_nothing_is_sent_and_a_wake_word_says_so() -> None:
    rig = Rig()
    rig.hear(300)
    doings = rig.wake()
    assert told(doings) == ["heard", "offline"]
    assert not sent(rig.doings)
    assert not says(rig.doings)


def test_a_wake_word_just_before_the_connection_came_is_sent_with_it() -> None:
    rig = Rig()
    rig.hear(300)
    rig.wake()
    rig.hear(20)
    doings = rig.connect()
    assert [each["type"] for each in says(doings)] == ["hello", "mic"]
    (frame,) = sent(doings)
    assert frame.number == 300 - LEAD


def test_a_lost_connection_in_a_turn_is_followed_by_what_was_not_sent() -> None:
    rig = Rig()
    rig.connect()
    rig.hear(300)
    rig.wake()
    rig.said("state", phase="listening", turn=1)
    rig.hear(10)
    frames = sent(rig.doings)
    rig.take(rig.session.closed())
    assert sent(rig.hear(100)) == []
    rig.now += 9.0
    doings = rig.connect(resumed=True)
    assert says(doings)[0]["resume"] == "key"
    frames += sent(doings + rig.hear(1))
    rig.said("state", phase="listening", turn=1)
    frames += sent(rig.hear(4))
    numbers = [number for frame in frames for number in frame.samples()[::PERIOD].tolist()]
    assert numbers == list(range(300 - LEAD, 415))


def test_after_a_gap_in_the_sound_nothing_of_before_it_is_sent() -> None:
    rig = Rig()
    rig.connect()
    rig.hear(300)
    rig.number += 77
    rig.hear(10)
    (frame,) = sent(rig.wake())
    assert frame.number == 377
    assert len(frame.payload) == 10 * 2 * PERIOD


def test_always_sends_everything_from_the_first_moment_on() -> None:
    rig = Rig(Session(always=True))
    rig.hear(100)
    doings = rig.connect()
    assert says(doings)[1:] == [{"type": "mic", "on": True}]
    assert [frame.number for frame in sent(doings + rig.hear(3))] == [99, 100, 101, 102]


def test_speech_is_played_and_what_was_heard_is_reported_by_the_agents_own_numbers() -> None:
    rig = Rig()
    rig.connect()
    pcm = np.arange(480, dtype=np.int16)
    (play,) = rig.session.sounded(Frame(Kind.SPEECH, pcm.tobytes(), 24_000, 7, 0.0).encode())
    assert isinstance(play, Play)
    assert (play.turn, play.rate_hz) == (1, 24_000)
    assert np.array_equal(play.pcm, pcm)
    assert rig.said("end", turn=7) == [Complete(1)]
    assert says(rig.session.playing(1, 480, 12.5)) == [{"type": "playing", "turn": 7, "frames": 480, "at": 12500.0}]
    assert says(rig.session.drained(1)) == [{"type": "drained", "turn": 7}]
    (beep,) = rig.session.sounded(Frame(Kind.SOUND, pcm.tobytes(), 16_000).encode())
    assert isinstance(beep, Beep)


def test_drop_duck_and_volume_are_obeyed() -> None:
    rig = Rig()
    rig.connect()
    assert rig.said("drop", turn=3) == [Silence(1)]
    assert rig.said("drop", turn=5) == [Silence(2)]
    assert rig.said("drop", turn=4) == [Silence(0)]
    assert rig.said("duck", db=-17.0, ramp_ms=40) == [Soften(-17.0, 40)]
    assert rig.said("duck", db=0, ramp_ms=350) == [Soften(0, 350)]
    assert rig.said("volume", percent=40) == [Loudness(40)]
    assert Prepare() in rig.said("state", phase="thinking", turn=3)


def test_a_new_conversation_begins_above_all_old_turns_and_hears_nothing_of_them() -> None:
    rig = Rig()
    rig.connect()
    rig.session.sounded(Frame(Kind.SPEECH, b"\0\0", 24_000, 2**31).encode())
    rig.take(rig.session.closed())
    doings = rig.connect(resumed=False)
    assert Silence(1) in doings
    (play,) = rig.session.sounded(Frame(Kind.SPEECH, b"\0\0", 24_000, 5).encode())
    assert isinstance(play, Play)
    assert play.turn == 2
    assert rig.session.drained(1) == []
    assert says(rig.session.drained(2)) == [{"type": "drained", "turn": 5}]


def test_who_finds_all_seats_taken_asks_again_later() -> None:
    rig = Rig()
    rig.connect()
    assert told(rig.said("error", code="busy", message="full")) == ["refused"]
    assert rig.session.tick(rig.now + BUSY_S - 0.1) == []
    assert says(rig.session.tick(rig.now + BUSY_S)) == RESERVED
    assert rig.session.tick(rig.now + 3 * BUSY_S) == []


def test_a_bye_ends_it_only_where_coming_back_would_not_help() -> None:
    rig = Rig()
    rig.connect()
    assert told(rig.said("bye", code="too_fast", message="slower")) == ["bye"]
    assert rig.said("bye", code="elsewhere", message="no")[-1] == Leave(75, "no")
    assert set(FINAL) <= set(get_args(Ending))


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"type": 3}', '{"type": "end"}', "[" * 50_000])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(BadFrame):
        Session().said(text, 0.0)


def test_what_is_for_screens_is_ignored() -> None:
    rig = Rig()
    rig.connect()
    for type in ("timers", "health", "settings", "sound", "saying", "event", "turn", "pong", "of a later version"):
        assert rig.said(type, whatever=[1, 2]) == []


class Watched(Rig):
    """One to which things happen, and whose sound is checked on its way out."""

    connected = on = False
    last = -1

    def happen(self, what: str) -> None:
        match what:
            case "hear":
                self.hear(30, each=3)
            case "wake":
                self.wake()
            case "close" if self.connected:
                self.connected = self.on = False
                self.take(self.session.closed())
            case "open" if not self.connected:
                self.connected = True
                self.connect(resumed=True)
            case "listening" | "idle" if self.connected:
                self.said("state", phase=what, turn=1)
            case "gap":
                self.number += 50
                self.now += 0.5
            case _:
                self.now += 10.0

    def check(self, doings: list[Doing]) -> None:
        for doing in doings:
            if isinstance(doing, Say):
                said = json.loads(doing.text)
                self.on = said["on"] if said["type"] == "mic" else self.on
            elif isinstance(doing, Stream):
                frame = protocol.decode(doing.frame)
                assert self.connected
                assert self.on
                assert frame.number > self.last
                assert frame.samples()[0] == frame.number % 2**15
                self.last = frame.number + doing.periods - 1


@settings(deadline=None)
@given(st.lists(st.sampled_from(["hear", "wake", "close", "open", "listening", "idle", "gap", "late"]), max_size=60))
def test_whatever_happens_sound_is_sent_once_in_order_and_only_while_it_is_on(happenings: list[str]) -> None:
    rig = Watched()
    for what in happenings:
        before = len(rig.doings)
        rig.happen(what)
        rig.check(rig.doings[before:])
