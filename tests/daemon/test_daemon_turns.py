"""The agent as its own process in a room, with a broker: whole turns with real sound, real engines, a scripted LLM."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from sick_llm import SickLlm, Visit, answer

from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.theatre import Visitors
from agent.lab.visitor import say, voice
from agent.lab.watch import Watcher

pytestmark = pytest.mark.room

SLT, RMS = voice("flite slt"), voice("flite rms")
WAIT_S = 30.0
STORY = "There was a king who lived by the sea. " * 20


class House:
    """A running agent, and what a visitor and an automation can do with it."""

    def __init__(self, room: Room, watcher: Watcher, agent: Resident, llm: SickLlm) -> None:
        self.room = room
        self.watcher = watcher
        self.agent = agent
        self.llm = llm
        self.mark = 0

    def begin(self) -> None:
        """What was published so far is the past."""
        self.mark = self.watcher.mark()

    def say(self, text: str, gap_s: float = 0.45) -> None:
        said = say("hey jarvis", SLT)
        self.room.play((said.then(say(text, SLT), gap_s) if text else said).samples)

    def wait(self, topic: str, wanted: Callable[[Any], bool] = lambda data: True) -> Any:
        """The next such message's content."""
        found = self.watcher.wait(lambda n: n.topic == topic and wanted(n.data), WAIT_S, self.mark, self.agent.check)
        assert found is not None, (
            f"no {topic}; there were {[(n.topic, n.data) for n in self.watcher.notices[self.mark :]]}"
        )
        return found.data

    def hear_answer(self, since: float, seconds: float) -> None:
        """Until the agent has been speaking for so long."""
        assert Visitors(self.room).hear_answer(since, seconds), "nothing came out of the speaker"

    def idle(self) -> None:
        """Bring it to rest, whatever a test left behind."""
        self.begin()
        self.watcher.publish("cmd/stop", {"id": "rest"})
        self.wait("result", lambda data: data["id"] == "rest")


async def storyteller(visit: Visit) -> None:
    """Thinks for a while about a story that is to be slow."""
    question = visit.request.body["messages"][-1]["content"].lower()
    await answer(STORY, first_s=2.5 if "slow" in question else 0.0)(visit)


@pytest.fixture(scope="module")
def llm() -> Iterator[SickLlm]:
    with SickLlm(storyteller) as server:
        yield server


@pytest.fixture(scope="module")
def running(room: Room, broker: Broker, llm: SickLlm) -> Iterator[House]:
    settings: dict[str, Any] = {
        "mqtt.port": broker.port,
        "mqtt.device": "turns",
        "llm.use": ["test"],
        "llm.profiles.test.base_url": llm.base_url,
        "llm.profiles.test.model": "test",
    }
    watcher = Watcher("127.0.0.1", broker.port, "voice-agent/turns")
    watcher.start()
    try:
        with Resident(settings, room.env) as agent:
            agent.wait_online(watcher, WAIT_S)
            agent.wait_parts(watcher, ("mic", "speaker", "wake", "asr", "tts"), 2 * WAIT_S)
            yield House(room, watcher, agent, llm)
    finally:
        watcher.stop()


@pytest.fixture
def house(running: House) -> House:
    running.idle()
    running.begin()
    return running


def test_a_local_question_is_answered_aloud(house: House) -> None:
    began = time.monotonic()
    house.say("what time is it")
    receipt = house.wait("turn")
    assert (receipt["outcome"], receipt["word"]) == ("answered", "hey_jarvis")
    assert sum(receipt["stages_ms"].values()) == receipt["ttfa_ms"]
    assert receipt["heard"] == receipt["reply"] != ""
    assert house.wait("event/intent")["name"] == "time"
    assert np.abs(house.room.record(began).agent.astype(np.int32)).max() > 1000, "nothing came out of the speaker"
    phases = [n.data for n in house.watcher.notices[house.mark :] if n.topic == "state"]
    assert phases[:3] == ["listening", "thinking", "speaking"]


def test_one_breath_without_a_pause(house: House) -> None:
    house.room.play(say("hey jarvis what time is it", SLT).samples)
    assert house.wait("event/intent")["name"] == "time"
    assert house.wait("turn")["outcome"] == "answered"


def test_an_open_question_goes_to_the_llm_and_the_wake_word_ends_the_answer(house: House) -> None:
    house.say("tell me a long story about the sea")
    house.wait("state", lambda phase: phase == "speaking")
    house.hear_answer(time.monotonic(), 2.0)
    assert "story" in house.llm.requests[-1].body["messages"][-1]["content"].lower()
    house.say("", gap_s=0)
    receipt = house.wait("turn", lambda data: data["outcome"] == "interrupted")
    assert 0 < len(receipt["heard"]) < len(STORY)
    silent = house.wait("turn", lambda data: data["turn"] == receipt["turn"] + 1)
    assert silent["outcome"] == "silence"


