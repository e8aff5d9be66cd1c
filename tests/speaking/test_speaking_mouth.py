"""The mouth, with voices in real child processes and a player that keeps real time."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import WAIT_S, Stage, fake

from agent.commands import Earcon, Hush, SetVolume, Speak
from agent.config import Audio, Config, Speaker, Tts
from agent.events import Audible, ClauseReady, Health, Paused, Resumed, SpeechDone, SpeechFailed, TtsFirst
from agent.requests import Clip
from agent.speaking import speech, synthesis
from agent.speaking.voices import voices

MakeStage = Callable[..., Stage]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines of a fraction of a second, so that missing them does not take long."""
    monkeypatch.setattr(synthesis, "DEADLINE_S", 0.6)
    monkeypatch.setattr(synthesis, "PATIENCE_S", 0.6)
    monkeypatch.setattr(synthesis, "HEAD_START_S", 0.2)


def test_a_reply_is_spoken_and_told(stage: MakeStage) -> None:
    s = stage(fake(), speed=10)
    s.speak(1, "Okay, ", "it is **ten** past ", "seven. 😀 Good", " night.")
    done = s.until(SpeechDone)
    assert (done.turn, done.heard, done.cut) == (1, "Okay, it is ten past seven. Good night.", False)
    kinds = [type(event) for event in s.seen if not isinstance(event, Health | Paused | Resumed)]
    assert kinds == [ClauseReady, TtsFirst, Audible, SpeechDone], "it plays faster than the voice speaks"
    assert s.told(ClauseReady)[0].text == "Okay,"
    assert s.told(Audible)[0].audio_at >= s.told(TtsFirst)[0].at.mono
    assert len(s.player.heard[1]) == round(0.02 * 16_000) * len("Okay,it is ten past seven.Good night.")


def test_speech_begins_while_the_reply_is_being_written(stage: MakeStage) -> None:
    s = stage(fake(), speed=10)
    s.mouth.do(Speak(1, "Okay, I am thinking about"))
    s.until(Audible)
    assert not s.told(SpeechDone)
    s.mouth.do(Speak(1, " it.", last=True))
    assert s.until(SpeechDone).heard == "Okay, I am thinking about it."


@pytest.mark.parametrize("text", ["", "😀", "<think>so", "...", "```", "silent"])
def test_a_reply_without_sound_ends_at_once(stage: MakeStage, text: str) -> None:
    s = stage(fake())
    s.speak(1, text)
    assert s.until(SpeechDone).heard == ""
    s.speak(2, "Yes.")
    assert s.until(SpeechDone).turn == 2


def test_what_was_heard_is_known_when_it_is_cut_short(stage: MakeStage) -> None:
    s = stage(fake())
    s.speak(1, "One two three. Four five six. " + "Seven eight nine ten eleven twelve. " * 20)
    s.until(Audible)
    time.sleep(0.75)  # 14 characters are 0.28 s, so this is in the third clause
    s.mouth.do(Hush(1))
    done = s.until(SpeechDone)
    assert done.cut
    assert done.heard.startswith("One two three. Four five six.")
    assert len(done.heard) < 150
    assert not done.heard.endswith(("twelv", "Sev"))
    assert s.player.dropped[-1] == 1
    heard_s = len(s.player.heard[1]) / 16_000
    assert abs(len(done.heard) * 0.02 - heard_s) < 0.3


def test_hushed_before_anything_was_heard(stage: MakeStage) -> None:
    s = stage(fake())
    s.mouth.do(Speak(1, "slow indeed. And more"))
    s.until(ClauseReady)
    s.mouth.do(Hush(1))
    done = s.until(SpeechDone)
    assert (done.heard, done.cut) == ("", True)
    s.speak(1, "too late.")
    s.speak(2, "Next.")
    assert s.until(SpeechDone) == s.seen[-1]
    assert (s.seen[-1].turn, s.seen[-1].heard) == (2, "Next.")  # type: ignore[union-attr]
    assert 1 not in s.player.heard


def test_a_newer_turn_cuts_the_older_one(stage: MakeStage) -> None:
    s = stage(fake())
    s.speak(4, "A very long story that goes on and on, as stories do.")
    s.until(Audible)
    s.speak(5, "Stop.")
    first, second = s.until(SpeechDone), s.until(SpeechDone)
    assert (first.turn, first.cut) == (4, True)
    assert (second.turn, second.cut, second.heard) == (5, False, "Stop.")


