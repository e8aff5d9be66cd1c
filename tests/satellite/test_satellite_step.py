"""What the satellite does, without a socket or a clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.satellite.happenings import (
    Action,
    Dropped,
    End,
    Ended,
    Failed,
    Gone,
    HangUp,
    Happening,
    Heard,
    Passed,
    Play,
    Played,
    Said,
    Says,
    Send,
    Serving,
    Timer,
    Understood,
    Woke,
)
from agent.satellite.state import LONGEST_S, State
from agent.satellite.step import (
    ANSWER_S,
    ENDED_S,
    ENDING_S,
    LISTEN_S,
    PING_S,
    PONG_S,
    deadline,
    step,
)
from agent.wyoming.messages import Message
from agent.wyoming.sound import shape, sound

PCM = bytes(320)
RUN, PAUSE = Said(Message("run-satellite")), Said(Message("pause-satellite"))
PIPELINE = Message("run-pipeline", {"start_stage": "asr", "end_stage": "tts", "restart_on_end": False})


def said(type: str, **data: object) -> Said:
    return Said(Message(type, data))


START, CHUNK, END = said("audio-start", **shape(22_050)), Said(sound(22_050, PCM)), said("audio-stop")


class Story:
    """A state that goes on."""

    def __init__(self, *happenings: Happening) -> None:
        self.state, self.now = State(), 100.0
        for happening in happenings:
            self.do(happening)

    def do(self, happening: Happening, after_s: float = 0.0) -> list[Action]:
        self.now += after_s
        self.state, actions = step(self.state, happening, self.now)
        return list(actions)


def test_a_turn_from_its_wake_word_to_its_reply() -> None:
    play = Story()
    assert play.do(RUN) == [Serving(True)]
    assert play.do(Woke(7)) == [Send(PIPELINE)]
    assert play.do(said("transcribe", language="en")) == []
    assert play.do(Heard(7, PCM)) == [Send(sound(16_000, PCM))]
    assert play.do(said("voice-started", timestamp=1)) == []
    assert play.do(said("transcript", text="what time is it")) == [Understood(7, "what time is it")]
    assert play.do(Heard(7, PCM)) == []
    assert play.do(said("synthesize", text="Noon.")) == [Says(7, "Noon.")]
    assert play.do(START) == []
    assert play.do(CHUNK) == [Play(7, 22_050, PCM)]
    assert play.do(END) == [End(7)]
    assert play.do(Played(7)) == [Send(Message("played"))]
    assert play.state.talk is None
    assert play.state.serving


def test_this_device_hears_the_end_first() -> None:
    play = Story(RUN, Woke(1))
    assert play.do(Ended(1)) == [Send(Message("audio-stop"))]
    assert play.do(Ended(1)) == []
    assert play.do(Heard(1, PCM)) == []
    assert play.do(said("transcript", text="yes")) == [Understood(1, "yes")]


def test_an_announcement() -> None:
    play = Story(RUN)
    assert [play.do(each) for each in (START, CHUNK, END)] == [[], [Play(None, 22_050, PCM)], [End(None)]]
    assert play.do(Played(None)) == [Send(Message("played"))]


INSTEAD = Failed(1, "Home Assistant has given it up for an announcement")


def test_an_announcement_ends_a_turn_that_is_not_understood() -> None:
    for before in ((), (Ended(1),)):
        play = Story(RUN, Woke(1), *before)
        assert play.do(START) == [INSTEAD]
        assert [play.do(each) for each in (CHUNK, END)] == [[Play(None, 22_050, PCM)], [End(None)]]
        assert play.do(Heard(1, PCM)) == []
        assert deadline(play.state) is None


def test_an_announcement_ends_a_turn_whose_reply_has_no_text() -> None:
    play = Story(RUN, Woke(1), said("transcript", text="yes"))
    assert [play.do(each) for each in (START, CHUNK)] == [[], [Play(1, 22_050, PCM)]]
    assert play.do(END) == [End(None), INSTEAD]
    assert play.do(Played(None)) == [Send(Message("played"))]
    assert play.state.talk is None


def test_a_reply_that_is_spoken_before_it_is_written() -> None:
    play = Story(RUN, Woke(1), said("transcript", text="yes"), START, CHUNK)
    assert play.do(said("synthesize", text="Noon.")) == [Says(1, "Noon.")]
    assert [play.do(each) for each in (CHUNK, END)] == [[Play(1, 22_050, PCM)], [End(1)]]


def test_what_is_obeyed_already_needs_no_pipeline_to_end_it() -> None:
    play = Story(RUN, Woke(1), said("transcript", text="a"), said("synthesize", text="Done."))
    assert play.do(Woke(2)) == [Send(PIPELINE)], "the next turn, at once"
    assert [play.do(each, ENDING_S) for each in (START, CHUNK, END)] == [[], [], [Send(Message("played"))]]


def test_an_announcement_behind_a_reply_that_is_still_heard() -> None:
    play = Story(RUN, Woke(1), said("transcript", text="yes"), START, CHUNK, END, START)
    assert play.do(CHUNK) == [Play(None, 22_050, PCM)]


def test_nobody_is_there() -> None:
    assert Story().do(Woke(1)) == [Failed(1, "Home Assistant is not there")]
    assert Story(RUN, PAUSE).do(Woke(1)) == [Failed(1, "Home Assistant is not there")]


def test_a_newer_turn_takes_the_place_of_an_older_one() -> None:
    play = Story(RUN, Woke(1), said("transcript", text="a"), START, CHUNK)
    assert play.do(Woke(2)) == [Send(PIPELINE)]
    assert play.do(CHUNK) == [], "the old reply's rest"
    assert play.do(END) == [Send(Message("played"))]
    assert play.do(Played(1)) == []
    play.do(said("transcript", text="b"))
    play.do(START)
    assert play.do(CHUNK) == [Play(2, 22_050, PCM)]


def test_a_turn_that_is_dropped_says_that_nothing_more_comes() -> None:
    play = Story(RUN, Woke(1))
    assert play.do(Dropped(0)) == []
    assert play.do(Dropped(1)) == [Send(PIPELINE), Send(Message("audio-stop"))]
    assert play.do(Heard(1, PCM)) == []
    assert play.do(said("transcript", text="late")) == []
    assert play.do(said("error", text="late")) == []


def test_the_reply_of_a_turn_that_was_dropped_is_no_announcement() -> None:
    play = Story(RUN, Woke(1), said("transcript", text="a"), Dropped(1))
    assert [play.do(each) for each in (START, CHUNK, END)] == [[], [], [Send(Message("played"))]]
    play.do(START)
    assert play.do(CHUNK) == [Play(None, 22_050, PCM)], "the next one is"


def test_a_reply_that_was_heard_before_its_sound_was_here() -> None:
    play = Story(RUN, Woke(1), said("transcript", text="a"), said("synthesize", text="Noon."))
    assert play.do(Played(1)) == []
    assert [play.do(each) for each in (START, CHUNK, END)] == [[], [], [Send(Message("played"))]]


def test_no_reply_comes_behind_an_error() -> None:
    play = Story(RUN, Woke(1), said("transcript", text="a"), Dropped(1), said("error", text="late"))
    play.do(said("error", text="no text"), ENDED_S)
    play.do(START)
    assert play.do(CHUNK) == [Play(None, 22_050, PCM)]


def test_nothing_was_said() -> None:
    play = Story(RUN, Woke(1))
    nothing = said("error", text="No text recognized", code="stt-no-text-recognized")
    assert play.do(nothing)[-2:] == [Understood(1, ""), Failed(1, "No text recognized")]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (said("error", text="No text recognized", code="stt-no-text-recognized"), "No text recognized"),
        (said("error", code="duplicate_wake_up_detected"), "duplicate_wake_up_detected"),
        (said("error"), "an error"),
        (PAUSE, "Home Assistant paused this device"),
        (Gone(), "Home Assistant is gone"),
    ],
)
def test_a_turn_without_a_reply(message: Happening, reason: str) -> None:
    play = Story(RUN, Woke(1), said("transcript", text="a"))
    assert play.do(message)[-1] == Failed(1, reason)
    assert play.state.talk is None


NEW = [Send(PIPELINE)]  # the same, but that sound follows


@pytest.mark.parametrize("end", [said("error", code="stt-no-text-recognized"), Passed()])
def test_a_newer_turn_waits_until_the_pipeline_before_has_ended(end: Happening) -> None:
    play = Story(RUN, Woke(1), Heard(1, PCM))
    assert play.do(Woke(2)) == [Send(PIPELINE), Send(Message("audio-stop"))]
    assert [play.do(each) for each in (said("transcript", text="you"), Heard(2, PCM), Heard(2, PCM))] == [[], [], []]
    if end != Passed():
        assert play.do(end) == []
    due = deadline(play.state)
    assert due == play.now + (ENDING_S if end == Passed() else ENDED_S)
    assert play.do(Heard(2, b"12"), due - play.now) == [
        *NEW,
        Send(sound(16_000, PCM)),
        Send(sound(16_000, PCM)),
        Send(sound(16_000, b"12")),
    ]
    assert play.do(Heard(2, PCM)) == [Send(sound(16_000, PCM))]
    assert play.do(said("transcript", text="b")) == [Understood(2, "b")]


def test_a_turn_that_was_held_back_may_end_before_it_is_sent() -> None:
    play = Story(RUN, Woke(1), Heard(1, PCM), Woke(2), Heard(2, PCM), Ended(2))
    assert play.do(Passed(), ENDING_S) == [*NEW, Send(sound(16_000, PCM)), Send(Message("audio-stop"))]
    play = Story(RUN, Woke(1), Heard(1, PCM), Woke(2), Heard(2, PCM))
    assert play.do(Dropped(2)) == []
    assert play.do(Passed(), ENDING_S) == []
    assert play.do(Woke(3)) == NEW


def test_a_reply_that_breaks_off_is_complete_as_far_as_it_goes() -> None:
    play = Story(RUN, Woke(1), said("transcript", text="a"), START, CHUNK)
    assert play.do(Gone()) == [Serving(False), End(1), Failed(1, "Home Assistant is gone")]
    assert play.state == State()


def test_deadlines() -> None:
    play = Story(RUN, Woke(1))
    assert deadline(play.state) == play.now + LISTEN_S
    late = Failed(1, "Home Assistant did not answer in time")
    never_mind = [Send(PIPELINE), Send(Message("audio-stop"))]
    assert play.do(Passed(), LISTEN_S) == [*never_mind, late]
    play.do(Passed(), ENDING_S)
    play.do(Woke(1))
    play.do(Ended(1), 1.0)
    assert play.do(Passed(), ANSWER_S - 0.1) == []
    assert play.do(Passed(), 0.1) == [*never_mind, late]
    assert deadline(play.state) is None


def test_pings() -> None:
    play = Story(RUN)
    assert deadline(play.state) is None, "one that sends none is sent none"
    assert play.do(said("ping", text="x")) == [Send(Message("pong", {"text": "x"}))]
    assert play.do(Passed(), PING_S) == [Send(Message("ping"))]
    play.do(said("pong"), 1.0)
    assert play.do(Passed(), 1.0) == [Send(Message("ping"))]
    assert play.do(said("ping"), PONG_S - 1.1) == [Send(Message("pong"))]
    actions = play.do(Passed(), PONG_S)
    assert isinstance(actions[0], HangUp)
    assert actions[1:] == [Serving(False)]


def test_timers_of_home_assistant() -> None:
    play = Story(RUN)
    assert play.do(said("timer-started", id="a", name="tea", total_seconds=180)) == [Timer("started", "a", "tea", 180)]
    assert play.do(said("timer-finished", id="a")) == [Timer("finished", "a", "", 0)]
    paused = said("timer-updated", id="a", is_active=False, total_seconds=60)
    assert play.do(paused) == [Timer("updated", "a", "", 60, active=False)]
    assert play.do(said("timer-updated", id=3, name=None, total_seconds="x")) == [Timer("updated", "", "", 0)]


def test_sound_without_end_is_cut() -> None:
    play = Story(RUN, START)
    long = Said(sound(8000, bytes(960_000)))  # 60 s
    played = [play.do(long) for _ in range(20)]
    assert sum(len(each) for each in played) == LONGEST_S / 60
    assert play.do(END) == [End(None)]


@pytest.mark.parametrize("data", [{}, {"rate": 0, "width": 2, "channels": 1}, {"rate": 16000, "width": 4}])
def test_sound_that_is_none(data: dict[str, object]) -> None:
    assert Story(RUN, START).do(Said(Message("audio-chunk", data, b"1234"))) == []


# ------------------------------------------------------------------ in any order

TYPES = (
    "run-satellite", "pause-satellite", "transcribe", "transcript", "synthesize", "audio-start", "audio-stop", "error",
    "voice-started", "voice-stopped", "ping", "pong", "timer-started", "detect", "nonsense",
)  # fmt: skip
TURNS = st.integers(1, 3)
HAPPENINGS = st.one_of(
    st.builds(lambda type: said(type, text="x"), st.sampled_from(TYPES)),
    st.just(CHUNK),
    st.builds(Heard, TURNS, st.just(PCM)),
    st.builds(Ended, TURNS),
    st.builds(Dropped, TURNS),
    st.builds(Played, st.none() | TURNS),
    st.just(Gone()),
    st.just(Passed()),
    st.just("wake"),
)


@given(st.lists(st.tuples(HAPPENINGS, st.sampled_from((0.0, 0.5, 5.0, 40.0))), max_size=40))
def test_each_turn_has_one_end_at_most_and_deadlines_lead_to_rest(order: list[tuple[object, float]]) -> None:
    play, turn, open_turns = Story(), 0, set[int]()
    for happening, after_s in order:
        if happening == "wake":
            turn += 1
            open_turns = {turn}  # an older one is dropped by it
            happening = Woke(turn)
        for action in play.do(happening, after_s):  # type: ignore[arg-type]
            match action:
                case Failed(ended, _):
                    assert ended in open_turns
                    open_turns.remove(ended)
                case Play(int(of)) | Understood(of) | Says(of):
                    assert of in open_turns
                case _:
                    pass
        if isinstance(happening, Dropped):
            open_turns.discard(happening.turn)
        if isinstance(happening, Played):
            open_turns.discard(happening.owner or 0)
    assert open_turns == ({play.state.talk.turn} if play.state.talk else set())
    for _ in range(10):
        if play.state.talk is None:
            break
        play.now = deadline(play.state) or play.now
        play.do(Passed())
    assert play.state.talk is None or play.state.pinged_at is not None
