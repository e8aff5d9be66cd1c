"""Whatever a user does in Home Assistant reaches the agent, and comes back as what it became; events arrive."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from house import DEVICE, House

from agent.commands import ShowEvent
from agent.mqtt.topics import Topics


@pytest.mark.parametrize("key", ["mute", "do_not_disturb", "follow_up", "barge_in"])
def test_switches(house: House, key: str) -> None:
    was = house.api.state(house.entity(key)).state
    other = {"on": "off", "off": "on"}[was]
    house.act(f"switch.turn_{other}", key)
    house.setting(key, other == "on")
    assert house.become(key, other).attributes["changed"] is True
    house.act(f"switch.turn_{was}", key)
    house.setting(key, was == "on")
    house.become(key, was)
    taken_back(house, key)


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [("volume", 43, "43"), ("night_volume", 12, "12"), ("wake_threshold", 0.6, "0.6"), ("silence", 700, "700")],
)
def test_numbers(house: House, key: str, value: float, shown: str) -> None:
    if house.api.state(house.entity(key)).state == "gone":
        pytest.skip("its user has not asked for it")
    house.act("number.set_value", key, value=value)
    house.setting(key, value)
    assert house.become(key, shown).attributes["changed"] is True
    taken_back(house, key)
    assert house.api.state(house.entity(key)).state != shown


def taken_back(house: House, key: str) -> None:
    """The file counts again."""
    assert house.command(f"setting/{key}", value=None)["ok"]
    house.api.wait(house.entity(key), lambda change: change.attributes["changed"] is False, 30.0)


def test_choices(house: House) -> None:
    for key, value, default in (("persona", "butler", "default"), ("wake_word", "alexa", "hey_jarvis")):
        house.act("select.select_option", key, option=value)
        house.setting(key, value)
        assert house.become(key, value).attributes["changed"] is True
        house.act("select.select_option", key, option=default)
        house.setting(key, default)
        house.become(key, default)
        taken_back(house, key)


def test_a_question_typed_in_and_its_answer(house: House) -> None:
    house.act("text.set_value", "ask", value='what time is it? "now", {{ 1 }} \\ ü')
    turn = house.wait("turn")
    heard = house.become("last_transcript", 'what time is it? "now", {{ 1 }} \\ ü')
    assert heard.attributes["turn"] == turn["turn"]
    reply = house.api.wait(house.entity("last_reply"), lambda change: change.state == turn["reply"][:255], 30.0)
    assert reply.attributes["text"] == turn["reply"]
    receipt = house.entity("time_to_first_audio")
    told = house.api.wait(receipt, lambda change: change.attributes.get("turn") == turn["turn"], 30.0)
    assert told.attributes["outcome"] == turn["outcome"] == "answered"


def test_an_intent_is_an_event(house: House) -> None:
    mark = house.api.mark()
    house.ask("what time is it")
    changed = house.api.wait(house.entity("event_intent"), lambda change: "event_type" in change.attributes, 30.0, mark)
    assert (changed.attributes["event_type"], changed.attributes["name"]) == ("intent", "time")


def test_words_for_the_room(house: House) -> None:
    house.act("notify.send_message", "say", message='Dinner\'s "ready", {{ 2 }} äöü.')
    house.wait("state", lambda phase: phase == "speaking")
    house.become("state", "speaking")
    house.become("in_conversation", "on")
    house.become("state", "idle")


def test_a_long_answer_fits(house: House) -> None:
    text = "This is quite a long sentence about nothing. " * 8
    house.act("text.set_value", "ask", value=f"repeat {text}"[:255])
    turn = house.wait("turn")
    reply = house.api.wait(
        house.entity("last_reply"), lambda change: change.attributes.get("turn") == turn["turn"], 30.0
    )
    assert reply.state == turn["reply"][:255]


def test_buttons(house: House) -> None:
    house.act("button.press", "listen")
    house.become("state", "listening")
    house.act("button.press", "stop")
    house.wait("state", lambda phase: phase == "idle")
    house.become("state", "idle")


def test_the_doctor_is_asked_and_answers_with_an_event(house: House) -> None:
    mark = house.api.mark()
    house.act("button.press", "doctor")
    changed = house.api.wait(house.entity("event_examined"), lambda change: "message" in change.attributes, 120.0, mark)
    assert changed.attributes["event_type"] == "examined"
    assert changed.attributes["message"]


def test_a_restart_is_asked_for_and_too_soon_once_more(house: House) -> None:
    house.act("button.press", "restart")
    assert house.agent.wait_ended(30.0) == 100, "which lets systemd start it anew"
    house.become("state", "unavailable")
    house.agent.stop()
    house.restart()
    mark = house.api.mark()
    house.act("button.press", "restart")
    changed = house.api.wait(house.entity("event_error"), lambda change: "code" in change.attributes, 30.0, mark)
    assert changed.attributes["event_type"] == "error"
    assert changed.attributes["code"] == "refused"
    assert "just been restarted" in changed.attributes["message"]


def test_a_wake_word_is_an_event(house: House) -> None:
    mark = house.api.mark()
    wakes = int(house.api.state(house.entity("wakes_today")).state)
    assert house.spoken("what time is it")["outcome"] == "answered"
    woken = house.api.wait(house.entity("event_wake"), lambda change: "word" in change.attributes, 30.0, mark)
    assert woken.attributes["event_type"] == "wake"
    assert woken.attributes["word"] == "hey_jarvis"
    assert woken.attributes["score"] >= 0.55
    house.api.wait(house.entity("wakes_today"), lambda change: int(change.state) > wakes, 30.0)
    house.api.wait(house.entity("time_to_first_audio"), lambda change: change.state.isdigit(), 30.0)


def test_a_press_is_an_event(house: House) -> None:
    """The press itself is simulated: no machine of a test has the pins. The message is made as the agent makes it."""
    mark = house.api.mark()
    message = _shown(ShowEvent("button", None, {"action": "mute"}))
    house.watcher.publish(message[0], message[1])
    changed = house.api.wait(house.entity("event_button"), lambda change: "action" in change.attributes, 30.0, mark)
    assert changed.attributes["event_type"] == "mute"


def _shown(event: ShowEvent) -> tuple[str, dict[str, Any]]:
    topics = Topics("voice-agent", DEVICE)
    message = topics.show(event, datetime.now(UTC), {})
    assert message is not None
    return message.topic.removeprefix(f"{topics.root}/"), json.loads(message.payload)
