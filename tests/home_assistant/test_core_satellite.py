"""The agent as a Wyoming satellite of Home Assistant: its pipeline hears and answers what is said in the room.

The recogniser and the voice of the pipeline are wyoming-faster-whisper and wyoming-piper, as they are published.
"""

from __future__ import annotations

import time

from core import FOUND, HALL_LIGHT, KITCHEN_LIGHT, STORY
from house import DEVICE, WAIT_S
from outpost import A_TURN, Outpost

from agent.lab.scoring import found

DINNER = "Dinner is ready, please come to the table. The soup is getting cold."


def test_its_device(home: Outpost) -> None:
    assert home.entry["title"] == DEVICE
    assert (home.device["name"], home.device["area_id"]) == (DEVICE, "kitchen")
    assert home.house.api.state(home.satellite).state == "idle"
    entities = home.house.api.entities(home.device["id"]).values()
    shown = [each["entity_id"] for each in entities if not each["disabled_by"]]
    assert len(shown) >= 5
    assert not [each for each in shown if home.house.api.state(each).state in ("gone", "unavailable")]


def test_a_whole_turn(home: Outpost) -> None:
    turn = home.answers("turn on the light in the hall")
    home.house.api.become(HALL_LIGHT, "on", 10.0)
    assert home.house.api.state(KITCHEN_LIGHT).state == "off"
    assert turn["word"] == "hey_jarvis"
    run = home.run()
    assert turn["transcript"] == run["stt-end"]["stt_output"]["text"].strip()
    assert turn["engines"]["asr"] == "home_assistant"
    assert run["intent-start"]["device_id"] == home.device["id"]
    answer = run["intent-end"]["intent_output"]["response"]["speech"]["plain"]["speech"]
    assert turn["reply"] == turn["heard"] == answer
    told = home.passes(A_TURN)
    words, last = home.heard()
    assert found(answer, words) > 0.7, words
    home.house.measured("Home Assistant knows that the answer was heard", told[-1].at - last, 1.5)
    assert told[-1].at > last - 0.2, "it believes that too soon"


def test_in_this_room_it_is_said_although_home_assistant_would_only_beep(home: Outpost) -> None:
    turn = home.answers("turn on the light")
    home.house.api.become(KITCHEN_LIGHT, "on", 10.0)
    assert home.house.api.state(HALL_LIGHT).state == "off"
    assert home.run()["tts-start"]["acknowledge_override"], "it does not beep"
    assert turn["reply"] == turn["heard"] != "", turn
    home.passes(A_TURN)
    assert found(turn["reply"], home.heard()[0]) > 0.7


def test_the_wake_word_interrupts_it(home: Outpost) -> None:
    home.say("tell me a story")
    home.house.wait("state", lambda phase: phase == "speaking")
    home.become("responding")
    home.house.room.wait_heard(time.monotonic() + 3.0)
    home.say("turn on the light in the hall")
    first = home.house.wait("turn", lambda data: data["outcome"] == "interrupted")
    assert first["heard"] != STORY.strip()
    second = home.house.wait("turn", lambda data: data["turn"] > first["turn"])
    assert (second["outcome"], second["engines"]["llm"]) == ("answered", "home_assistant"), second
    home.house.api.become(HALL_LIGHT, "on", 10.0)
    home.house.api.become(home.satellite, "idle", 10.0)


def test_a_turn_that_is_given_up_is_not_obeyed(home: Outpost) -> None:
    with home.saying("turn on the light") as playing:
        home.become("listening")
        home.house.command("stop")
        playing.wait()
    home.house.api.become(home.satellite, "idle", WAIT_S)
    home.answers("turn on the light in the hall")
    home.house.api.become(HALL_LIGHT, "on", 10.0)
    assert home.house.api.state(KITCHEN_LIGHT).state == "off"


def test_an_announcement(home: Outpost) -> None:
    home.announce(DINNER)
    returned_at = time.monotonic()
    words, last = home.heard()
    assert found(DINNER, words) > 0.8, words
    home.house.measured("an announcement: heard, then the action is done", returned_at - last, 1.5)
    assert returned_at > last - 0.1, "done before it was heard"
    home.passes(("responding", "idle"))


def test_an_announcement_that_nobody_is_to_hear(home: Outpost) -> None:
    home.house.command("setting/do_not_disturb", value=True)
    try:
        home.begin()
        home.announce(DINNER)
        assert home.heard() == ("", 0.0)
    finally:
        home.house.command("setting/do_not_disturb", value=None)


def test_an_announcement_before_it_has_understood(home: Outpost) -> None:
    """Home Assistant gives the turn up for it, and tells nobody: it is answered here, then comes the announcement."""
    said = len(home.house.agent.log)
    home.say("what time is it")
    home.house.wait("state", lambda phase: phase == "thinking")
    home.announce(DINNER)
    turn = home.house.wait("turn", lambda data: data["word"] is not None)
    assert home.told_time(turn)
    log = home.house.agent.wait_log("is answered here", WAIT_S, said)
    assert "announcement" in log, f"it has waited for a text that could not come any more\n{log}"
    home.house.wait("turn", lambda data: data["turn"] > turn["turn"])
    assert found(DINNER, home.heard()[0]) > 0.8


def test_an_announcement_before_it_has_answered(home: Outpost) -> None:
    """The same, when it has understood and may have done it: nobody else is asked."""
    home.say("look for my glasses")
    home.become("processing")
    home.announce(DINNER)
    turn = home.house.wait("turn", lambda data: data["word"] is not None)
    assert turn["outcome"] == "failed", turn
    home.house.wait("turn", lambda data: data["turn"] > turn["turn"])
    words, _ = home.heard()
    assert found(DINNER, words) > 0.8
    assert found(FOUND, words) < 0.6


def test_a_timer(home: Outpost) -> None:
    home.answers("set a timer for fifteen seconds")
    home.timer(lambda timer: timer["seconds"] == 15)
    home.stop_ringing()


def test_a_timer_is_prolonged_and_cancelled(home: Outpost) -> None:
    home.answers("set a timer for ten minutes called pizza")
    first = home.timer(lambda timer: timer["name"] == "pizza")
    assert first["seconds"] == 600
    home.answers("add one minute to my timer")
    longer = home.timer(lambda timer: timer["seconds"] > 600)
    assert longer["name"] == "pizza"
    assert longer["seconds"] <= 660, "what is left"
    home.answers("cancel my timer")
    home.house.wait("timers", lambda data: data["timers"] == [])