def test_a_crash_costs_one_voice_and_no_words(stage: MakeStage) -> None:
    s = stage(fake(), fake(name="spare"), speed=10)
    s.until_health("ok")
    s.speak(1, "First one. Then abort it. And the rest.")
    failed = s.until(SpeechFailed)  # the spare voice dies of the same word
    assert "SIGABRT" in failed.reason
    s.speak(2, "Again.")
    assert s.until(SpeechDone).heard == "Again."
    assert s.fatal.empty()


def test_the_spare_voice_takes_over_for_the_turn(stage: MakeStage, espeak_ng: str) -> None:
    (espeak,) = voices(Config(tts=Tts(engine="espeak")))
    s = stage(fake("rate=22050"), espeak, speed=10)
    s.speak(1, "First one. Then abort it. And the rest.")
    assert s.until(SpeechDone).heard == "First one. Then abort it. And the rest."
    assert "SIGABRT" in next(health.reason for health in s.told(Health) if health.status == "degraded")
    s.until_health("ok")  # it has been replaced
    s.speak(2, "Again.")
    assert s.until(SpeechDone).heard == "Again."


def test_the_sound_of_a_turn_keeps_its_rate(stage: MakeStage, espeak_ng: str) -> None:
    """espeak-ng speaks at 22,050 Hz, the voice that dies at 16,000; the player insists on one rate for a turn."""
    (espeak,) = voices(Config(tts=Tts(engine="espeak")))
    s = stage(fake(), espeak, speed=10)
    s.speak(1, "First one. Then refuse it. And the rest.")
    assert s.until(SpeechDone).heard == "First one. Then refuse it. And the rest."
    assert 1.0 < len(s.player.heard[1]) / 16_000 < 5.0


@pytest.mark.parametrize("word", ["hang", "slow"])
@pytest.mark.usefixtures("hasty")
def test_a_voice_that_hangs_is_replaced(stage: MakeStage, word: str) -> None:
    s = stage(fake(), fake(name="spare"), speed=10)
    s.until_health("ok")
    pids = s.mouth.pids()
    s.speak(1, f"Well. {word} on.")
    assert "no sound within" in s.until(SpeechFailed).reason  # both hang
    s.until_health("ok")
    s.speak(2, "Back again.")
    assert s.until(SpeechDone).heard == "Back again."
    assert not set(pids) & set(s.mouth.pids())


@pytest.mark.usefixtures("hasty")
def test_a_stopped_process_is_replaced(stage: MakeStage) -> None:
    s = stage(fake(), fake(name="spare"), speed=10)
    s.until_health("ok")
    os.kill(s.mouth.pids()[0], signal.SIGSTOP)
    s.speak(1, "Hello there.")
    assert s.until(SpeechDone).heard == "Hello there."
    s.until_health("ok")


def test_nobody_can_speak(stage: MakeStage) -> None:
    s = stage(fake("unusable"), fake("unusable", name="spare"))
    s.speak(1, "Hello.")
    assert "/nowhere/x.onnx" in s.until(SpeechFailed).reason
    assert "voice-agent models install x" in s.until_health("failed")


@pytest.mark.usefixtures("hasty")
def test_nobody_is_ready_in_time(stage: MakeStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "GIVE_UP_S", 1.0)
    s = stage(fake("never"))
    s.speak(1, "Hello.")
    assert "no voice was ready" in s.until(SpeechFailed).reason


@pytest.mark.usefixtures("hasty")
def test_a_voice_that_loads_for_ever_is_not_waited_for(stage: MakeStage) -> None:
    s = stage(fake("never"), fake(name="spare"), speed=10)
    s.speak(1, "Hello.")
    assert s.until(SpeechDone).heard == "Hello."


def test_a_damaged_voice_is_health_and_the_spare_speaks(stage: MakeStage) -> None:
    s = stage(fake("unusable"), fake(name="spare"), speed=10)
    s.until_health("degraded", "x.onnx is damaged")
    s.speak(1, "Hello.")
    assert s.until(SpeechDone).heard == "Hello."


def test_three_deaths_of_the_last_voice_are_fatal(stage: MakeStage) -> None:
    s = stage(fake("crash"))
    assert "3 deaths" in s.fatal.get(timeout=WAIT_S)
    s.speak(1, "Hello.")
    s.until(SpeechFailed)


def test_three_deaths_are_not_fatal_where_another_voice_is_left(
    stage: MakeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesis, "REST_S", 0.5)
    s = stage(fake("crash"), fake(name="spare"), speed=10)
    s.until_health("degraded", "3 deaths")
    s.speak(1, "Hello.")
    assert s.until(SpeechDone).heard == "Hello."
    s.until(Health, lambda health: "3 deaths" not in health.reason)  # another chance
    assert s.fatal.empty()


