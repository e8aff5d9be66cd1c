"""Guests talk with the real agent over the real server: sound in, sound out, and nobody else hears of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from guest import Guest
from web_house import STORY, WebAgent

from agent.lab.visitor import say, voice
from agent.web.protocol import Kind

pytestmark = pytest.mark.room
SLT = voice("flite slt")
LOUD = 1000
OF_A_TURN = ("state", "transcript", "reply", "turn", "event/wake", "event/intent", "event/error")


@pytest.fixture
def guest(web_agent: WebAgent) -> Iterator[Guest]:
    """One who plays four times as fast as people listen; nobody else is there."""
    web_agent.wait_empty()
    with web_agent.guest(speed=4.0) as guest:
        assert guest.welcome["resumed"] is False
        yield guest


def ask(guest: Guest, text: str) -> dict[str, Any]:
    """Typed; the receipt of the turn."""
    guest.begin()
    guest.say("ask", text=text)
    return guest.wait("turn")


def story(guest: Guest, seconds: float = 1.0) -> int:
    """One is being told; the turn."""
    guest.begin()
    guest.say("ask", text="tell me a story")
    turn: int = guest.wait("state", lambda said: said["phase"] == "speaking")["turn"]
    guest.wait_speech(turn, seconds)
    return turn


def since(web_agent: WebAgent, mark: int) -> list[str]:
    return [notice.topic for notice in web_agent.watcher.notices[mark:]]


def test_a_question_that_is_spoken_is_answered_aloud(web_agent: WebAgent, guest: Guest) -> None:
    mark = web_agent.watcher.mark()
    guest.say("mic", on=True)
    guest.wait("volume")
    guest.speak(say("hey jarvis", SLT).then(say("what time is it", SLT), 0.45).samples)
    receipt = guest.wait("turn")
    assert (receipt["outcome"], receipt["word"]) == ("answered", "hey_jarvis")
    assert receipt["heard"] == receipt["reply"] != ""
    assert sum(receipt["stages_ms"].values()) == receipt["ttfa_ms"]
    assert guest.wait("wake")["word"] == "hey_jarvis"
    assert guest.wait("event", lambda said: said["name"] == "intent")["data"]["name"] == "time"
    assert guest.wait("transcript", lambda said: said["final"])["text"] == receipt["transcript"]
    assert guest.wait("saying")["text"] == receipt["reply"]
    guest.wait("state", lambda said: said["phase"] == "idle")
    assert [said["phase"] for said in guest.all("state")] == ["listening", "thinking", "speaking", "idle"]
    assert np.abs(guest.heard(receipt["turn"]).astype(np.int32)).max() > LOUD
    arrived = guest.all("sound")[-1]
    assert (arrived["lost"], arrived["level_dbfs"] < 0) == (0, True)
    assert not set(since(web_agent, mark)) & set(OF_A_TURN)


def test_push_to_talk_needs_no_wake_word(guest: Guest) -> None:
    guest.say("listen")
    guest.hum()
    guest.wait("state", lambda said: said["phase"] == "listening")
    guest.speak(say("what time is it", SLT).samples)
    receipt = guest.wait("turn")
    assert (receipt["outcome"], receipt["word"]) == ("answered", None)
    assert guest.wait("event", lambda said: said["name"] == "intent")["data"]["name"] == "time"


def test_what_is_typed_is_answered_aloud(guest: Guest) -> None:
    receipt = ask(guest, "why is the sky blue")
    assert receipt["outcome"] == "answered"
    assert receipt["reply"] == receipt["heard"] == "You said: why is the sky blue."
    assert len(guest.heard(receipt["turn"])) > guest.speech_hz
    assert guest.wait("end")["turn"] == receipt["turn"]


def test_a_wake_word_interrupts_a_story(web_agent: WebAgent) -> None:
    with web_agent.guest() as guest:
        guest.say("mic", on=True)
        turn = story(guest, 1.5)
        guest.speak(say("hey jarvis", SLT).samples)
        assert guest.wait("drop", lambda said: said["turn"] >= turn)["turn"] == turn
        receipt = guest.wait("turn")
        assert (receipt["turn"], receipt["outcome"]) == (turn, "interrupted")
        assert STORY.startswith(receipt["heard"])
        assert 0 < len(receipt["heard"]) < len(STORY)
        guest.wait("state", lambda said: said["phase"] == "listening")
        guest.say("stop")
        guest.wait("state", lambda said: said["phase"] == "idle")


def test_stop_makes_it_quiet_at_once(guest: Guest) -> None:
    turn = story(guest)
    began = time.monotonic()
    guest.say("stop")
    guest.wait("drop")
    took_ms = (time.monotonic() - began) * 1000
    receipt = guest.wait("turn")
    assert (receipt["turn"], receipt["outcome"]) == (turn, "interrupted")
    assert took_ms < 1000, f"{took_ms:.0f} ms"
    sent = sum(len(frame.payload) // 2 for frame in guest.frames if frame.number == turn)
    assert sent < 20 * guest.speech_hz, "two seconds ahead of what was heard, not the whole story"


def test_a_timer_that_a_guest_sets_rings_in_the_room(web_agent: WebAgent, guest: Guest) -> None:
    mark, began = web_agent.watcher.mark(), time.monotonic()
    receipt = ask(guest, "set a timer for 2 seconds")
    assert receipt["outcome"] == "answered"
    assert web_agent.wait_mqtt("timers", lambda data: data["timers"], mark)
    guest.wait("timers", lambda said: said["timers"] and not said["ringing"])
    assert web_agent.wait_mqtt("event/timer", lambda data: data["action"] == "ringing", mark)
    guest.wait("timers", lambda said: said["ringing"])
    web_agent.room.wait_heard(time.monotonic() + 0.5)
    heard = web_agent.room.record(began).agent.astype(np.int32)
    assert np.abs(heard).max(initial=0) > LOUD
    web_agent.watcher.publish("cmd/stop", {"id": "quiet"})
    guest.wait("timers", lambda said: not said["timers"])
    assert not [each for each in guest.all("event") if each["name"] == "timer" and each["data"]["action"] == "ringing"]
    turns = {frame.number for frame in guest.frames if frame.kind is Kind.SPEECH}
    assert turns == {receipt["turn"]}, "its words are said in the room"


def test_a_timer_is_cancelled_from_the_page(web_agent: WebAgent, guest: Guest) -> None:
    mark = web_agent.watcher.mark()
    ask(guest, "set a timer for ten minutes")
    (timer,) = guest.wait("timers", lambda said: said["timers"])["timers"]
    assert (timer["kind"], timer["seconds"]) == ("timer", 600)
    guest.begin()
    guest.say("timer", cancel="nonsense")
    assert guest.wait("error")["message"]
    guest.say("timer", cancel=timer["id"])
    guest.wait("timers", lambda said: not said["timers"])
    web_agent.wait_mqtt("event/timer", lambda data: data["action"] == "cancelled", mark)


def test_two_guests_get_their_own_answers_and_a_third_is_told_to_wait(web_agent: WebAgent) -> None:
    web_agent.wait_empty()
    mark, logged = web_agent.watcher.mark(), len(web_agent.agent.log)
    with web_agent.guest(speed=4.0) as one, web_agent.guest(speed=4.0) as two, web_agent.guest() as three:
        one.say("ask", text="apples and pears")
        two.say("ask", text="bread and butter")
        first, second = one.wait("turn"), two.wait("turn")
        assert (first["reply"], second["reply"]) == ("You said: apples and pears.", "You said: bread and butter.")
        assert len({one.welcome["guest"], two.welcome["guest"], three.welcome["guest"]}) == 3
        three.say("ask", text="me too")
        assert "web.guests" in three.wait("error", lambda said: said["code"] == "busy")["message"]
        for guest, receipt, other in ((one, first, "bread"), (two, second, "apples")):
            assert other not in json.dumps(guest.messages)
            assert {frame.number for frame in guest.frames if frame.kind is Kind.SPEECH} == {receipt["turn"]}
        assert not [
            each for each in three.messages if each["type"] in ("state", "transcript", "reply", "turn", "saying")
        ]
    assert not set(since(web_agent, mark)) & set(OF_A_TURN)
    published = json.dumps([notice.data for notice in web_agent.watcher.notices[mark:]], default=str)
    kept = Path(str(web_agent.agent._folder)) / "state"
    stored = "".join(file.read_text(errors="replace") for file in kept.iterdir() if file.is_file())
    for word in ("apples", "bread", "me too", one.welcome["key"]):
        assert word not in published + stored + web_agent.agent.log[logged:]


def test_an_answer_goes_on_after_the_network_broke(web_agent: WebAgent) -> None:
    web_agent.wait_empty()
    guest = web_agent.guest()
    key, number = guest.welcome["key"], guest.welcome["guest"]
    turn = story(guest, 1.0)
    guest.cut()
    had = len(guest.heard(turn))
    with web_agent.guest(resume=key, speed=8.0) as again:
        assert (again.welcome["resumed"], again.welcome["guest"], again.welcome["key"]) == (True, number, key)
        again.wait_speech(turn, 2.0)
        first = next(frame for frame in again.frames if frame.kind is Kind.SPEECH)
        assert first.number == turn
        assert 0 < round(first.time) <= had + guest.speech_hz * 3
        again.say("stop")
        assert again.wait("turn")["turn"] == turn


def test_a_newer_connection_takes_a_visit_over(web_agent: WebAgent, guest: Guest) -> None:
    ask(guest, "hello")
    with web_agent.guest(resume=guest.welcome["key"]) as newer:
        assert newer.welcome["resumed"] is True
        assert guest.wait("bye")["code"] == "elsewhere"
        guest.wait_ended()
        assert ask(newer, "still here")["reply"] == "You said: still here."


def test_a_visit_that_is_over_gives_back_its_seat_and_its_processes(web_agent: WebAgent, guest: Guest) -> None:
    number, key = guest.welcome["guest"], guest.welcome["key"]
    before = {child.pid for child in web_agent.process().children(recursive=True)}
    ask(guest, "hello")
    own = [child for child in web_agent.process().children(recursive=True) if child.pid not in before]
    assert len(own) >= 2, "a recogniser and a voice"
    logged = len(web_agent.agent.log)
    guest.cut()
    assert not psutil.wait_procs(own, timeout=20)[1]
    web_agent.wait_log(f"guest {number} has left", logged)
    with web_agent.guest(resume=key) as late:
        assert late.welcome["resumed"] is False
        assert late.welcome["guest"] != number


def test_settings_are_changed_from_the_page_for_everybody(web_agent: WebAgent, guest: Guest) -> None:
    mark = web_agent.watcher.mark()
    guest.say("set", name="volume", value=33)
    assert web_agent.wait_mqtt("setting/volume", after=mark)
    guest.wait("settings", lambda said: {row["name"]: row["value"] for row in said["settings"]}["volume"] == 33)
    guest.say("set", name="night_volume", value=11)
    web_agent.wait_mqtt("setting/night_volume", after=mark)
    guest.wait("settings", lambda said: {row["name"]: row["value"] for row in said["settings"]}["night_volume"] == 11)
    guest.say("set", name="volume", value=None)
    guest.say("set", name="night_volume", value=None)
    guest.wait("settings", lambda said: not any(row["changed"] for row in said["settings"]))


def test_settings_that_cannot_be_are_refused(web_agent: WebAgent, guest: Guest) -> None:
    for name, value in (
        ("volume", "loud"), ("volume", 101), ("volume", True), ("volume", 1.5), ("volume", 10**400), ("mute", "yes"),
        ("nonsense", 1), ("voice", ""), ("voice", "x" * 300), ("do_not_disturb", 1), ("wake_threshold", 7.0),
    ):  # fmt: skip
        guest.begin()
        guest.say("set", name=name, value=value)
        assert guest.wait("error")["code"] == "bad_value"
    web_agent.agent.check()


def test_a_number_that_is_none_ends_nothing_but_the_connection(web_agent: WebAgent, guest: Guest) -> None:
    guest.send('{"type": "set", "name": "volume", "value": NaN}')
    guest.wait("error" if guest.ended is None else "bye")
    web_agent.agent.check()


def test_a_setting_that_nothing_can_speak_is_refused_with_the_reason(guest: Guest) -> None:
    guest.say("set", name="voice", value="nobody")
    assert guest.wait("error")["code"] == "refused"


def test_an_id_of_mqtt_is_nobody_elses(web_agent: WebAgent) -> None:
    for id in ("web:1", "web:abc", "web:"):
        mark = web_agent.watcher.mark()
        web_agent.watcher.publish("cmd/stop", {"id": id})
        assert web_agent.wait_mqtt("result", lambda data, id=id: data["id"] == id, mark)["ok"]


def test_the_house_goes_on_hearing_while_guests_talk(web_agent: WebAgent, guest: Guest) -> None:
    turn = story(guest)
    mark = web_agent.watcher.mark()
    web_agent.room.play(say("hey jarvis", SLT).then(say("what time is it", SLT), 0.45).samples)
    receipt = web_agent.wait_mqtt("turn", after=mark)
    assert receipt["outcome"] == "answered"
    assert not [each for each in guest.all("turn") if each["turn"] != turn]
    guest.say("stop")
    guest.wait("turn")
