"""Home Assistant as the one who answers: what is said at the agent acts in the agent's room, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from core import HALL_LIGHT, KITCHEN_LIGHT
from house import House


@pytest.fixture(scope="module")
def placed(house: House) -> House:
    """A light in each of two rooms, and an agent that knows where it stands from the beginning."""
    house.place_lights()
    house.agent.stop()
    house.restart()
    return house


@pytest.fixture
def dark(placed: House) -> House:
    placed.darken()
    placed.command("stop")
    placed.begin()
    return placed


def runs(house: House) -> list[list[dict[str, Any]]]:
    """What its assistant notes of each question that it was asked, the last one last."""
    (pipeline,) = house.api.call("assist_pipeline/pipeline/list")["pipelines"]
    listed = house.api.call("assist_pipeline/pipeline_debug/list", pipeline_id=pipeline["id"])["pipeline_runs"]
    ids = [run["pipeline_run_id"] for run in sorted(listed, key=lambda run: run["timestamp"])]
    get = "assist_pipeline/pipeline_debug/get"
    return [house.api.call(get, pipeline_id=pipeline["id"], pipeline_run_id=id)["events"] for id in ids]


def test_the_light_here_is_the_light_of_the_agents_room(dark: House) -> None:
    turn = dark.ask("turn on the light")
    assert turn["outcome"] == "answered", turn
    dark.api.become(KITCHEN_LIGHT, "on", 10.0)
    assert dark.api.state(HALL_LIGHT).state == "off"
    dark.become("last_reply", turn["reply"])
    turn = dark.ask("turn off the light")
    dark.api.become(KITCHEN_LIGHT, "off", 10.0)


def test_said_aloud(dark: House) -> None:
    turn = dark.spoken("turn on the light")
    assert (turn["outcome"], turn["word"]) == ("answered", "hey_jarvis"), turn
    dark.api.become(KITCHEN_LIGHT, "on", 10.0)
    assert dark.api.state(HALL_LIGHT).state == "off"


def test_another_room_by_its_name(dark: House) -> None:
    assert dark.ask("turn on the light in the hall")["outcome"] == "answered"
    dark.api.become(HALL_LIGHT, "on", 10.0)
    assert dark.api.state(KITCHEN_LIGHT).state == "off"


def test_a_conversation_goes_on(dark: House) -> None:
    before = len(runs(dark))
    dark.ask("turn on the light")
    dark.ask("turn off the light")
    told = [dict((event["type"], event["data"]) for event in run) for run in runs(dark)[before:]]
    assert len(told) == 2
    first, second = (each["intent-end"]["intent_output"]["conversation_id"] for each in told)
    assert first == second
    device = dark.api.devices("voice-agent-kitchen")[0]["id"]
    assert {each["intent-start"]["device_id"] for each in told} == {device}


def test_what_it_does_not_understand(dark: House) -> None:
    turn = dark.ask("please fold the laundry")
    assert turn["outcome"] != "failed" or turn["reply"], turn


def test_a_broken_token_is_said_and_shown(dark: House) -> None:
    token = dark.core.token
    dark.set_token(f"{token[:-4]}AAAA")
    try:
        mark = dark.api.mark()
        turn = dark.ask("turn on the light")
        assert turn["reply"], "not a word about it"
        error = dark.wait("event/error")
        assert "auth" in error["code"], error
        assert token[:20] not in dark.agent.log
        dark.wait("health", lambda health: health["llm"]["status"] == "failed")
        shown = dark.become("llm", "off")
        assert shown.attributes["status"] == "failed"
        told = dark.api.wait(dark.entity("event_error"), lambda change: change.state != "unknown", 30.0, mark)
        assert told.attributes["code"] == error["code"]
        assert dark.api.state(KITCHEN_LIGHT).state == "off"
    finally:
        dark.set_token(token)
    assert dark.ask("turn on the light")["outcome"] == "answered"
    dark.become("llm", "on")


def test_home_assistant_was_away(dark: House) -> None:
    """The line it was asked over is dead; the first question after its return is answered over a new one."""
    dark.core.stop()
    turn = dark.ask("turn on the light")
    assert turn["reply"], "not a word about it"
    dark.core.start()
    dark.there(0.0)
    assert dark.ask("turn on the light")["outcome"] == "answered"
    dark.api.become(KITCHEN_LIGHT, "on", 10.0)
    dark.become("llm", "on")