def test_the_player_fails(stage: MakeStage) -> None:
    s = stage(fake(), speed=10)
    s.player.broken = "no speaker"
    s.speak(1, "Hello there, you.")
    assert s.until(SpeechFailed).reason == "no speaker"
    s.player.broken = ""
    s.speak(2, "Hello.")
    assert s.until(SpeechDone).heard == "Hello."


def test_the_player_never_answers(stage: MakeStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "STUCK_S", 0.3)
    s = stage(fake())
    s.player.dead = True
    s.speak(1, "Hello.")
    assert "does not play" in s.until(SpeechFailed).reason


def test_synthesis_does_not_run_far_ahead(stage: MakeStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "AHEAD_S", 1.0)
    s = stage(fake())
    s.speak(1, "Twenty letters are here. " * 40)  # half a second each
    s.until(Audible)
    time.sleep(0.3)
    handed = len(s.player._turn.pieces) if s.player._turn else 0
    assert 1 <= handed <= 5
    s.mouth.do(Hush(1))
    s.until(SpeechDone)


def test_repeated_clauses_come_out_of_the_cache(stage: MakeStage) -> None:
    s = stage(fake(), speed=10)
    s.speak(1, "Okay.")
    s.until(SpeechDone)
    os.kill(s.mouth.pids()[0], signal.SIGKILL)
    s.speak(2, "Okay.")
    assert s.until(SpeechDone).heard == "Okay."
    assert np.array_equal(s.player.heard[1], s.player.heard[2])


def test_sounds_and_volume_go_to_the_player(stage: MakeStage) -> None:
    s = stage(fake(), speed=10)
    for command in (
        Earcon(1, "wake"),
        SetVolume(30),
        Hush(2),
        Earcon(1, "done"),
        Earcon(2, "done"),
        Earcon(3, "error"),
    ):
        s.mouth.do(command)
    s.speak(3, "Hello.")
    s.until(SpeechDone)
    assert s.player.volumes == [30]
    assert len(s.player.earcons) == 3  # that of the hushed turn 1 is stale


def test_sounds_are_off(stage: MakeStage) -> None:
    s = stage(fake(), config=Config(audio=Audio(speaker=Speaker(earcons=False))), speed=10)
    s.mouth.do(Earcon(1, "wake"))
    s.speak(1, "Hello.")
    s.until(SpeechDone)
    assert s.player.earcons == []


@pytest.mark.parametrize("earcons", [True, False])
def test_a_chime_comes_before_the_words_and_not_over_them(stage: MakeStage, earcons: bool) -> None:
    """It was asked for with this reply, so it sounds also where the agent's own sounds are off."""
    s = stage(fake(), config=Config(audio=Audio(speaker=Speaker(earcons=earcons))), speed=10)
    s.speak(1, "Dinner is ready.")
    s.until(SpeechDone)
    s.mouth.do(Speak(2, "Dinner is ready.", last=True, chime=True))
    assert s.until(SpeechDone).heard == "Dinner is ready."
    plain, chimed = s.player.heard[1], s.player.heard[2]
    words_at = len(chimed) - len(plain)
    assert np.array_equal(chimed[words_at:], plain)
    assert 0.3 <= words_at / 16_000 <= 0.5
    breath = chimed[words_at - round(0.1 * 16_000) : words_at]
    assert not breath.any()
    assert np.abs(chimed[:words_at].astype(int)).max() > 2000
    assert s.player.earcons == []


def test_a_chime_is_no_word_that_was_heard(stage: MakeStage) -> None:
    s = stage(fake())
    s.mouth.do(Speak(1, "One two three four five six.", last=True, chime=True))
    at = s.until(Audible).audio_at
    time.sleep(max(0.0, at + 0.15 - time.monotonic()))
    s.mouth.do(Hush(1))
    done = s.until(SpeechDone)
    assert (done.heard, done.cut) == ("", True)
    assert 0 < len(s.player.heard[1]) / 16_000 < 0.35


@pytest.mark.parametrize("earcons", [True, False])
def test_the_sound_that_invites_is_the_last_of_the_reply(stage: MakeStage, earcons: bool) -> None:
    s = stage(fake(), config=Config(audio=Audio(speaker=Speaker(earcons=earcons))), speed=10)
    s.speak(1, "Dinner is ready.")
    s.until(SpeechDone)
    s.mouth.do(Speak(2, "Dinner is "))
    s.mouth.do(Speak(2, "ready.", last=True, invites=True))
    assert s.until(SpeechDone).heard == "Dinner is ready."
    plain, inviting = s.player.heard[1], s.player.heard[2]
    assert np.array_equal(inviting[: len(plain)], plain)
    sound = inviting[len(plain) :]
    if earcons:
        assert len(sound) == pytest.approx(0.18 * 16_000, abs=2)
        assert np.abs(sound.astype(int)).max() > 2000
    else:
        assert not len(sound)