def test_whoever_only_pauses_is_heard_to_the_end(house: House) -> None:
    """The question is asked after half a second, and taken back when the user goes on."""
    told = len(house.llm.requests)
    said = say("hey jarvis", SLT).then(say("tell me a very slow story", SLT), 0.45)
    house.room.play(said.then(say("about a dragon and a princess", SLT), 1.8).samples)
    first = house.wait("turn")
    assert (first["outcome"], first["word"], first["reply"]) == ("continued", "hey_jarvis", "")
    assert "dragon" not in first["transcript"].lower()
    house.wait("state", lambda phase: phase == "speaking")
    house.watcher.publish("cmd/stop", {"id": "enough"})
    second = house.wait("turn", lambda data: data["turn"] == first["turn"] + 1)
    assert (second["outcome"], second["word"]) == ("interrupted", "hey_jarvis")
    assert second["transcript"].lower().startswith("tell me a very slow story")
    assert "dragon" in second["transcript"].lower()
    *halves, whole = house.llm.requests[told:]
    assert len(halves) == (first["transcript"] != ""), "where the recogniser is late, nothing had been asked yet"
    assert all(half.closed.wait(WAIT_S) for half in halves), "the first question was not taken back"
    *before, question = (message["content"].lower() for message in whole.body["messages"])
    assert "dragon" in question
    assert not any("slow" in text for text in before), "what was taken back is no history"


def test_stop_over_mqtt_is_silence(house: House) -> None:
    house.watcher.publish("cmd/ask", {"id": "a", "text": "a long story"})
    house.hear_answer(time.monotonic(), 1.0)
    house.watcher.publish("cmd/stop", {"id": "s"})
    assert house.wait("result", lambda data: data["id"] == "s")["ok"]
    stopped = time.monotonic()
    cut = house.wait("result", lambda data: data["id"] == "a")
    assert (cut["ok"], cut["error"]["code"]) == (False, "interrupted")
    house.room.wait_heard(stopped + 1.5)
    after = house.room.record(stopped + 0.5, stopped + 1.5).agent
    assert np.abs(after.astype(np.int32)).max() < 100


def test_say_tells_when_it_was_heard(house: House) -> None:
    house.watcher.publish("cmd/say", {"id": "d", "text": "Dinner is ready."})
    result = house.wait("result", lambda data: data["id"] == "d")
    assert result["ok"]
    assert result["data"]["heard"] == "Dinner is ready."


@pytest.mark.parametrize(
    ("command", "payload"),
    [("volume", {"id": "x", "percent": 400}), ("say", {"id": "x"}), ("mute", {"id": "x", "on": "perhaps"})],
)
def test_nonsense_is_an_error_and_nothing_else(house: House, command: str, payload: dict[str, Any]) -> None:
    house.watcher.publish(f"cmd/{command}", payload)
    result = house.wait("result", lambda data: data["id"] == "x")
    assert not result["ok"]
    assert result["error"]["message"]
    states = [n for n in house.watcher.notices[house.mark :] if n.topic == "state"]
    assert states == []


def test_a_muted_microphone_hears_no_wake_word(house: House) -> None:
    house.watcher.publish("cmd/mute", {"id": "on", "on": True})
    house.wait("result", lambda data: data["id"] == "on")
    house.begin()
    house.say("what time is it")
    house.watcher.publish("cmd/mute", {"id": "off", "on": False})
    house.wait("result", lambda data: data["id"] == "off")
    assert not [n for n in house.watcher.notices[house.mark :] if n.topic == "event/wake"]
    house.begin()
    house.say("what time is it")
    assert house.wait("turn")["outcome"] == "answered"


def test_the_volume_changes_what_is_heard(house: House) -> None:
    loudness = []
    for percent in (100, 30):
        house.watcher.publish("cmd/volume", {"id": f"v{percent}", "percent": percent})
        house.wait("result", lambda data, percent=percent: data["id"] == f"v{percent}")
        began = time.monotonic()
        house.watcher.publish("cmd/say", {"id": f"s{percent}", "text": "One two three four."})
        house.wait("result", lambda data, percent=percent: data["id"] == f"s{percent}")
        loudness.append(float(np.abs(house.room.record(began).agent.astype(np.float64)).max()))
    assert loudness[1] < loudness[0] / 2
    assert house.wait("setting/volume", lambda data: data["value"] == 30)


def test_nothing_private_is_logged(house: House) -> None:
    house.say("what time is it")
    house.wait("turn")
    assert "time is it" not in house.agent.log.lower()
