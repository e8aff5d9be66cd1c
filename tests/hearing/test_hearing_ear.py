"""The ear: a tape in, events out. The recogniser writes down what it is told; all else is real."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from hearing_helpers import WAIT_S, Notes, Tape, among, pcm, silence

from agent import earcons
from agent.audio.pcm import RATE_HZ, Block, Samples
from agent.commands import Earcon, EarconName, ListenOn, SetMute, SetPatience, StartListening, StopListening
from agent.config import Config, EndpointSection, WakeSection, WakeWord
from agent.events import Endpoint, Event, Health, Instant, SpeechResumed, SpeechStarted, Wake
from agent.hearing.ear import STALE_S, Ear
from agent.hearing.wake import WakeModelError
from agent.lab.acoustics import crowd, reverberant, with_noise
from agent.lab.visitor import Utterance, Voice, say, voice

pytestmark = pytest.mark.room
SLT = voice("flite slt")
BEFORE_S = 1.5


class Rig:
    """An ear at work on a tape. `answer` is called for each event on the ear's thread, as the dialogue would be."""

    def __init__(self, sound: Samples, config: Config | None = None, **tape: Any) -> None:
        self.tape = Tape(sound, **tape)
        self.asr = Notes()
        self.events: list[Event] = []
        self.fatal: queue.Queue[str] = queue.Queue()
        self.answer: Callable[[Event], None] = lambda event: None
        self.ear = Ear(config or Config(), self.tape, self.asr, self.emit, self.tape.clock, self.fatal.put)

    def emit(self, event: Event) -> None:
        if not isinstance(event, Health):
            self.events.append(event)
            self.answer(event)

    def listen_on_wake(self) -> None:
        def answer(event: Event) -> None:
            if isinstance(event, Wake):
                self.ear.do(StartListening(sum(isinstance(e, Wake) for e in self.events), event.audio_at))

        self.answer = answer

    def play(self) -> list[Event]:
        self.ear.start()
        self.tape.played()
        return self.events


@pytest.fixture
def rigs() -> Iterator[Callable[..., Rig]]:
    made: list[Rig] = []

    def make(*args: Any, **kwargs: Any) -> Rig:
        made.append(Rig(*args, **kwargs))
        return made[-1]

    yield make
    for rig in made:
        rig.ear.stop()
        assert rig.fatal.empty()


@pytest.fixture(scope="module")
def hello(visitors: Mapping[Voice, Utterance]) -> Utterance:
    return visitors[SLT]


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_a_turn(rigs: Callable[..., Rig], hello: Utterance) -> None:
    said = hello.then(say("what time is it", SLT), 0.45)
    rig = rigs(among(said.samples, 10, BEFORE_S, 1.0))
    rig.listen_on_wake()
    wake, started, end = rig.play()
    assert isinstance(wake, Wake)
    assert isinstance(started, SpeechStarted)
    assert isinstance(end, Endpoint)
    assert (wake.word, wake.score >= 0.5) == ("hey_jarvis", True)
    assert wake.quality > 20.0, "dB over the room, about"
    assert wake.audio_at == pytest.approx(BEFORE_S + said.ends[0] / RATE_HZ, abs=0.2)
    assert started.audio_at == pytest.approx(BEFORE_S + said.ends[0] / RATE_HZ + 0.45, abs=0.1)
    assert (end.turn, end.cause) == (1, "silence")
    assert end.audio_at == pytest.approx(BEFORE_S + said.ends[1] / RATE_HZ, abs=0.06)
    assert end.at.mono - end.audio_at == pytest.approx(0.7, abs=0.03)
    assert rig.asr.told == [("begin", 1, None), ("pause", 1), ("finish", 1)]


def test_nothing_of_a_command_without_a_gap_is_lost(rigs: Callable[..., Rig]) -> None:
    said = say("hey jarvis what time is it", SLT)
    sound = among(said.samples, 10, BEFORE_S, 1.0)
    rig = rigs(sound)
    rig.listen_on_wake()
    wake, _, end = rig.play()
    assert isinstance(wake, Wake)
    assert isinstance(end, Endpoint)
    fed = rig.asr.heard(1)
    start = round((end.audio_at + 0.7) * RATE_HZ) - len(fed)
    assert np.array_equal(fed, sound[start : start + len(fed)])
    assert -0.01 <= wake.audio_at - start / RATE_HZ <= 0.17
    assert end.audio_at == pytest.approx(BEFORE_S + said.last_loud / RATE_HZ, abs=0.06)