def test_nothing_to_say_has_no_chime(stage: MakeStage) -> None:
    s = stage(fake(), speed=10)
    s.mouth.do(Speak(1, "...", last=True, chime=True))
    assert s.until(SpeechDone).heard == ""
    s.speak(2, "Hello.")
    assert s.until(SpeechDone).heard == "Hello."
    assert 1 not in s.player.heard


def test_the_voice_is_loaded_at_first_use(stage: MakeStage) -> None:
    s = stage(fake(), config=Config(tts=Tts(load="first_use")), speed=10)
    assert s.until(Health).status == "ok"
    assert s.mouth.pids() == []
    s.mouth.do(Earcon(1, "wake"))  # which needs no voice
    s.mouth.prepare("")
    assert s.until(Health).status == "loading"
    assert s.until(Health).status == "ok"
    assert len(s.mouth.pids()) == 1


def test_the_thread_shows_that_it_lives_and_stops_twice(stage: MakeStage) -> None:
    s = stage(fake())
    until = time.monotonic() + WAIT_S
    began = s.mouth.progress()
    while s.mouth.progress() == began and time.monotonic() < until:
        time.sleep(0.05)
    assert s.mouth.progress() > began
    s.mouth.stop()
    s.mouth.stop()


def test_a_flood_of_nonsense_ends_properly(stage: MakeStage) -> None:
    s = stage(fake(), speed=50)
    s.speak(1, "\x00\x1b <b" * 100_000, '{"a": ' * 1000, "Go on! " * 1000)
    s.until(SpeechDone)
    s.speak(2, *"Hello there, 3.5 of you.")
    assert s.until(SpeechDone).heard == "Hello there, 3.5 of you."


@pytest.mark.timeout(90)
def test_piper_speaks_through_the_mouth(stage: MakeStage, joe: Path) -> None:
    s = stage(from_config=True, speed=4)
    s.until_health("ok")
    s.speak(1, "Sure, penguins are", " flightless birds that live in the cold.")
    assert s.until(SpeechDone).heard == "Sure, penguins are flightless birds that live in the cold."
    assert 2.0 < len(s.player.heard[1]) / 22_050 < 6.0


def test_a_reply_that_stops_in_the_middle_is_told_and_so_is_that_it_goes_on(stage: MakeStage) -> None:
    st = stage(fake(), speed=4.0)
    st.mouth.do(Speak(1, "One sentence is here. And then"))
    began = st.until(Audible)
    paused = st.until(Paused)
    assert paused.turn == 1
    assert began.audio_at < paused.since <= paused.at.mono
    st.mouth.do(Speak(1, " another one.", last=True))
    assert st.until(Resumed).turn == 1
    assert st.until(SpeechDone).heard == "One sentence is here. And then another one."
    assert len(st.told(Paused)) == 1, "the end is no pause"


def test_where_nothing_could_be_spoken_there_may_be_other_words(stage: MakeStage) -> None:
    st = stage(fake())
    st.speak(1, "<think>hm")
    assert st.until(SpeechDone).heard == ""
    st.speak(1, "Sorry.")
    assert st.until(SpeechDone).heard == "Sorry."


def test_sound_that_somebody_else_has_made_needs_no_voice(stage: MakeStage) -> None:
    s = stage(fake(), speed=10)
    pcm = np.arange(4410, dtype="<i2")
    s.mouth.do(Speak(1, "Dinner is ready.", last=True, sound=Clip(22_050, pcm.tobytes())))
    assert s.until(SpeechDone).heard == "Dinner is ready."
    assert not s.told(ClauseReady)
    assert np.array_equal(s.player.heard[1], pcm)
    s.mouth.do(Speak(2, "", last=True, sound=Clip(22_050, b"")))
    assert s.until(SpeechDone).turn == 2


def test_it_is_hushed_like_any_other(stage: MakeStage) -> None:
    s = stage(fake())
    s.mouth.do(Speak(1, "", last=True, chime=True, sound=Clip(8000, bytes(160_000))))
    s.until(Audible)
    s.mouth.do(Hush(1))
    assert s.until(SpeechDone).cut