def test_of_the_wake_word_nothing_is_recognised_where_a_pause_follows(
    rigs: Callable[..., Rig], hello: Utterance
) -> None:
    said = hello.then(say("what time is it", SLT), 0.3)
    rig = rigs(among(said.samples, 10, BEFORE_S, 1.0))
    rig.listen_on_wake()
    ended = rig.play()[-1]
    assert isinstance(ended, Endpoint)
    wake_ends = round(BEFORE_S * RATE_HZ) + said.ends[0]
    command_begins = wake_ends + round(0.3 * RATE_HZ)
    fed = rig.asr.heard(1)
    end = round(ended.at.mono * RATE_HZ)
    assert wake_ends - 800 <= end - len(fed) <= command_begins


def test_nothing_said(rigs: Callable[..., Rig], hello: Utterance) -> None:
    config = Config(endpoint=EndpointSection(no_speech_ms=1500))
    rig = rigs(among(hello.samples, 10, BEFORE_S, 2.0), config)
    rig.listen_on_wake()
    wake, end = rig.play()
    assert isinstance(wake, Wake)
    assert isinstance(end, Endpoint)
    assert end.cause == "no_speech"
    assert end.audio_at == pytest.approx(wake.audio_at, abs=0.001)
    assert end.at.mono - wake.audio_at == pytest.approx(1.5, abs=0.02)
    assert rig.asr.told[-1] == ("cancel", 1)


def test_a_wake_word_within_a_turn_starts_the_next(rigs: Callable[..., Rig], hello: Utterance) -> None:
    twice = hello.then(say("turn on the", SLT), 0.4).then(hello, 0.5).then(say("what time is it", SLT), 0.5)
    rig = rigs(among(twice.samples, 10, BEFORE_S, 1.0))
    rig.listen_on_wake()
    events = rig.play()
    assert kinds(events).count("Wake") == 2
    ends = [event for event in events if isinstance(event, Endpoint)]
    assert [end.turn for end in ends] == [2]
    assert ("finish", 1) not in rig.asr.told
    assert rig.asr.told[-1] == ("finish", 2)


def test_listening_without_a_wake_word(rigs: Callable[..., Rig]) -> None:
    said = say("what time is it", SLT)
    rig = rigs(among(said.samples, 10, BEFORE_S, 1.0))
    rig.ear.do(StartListening(5))
    started, end = rig.play()
    assert isinstance(started, SpeechStarted)
    assert isinstance(end, Endpoint)
    assert (started.turn, end.turn, end.cause) == (5, 5, "silence")
    assert rig.asr.told[0] == ("begin", 5, None)


def test_who_spoke_before_the_ear_was_told_is_heard_from_the_beginning(
    rigs: Callable[..., Rig], hello: Utterance
) -> None:
    """The wake word stands for any moment: the ear is told when it is past, and no word of it is to be cut off."""
    question = say("what time is it", SLT)
    rig = rigs(among(hello.then(question, 0.1).samples, 10, BEFORE_S, 1.0))
    begun_s = BEFORE_S + (hello.last_loud / RATE_HZ) + 0.1

    def answer(event: Event) -> None:
        if isinstance(event, Wake):
            rig.ear.do(StartListening(5, since=begun_s, woken=False))

    rig.answer = answer
    _, started, end = rig.play()
    assert isinstance(started, SpeechStarted)
    assert isinstance(end, Endpoint)
    assert started.audio_at == pytest.approx(begun_s, abs=0.15)
    assert rig.asr.told[0] == ("begin", 5, None)
    assert sum(map(len, rig.asr.sound[5])) >= question.last_loud - RATE_HZ // 10


def test_a_follow_up_waits_as_long_as_it_is_told(rigs: Callable[..., Rig]) -> None:
    rig = rigs(among(np.zeros(0, np.int16), 10, BEFORE_S, 2.0), Config(endpoint=EndpointSection(no_speech_ms=500)))
    rig.ear.do(StartListening(5, first_word_ms=2000))
    (end,) = rig.play()
    assert isinstance(end, Endpoint)
    assert end.cause == "no_speech"
    assert end.at.mono - end.audio_at == pytest.approx(2.0, abs=0.02)
    assert rig.asr.told[-1] == ("cancel", 5)


def test_a_voice_dying_away_is_no_follow_up(rigs: Callable[..., Rig], hello: Utterance) -> None:
    """What runs on from the moment of listening for a quarter of a second was said before; what comes then counts."""
    said = say("what time is it", SLT)
    loud = said.samples[said.last_loud // 2 :][: RATE_HZ // 6]
    before = np.concatenate([hello.samples[: hello.last_loud], loud])

    def follow_up(sound: Samples) -> list[Event]:
        rig = rigs(among(sound, 10, BEFORE_S, 2.0))
        rig.answer = lambda event: (
            rig.ear.do(StartListening(5, first_word_ms=1500)) if isinstance(event, Wake) else None
        )
        return rig.play()[1:]

    (end,) = follow_up(before)
    assert isinstance(end, Endpoint)
    assert end.cause == "no_speech"
    started, end = follow_up(np.concatenate([before, silence(0.4), said.samples]))
    assert isinstance(started, SpeechStarted)
    assert started.audio_at == pytest.approx(BEFORE_S + len(before) / RATE_HZ + 0.4, abs=0.15)
    assert isinstance(end, Endpoint)
    assert end.cause == "silence"


def test_stop_listening(rigs: Callable[..., Rig], hello: Utterance) -> None:
    said = hello.then(say("what time is it", SLT), 0.45)
    rig = rigs(among(said.samples, 10, BEFORE_S, 1.0))

    def answer(event: Event) -> None:
        if isinstance(event, Wake):
            rig.ear.do(StartListening(1, event.audio_at))
        elif isinstance(event, SpeechStarted):
            rig.ear.do(StopListening(0))
            rig.ear.do(StopListening(1))

    rig.answer = answer
    assert kinds(rig.play()) == ["Wake", "SpeechStarted"]
    assert rig.asr.told == [("begin", 1, None), ("cancel", 0), ("cancel", 1)]


def test_muted_it_hears_and_keeps_nothing(rigs: Callable[..., Rig], hello: Utterance) -> None:
    sound = among(hello.samples, 10, BEFORE_S, 1.0)
    rig = rigs(sound)
    rig.ear.do(SetMute(True))
    assert rig.play() == []
    assert rig.ear.counters().samples == len(sound)
    assert rig.ear.progress() == pytest.approx(len(sound) / RATE_HZ)
    rig.ear.do(SetMute(False))
    rig.ear.do(StartListening(1, since=BEFORE_S))
    rig.tape.played()
    assert rig.asr.sound == {1: []}


def test_an_old_wake_word_is_nobody_s_wish(rigs: Callable[..., Rig], hello: Utterance) -> None:
    sound = among(hello.samples, 10, BEFORE_S, 1.0)
    rig = rigs(sound, late_s=STALE_S + 0.1)
    assert rig.play() == []
    assert rig.ear.counters().stale == 1
    assert kinds(rigs(sound, late_s=STALE_S - 0.3).play()) == ["Wake"]


def test_a_gap_within_the_wake_word_does_not_join_its_halves(rigs: Callable[..., Rig], hello: Utterance) -> None:
    middle = len(hello.samples) // 2
    rig = rigs(among(hello.samples[:middle], 10, BEFORE_S, 0.0))
    rig.ear.start()
    rig.tape.played()
    start = round(BEFORE_S * RATE_HZ) + middle
    rest = among(hello.samples[middle:], 10, 0.0, 0.8)
    later = start + 5 * RATE_HZ
    for at in range(0, len(rest), 160):
        rig.tape.push(Block(rest[at : at + 160], later + at, (later + at) / RATE_HZ, gap=at == 0))
    while rig.ear.counters().samples < start + len(rest):
        rig.tape.played()
    assert rig.events == []
    assert rig.ear.counters().gaps == 1


class Heap(Tape):
    """All that was heard comes at once, and whoever looks at the clock takes a millisecond."""

    looks = 0

    def clock(self) -> Instant:
        self.looks += 1
        return replace(super().clock(), mono=self.looks / 1000)

    def read(self, timeout_s: float) -> list[Block]:
        heap: list[Block] = []
        while self.position < len(self._sound):
            heap += super().read(timeout_s)
        return heap or super().read(timeout_s)


def test_a_slow_ear_with_much_to_hear_makes_progress(rigs: Callable[..., Rig], hello: Utterance) -> None:
    sound = among(hello.samples, 10, BEFORE_S, 1.0)
    rig = rigs(sound)
    rig.tape = Heap(sound)
    rig.ear = Ear(Config(), rig.tape, rig.asr, rig.emit, rig.tape.clock, rig.fatal.put)
    seen: list[tuple[float, float]] = []
    rig.answer = lambda event: seen.append((rig.ear.progress(), rig.ear.turned_at()))
    rig.play()
    ((progress, turned_at),) = seen
    assert progress == turned_at
    assert progress > BEFORE_S * RATE_HZ / 160 / 1000, "told after every block, not after all of them"


def test_it_sleeps_in_silence_and_wakes_up_for_voice(rigs: Callable[..., Rig], hello: Utterance) -> None:
    rig = rigs(among(hello.samples, 10, BEFORE_S, 3.0))
    rig.play()
    assert rig.tape.drained == [8, 1, 8]
    assert not rig.ear.speech_now
    rig.ear.attentive(True)
    rig.tape.played()
    assert rig.tape.drained[-1] == 1


def test_blocks_of_eighty_milliseconds_are_as_good(rigs: Callable[..., Rig], hello: Utterance) -> None:
    said = hello.then(say("what time is it", SLT), 0.45)
    rig = rigs(among(said.samples, 10, BEFORE_S, 1.0), step=1280)
    rig.listen_on_wake()
    assert kinds(rig.play()) == ["Wake", "SpeechStarted", "Endpoint"]


def test_a_missing_wake_word_is_told_at_the_start(tmp_path: Path) -> None:
    words = (WakeWord(model=str(tmp_path / "none.onnx")),)
    rig = Rig(silence(0.1), Config(wake=WakeSection(words=words)))
    with pytest.raises(WakeModelError, match=r"none\.onnx"):
        rig.ear.start()


def test_a_thread_that_dies_is_fatal() -> None:
    rig = Rig(silence(1.0))
    died: queue.Queue[object] = queue.Queue()

    class Broken(RuntimeError):
        pass

    def broken(timeout_s: float) -> list[Block]:
        raise Broken

    rig.tape.read = broken  # type: ignore[method-assign]
    before, threading.excepthook = threading.excepthook, lambda args: died.put(args.exc_type)
    try:
        rig.ear.start()
        assert "ear" in rig.fatal.get(timeout=WAIT_S)
        assert died.get(timeout=WAIT_S) is Broken
    finally:
        rig.ear.stop()
        threading.excepthook = before


def in_the_room(sound: Samples, name: EarconName, at_s: float, db: float) -> Samples:
    """The agent's own sound, heard by its own microphone in a room that echoes."""
    rendered = soxr.resample(earcons.render(name), earcons.RATE_HZ, RATE_HZ) * 10 ** (db / 20)
    heard = reverberant(pcm(np.pad(rendered, (0, RATE_HZ // 2))), 0.3)
    start = round(at_s * RATE_HZ)
    mixed = sound.astype(np.int32)
    mixed[start : start + len(heard)] += heard[: len(mixed) - start]
    return pcm(mixed.astype(np.float64))


def chime(rig: Rig) -> None:
    """Do as the dialogue does: listen at the wake word, and acknowledge it after a moment."""

    def answer(event: Event) -> None:
        if isinstance(event, Wake):
            rig.ear.do(StartListening(1, event.audio_at))
            rig.ear.do(Earcon(1, "wake"))

    rig.answer = answer


@pytest.mark.parametrize("db", [-12.0, 0.0])
def test_the_own_sound_is_not_taken_for_speech(rigs: Callable[..., Rig], hello: Utterance, db: float) -> None:
    """A bare wake word used to become "You" or "What?", for the acknowledging sound came back from the room."""
    sound = among(hello.samples, 10, BEFORE_S, 5.0)
    rung_at = BEFORE_S + hello.last_loud / RATE_HZ + 0.1
    rig = rigs(in_the_room(sound, "wake", rung_at, db))
    chime(rig)
    wake, end = rig.play()
    assert isinstance(wake, Wake)
    assert isinstance(end, Endpoint)
    assert end.cause == "no_speech"
    assert end.at.mono - wake.audio_at == pytest.approx(4.0, abs=0.02)
    assert rig.asr.told == [("begin", 1, None), ("cancel", 1)]


@pytest.mark.parametrize("gap_s", [0.15, 0.35, 0.6])
def test_whoever_speaks_into_the_own_sound_is_heard(rigs: Callable[..., Rig], hello: Utterance, gap_s: float) -> None:
    said = hello.then(say("what time is it", SLT), gap_s)
    sound = among(said.samples, 10, BEFORE_S, 1.0)
    rig = rigs(in_the_room(sound, "wake", BEFORE_S + said.ends[0] / RATE_HZ + 0.1, -12.0))
    chime(rig)
    _, started, end = rig.play()
    assert isinstance(started, SpeechStarted)
    assert isinstance(end, Endpoint)
    begins = BEFORE_S + said.ends[0] / RATE_HZ + gap_s
    fed_from = end.at.mono - len(rig.asr.heard(1)) / RATE_HZ
    assert begins - 0.6 < fed_from <= begins
    assert end.audio_at == pytest.approx(BEFORE_S + said.ends[1] / RATE_HZ, abs=0.06)


@pytest.mark.parametrize("word", ["stop", "louder", "yes", "no"])
@pytest.mark.parametrize("name", ["slt", "rms", "kal_diphone", "en-gb-x-rp"])
def test_a_single_word_that_begins_with_the_own_sound_is_heard(
    rigs: Callable[..., Rig], hello: Utterance, word: str, name: str
) -> None:
    """It lasts no longer than the sound, and was taken for it and lost."""
    said = hello.then(say(word, voice(name)), 0.3)
    rung_at = BEFORE_S + said.ends[0] / RATE_HZ + 0.3
    rig = rigs(in_the_room(among(said.samples, 10, BEFORE_S, 1.5), "wake", rung_at, -12.0))
    chime(rig)
    _, started, end = rig.play()
    assert isinstance(started, SpeechStarted)
    assert isinstance(end, Endpoint)
    assert end.cause == "silence"
    assert end.audio_at == pytest.approx(BEFORE_S + said.ends[1] / RATE_HZ, abs=0.1)


@pytest.mark.parametrize(
    ("name", "word"),
    [("en-gb", "mute"), ("en-gb", "yes"), ("awb", "louder"), ("en-gb-x-rp", "stop"), ("en-gb-x-rp", "louder")],
)
def test_a_single_word_in_one_breath_is_no_end_of_the_wake_word(
    rigs: Callable[..., Rig], visitors: Mapping[Voice, Utterance], name: str, word: str
) -> None:
    """The wake word is detected late there, and what was left of the command was too short to count."""
    speaker = voice(name)
    said = visitors[speaker].then(say(word, speaker), 0.0)
    rig = rigs(among(said.samples, 10, BEFORE_S, 2.0))
    rig.listen_on_wake()
    _, started, end = rig.play()
    assert isinstance(started, SpeechStarted)
    assert started.audio_at == pytest.approx(BEFORE_S + said.ends[0] / RATE_HZ, abs=0.12)
    assert isinstance(end, Endpoint)
    assert end.cause == "silence"
    assert end.audio_at == pytest.approx(BEFORE_S + said.ends[1] / RATE_HZ, abs=0.1)


def with_a_pause(hello: Utterance) -> Utterance:
    return hello.then(say("tell me a story about", SLT), 0.4).then(say("a dragon and a princess", SLT), 1.2)


def test_whoever_goes_on_after_the_endpoint_is_heard_as_a_whole(rigs: Callable[..., Rig], hello: Utterance) -> None:
    said = with_a_pause(hello)
    rig = rigs(among(said.samples, 10, BEFORE_S, 1.0))

    def answer(event: Event) -> None:
        if isinstance(event, Wake):
            rig.ear.do(StartListening(1, event.audio_at))
        if isinstance(event, SpeechResumed):
            rig.ear.do(ListenOn(2, of=event.turn))

    rig.answer = answer
    events = rig.play()
    assert kinds(events) == ["Wake", "SpeechStarted", "Endpoint", "SpeechResumed", "Endpoint"]
    _, _, first, resumed, last = events
    assert isinstance(first, Endpoint)
    assert isinstance(resumed, SpeechResumed)
    assert isinstance(last, Endpoint)
    assert (first.turn, resumed.turn, last.turn) == (1, 1, 2)
    assert resumed.audio_at == pytest.approx(BEFORE_S + said.ends[1] / RATE_HZ + 1.2, abs=0.1)
    assert last.audio_at == pytest.approx(BEFORE_S + said.ends[2] / RATE_HZ, abs=0.06)
    heard, whole = rig.asr.heard(1), rig.asr.heard(2)
    assert np.array_equal(whole[: len(heard)], heard), "from the first word on"
    assert len(whole) / RATE_HZ == pytest.approx(last.at.mono - (first.at.mono - len(heard) / RATE_HZ), abs=0.011)
    assert [note for note in rig.asr.told if note[0] in ("begin", "finish")] == [
        ("begin", 1, None), ("finish", 1), ("begin", 2, None), ("finish", 2),
    ]  # fmt: skip


def test_nobody_wants_to_know_and_it_is_over(rigs: Callable[..., Rig], hello: Utterance) -> None:
    """The dialogue answers already: the ear tells once, and listens no more."""
    said = with_a_pause(hello)
    rig = rigs(among(said.samples, 10, BEFORE_S, 4.0))
    rig.listen_on_wake()
    assert kinds(rig.play()) == ["Wake", "SpeechStarted", "Endpoint", "SpeechResumed"]
    rig.ear.do(ListenOn(2, of=1))
    rig.tape.push(Block(silence(0.01), rig.tape.position, rig.tape.position / RATE_HZ))
    rig.tape.played()
    assert rig.asr.told[-1] == ("begin", 2, None), "the sound is gone: what comes is all there is"
    assert rig.asr.sound[2] == []


def test_muted_nothing_is_kept_of_what_was_said(rigs: Callable[..., Rig], hello: Utterance) -> None:
    said = with_a_pause(hello)
    rig = rigs(among(said.samples, 10, BEFORE_S, 1.0))

    def answer(event: Event) -> None:
        if isinstance(event, Wake):
            rig.ear.do(StartListening(1, event.audio_at))
        if isinstance(event, Endpoint):
            rig.ear.do(SetMute(True))

    rig.answer = answer
    assert kinds(rig.play()) == ["Wake", "SpeechStarted", "Endpoint"]
    assert ("cancel", 1) not in rig.asr.told, "its final is still wanted"


def test_of_silence_the_recogniser_hears_nothing(rigs: Callable[..., Rig], hello: Utterance) -> None:
    said = hello.then(say("what time is it", SLT), 2.5)
    rig = rigs(among(said.samples, 10, BEFORE_S, 1.0))
    rig.listen_on_wake()
    end = rig.play()[-1]
    assert isinstance(end, Endpoint)
    begins = BEFORE_S + said.ends[0] / RATE_HZ + 2.5
    fed_from = end.at.mono - len(rig.asr.heard(1)) / RATE_HZ
    assert begins - 0.35 < fed_from < begins - 0.15


def test_the_silence_may_be_changed_while_somebody_speaks(rigs: Callable[..., Rig], hello: Utterance) -> None:
    said = hello.then(say("what time is it", SLT), 0.4)
    rig = rigs(among(said.samples, 10, BEFORE_S, 1.5))

    def answer(event: Event) -> None:
        if isinstance(event, Wake):
            rig.ear.do(StartListening(1, event.audio_at))
        if isinstance(event, SpeechStarted):
            rig.ear.do(SetPatience(1, 250, 10_000))
            rig.ear.do(SetPatience(9, 5000, 10_000))  # of another turn

    rig.answer = answer
    end = rig.play()[-1]
    assert isinstance(end, Endpoint)
    assert end.audio_at == pytest.approx(BEFORE_S + said.ends[1] / RATE_HZ, abs=0.06)
    assert end.at.mono - end.audio_at == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("name", ["rms", "kal16", "en-us+f2", "en-us+klatt"])
def test_people_in_the_background_do_not_hold_it_open(
    rigs: Callable[..., Rig], visitors: Mapping[Voice, Utterance], name: str
) -> None:
    """Ten of them, 10 dB weaker than the user."""
    speaker, noise = voice(name), crowd()
    hello = visitors[speaker]
    rig = rigs(with_noise(among(hello.samples, 10, 3.0, 5.0), noise, 10.0))
    rig.listen_on_wake()
    end = rig.play()[-1]
    assert isinstance(end, Endpoint)
    assert end.cause == "no_speech"
    said = hello.then(say("what time is it", speaker), 0.4)
    rig = rigs(with_noise(among(said.samples, 10, 3.0, 4.0), noise, 10.0))
    rig.listen_on_wake()
    end = rig.play()[-1]
    assert isinstance(end, Endpoint)
    assert end.cause == "silence"
    assert end.audio_at == pytest.approx(3.0 + said.ends[1] / RATE_HZ, abs=0.35)
