"""The agent as its own process in a room, and a peer that does what Home Assistant's Wyoming integration does: whole
turns with real sound and real engines."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from home_peer import Assistant, Manner
from sick_wyoming import closed_port

from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.theatre import Visitors
from agent.lab.visitor import say, voice
from agent.lab.watch import Watcher

pytestmark = pytest.mark.room

SLT = voice("flite slt")
WAIT_S = 40.0
LONG = "The light in the kitchen is on, and so is the one in the hall. " * 6


class House:
    """A running agent, and where Home Assistant finds it."""

    def __init__(self, room: Room, watcher: Watcher, agent: Resident, port: int) -> None:
        self.room = room
        self.watcher = watcher
        self.agent = agent
        self.port = port
        self.mark = 0

    def begin(self) -> None:
        self.mark = self.watcher.mark()

    def say(self, text: str, gap_s: float = 0.45) -> None:
        self.room.play(say("hey jarvis", SLT).then(say(text, SLT), gap_s).samples)

    def wait(self, topic: str, wanted: Callable[[Any], bool] = lambda data: True) -> Any:
        found = self.watcher.wait(lambda n: n.topic == topic and wanted(n.data), WAIT_S, self.mark, self.agent.check)
        assert found is not None, (
            f"no {topic}; there were {[(n.topic, n.data) for n in self.watcher.notices[self.mark :]]}\n"
            f"{self.agent.tail()}"
        )
        return found.data

    def idle(self) -> None:
        self.begin()
        self.watcher.publish("cmd/stop", {"id": "rest"})
        self.wait("result", lambda data: data["id"] == "rest")

    def serving(self, manner: Manner | None = None) -> Assistant:
        return Assistant(self.port, manner)

    def served(self, times: int) -> None:
        """Home Assistant has been there for so many times."""
        self.agent.wait_log("Home Assistant is there", WAIT_S, times=times)


@pytest.fixture(scope="module")
def running(room: Room, broker: Broker) -> Iterator[House]:
    port = closed_port()
    settings: dict[str, Any] = {
        "mqtt.port": broker.port,
        "mqtt.device": "satellite",
        "wyoming.enabled": True,
        "wyoming.port": port,
    }
    watcher = Watcher("127.0.0.1", broker.port, "voice-agent/satellite")
    watcher.start()
    try:
        with Resident(settings, room.env) as agent:
            agent.wait_online(watcher, WAIT_S)
            agent.wait_parts(watcher, ("mic", "speaker", "wake", "asr", "tts"), 2 * WAIT_S)
            yield House(room, watcher, agent, port)
    finally:
        watcher.stop()


@pytest.fixture
def house(running: House) -> House:
    running.idle()
    running.begin()
    return running


@pytest.fixture
def at_home(house: House) -> Iterator[Assistant]:
    times = house.agent.log.count("Home Assistant is there")
    with house.serving() as home:
        house.served(times + 1)
        yield home


def buzzes(room: Room, since: float) -> float:
    """Seconds in which the voice of Home Assistant's sounds: a square wave of 441 Hz."""
    heard = room.record(since).agent.astype(np.float64)
    hops = heard[: len(heard) // 1600 * 1600].reshape(-1, 1600)
    spectra = np.abs(np.fft.rfft(hops, axis=1))
    first, third = spectra[:, 43:46].max(axis=1), spectra[:, 131:134].max(axis=1)  # 440 and 1,320 Hz: a chime has one
    square = (first > 1e5) & (first > 0.6 * spectra.max(axis=1)) & (third > 0.15 * first) & (third < 0.6 * first)
    return float(square.sum()) * 0.1


def test_a_whole_turn(house: House, at_home: Assistant) -> None:
    began = time.monotonic()
    house.say("what time is it")
    receipt = house.wait("turn")
    assert (receipt["outcome"], receipt["word"]) == ("answered", "hey_jarvis")
    assert (receipt["transcript"], receipt["heard"]) == ("what time is it", "It is noon at home.")
    assert receipt["engines"]["asr"] == receipt["engines"]["llm"] == "home_assistant"
    (run,) = at_home.runs
    assert run.ends == "audio-stop"
    assert 0.8 < len(run.sound) / 32_000 < 4.0
    assert np.abs(np.frombuffer(run.sound, "<i2").astype(np.int32)).max() > 1000, "it heard nothing"
    assert at_home.wait(lambda: at_home.heard("played") == 1)
    assert buzzes(house.room, began) < 0.3, "the agent's own voice answers"
    assert not [n for n in house.watcher.notices[house.mark :] if n.topic == "event/intent"]


def test_home_assistant_knows_first_that_it_was_all(house: House, at_home: Assistant) -> None:
    at_home.manner.after_s = 0.8
    house.say("what time is it")
    receipt = house.wait("turn")
    assert (receipt["outcome"], receipt["heard"]) == ("answered", "It is noon at home.")
    assert at_home.runs[-1].ends == "understood"


def test_its_timers_are_its_own_and_volume_is_ours(house: House, at_home: Assistant) -> None:
    at_home.manner = Manner("set a timer for five minutes", "Timer set for five minutes.")
    house.say("set a timer for five minutes")
    assert house.wait("turn")["heard"] == "Timer set for five minutes."
    assert not [n for n in house.watcher.notices[house.mark :] if n.topic == "event/timer"]
    house.begin()
    at_home.manner = Manner("set the volume to sixty percent", "Sorry?")
    house.say("set the volume to sixty percent")
    assert house.wait("turn")["reply"] == "Volume 60 percent."
    assert at_home.wait(lambda: at_home.heard("played") == 2), "nothing of its reply is waited for"


def test_it_is_lost_in_the_middle_of_an_utterance(house: House, at_home: Assistant) -> None:
    at_home.manner.dies_s = 0.7
    house.say("what time is it")
    receipt = house.wait("turn")
    assert receipt["outcome"] == "answered"
    assert receipt["transcript"].lower().startswith("what time is it"), "with what was said before, and as we write it"
    assert receipt["reply"].startswith("It's "), "the agent knows the time, too"
    assert house.wait("event/intent")["name"] == "time"
    assert at_home.ended.is_set()
    house.begin()
    house.say("what time is it")
    assert house.wait("turn")["reply"].startswith("It's ")


def test_it_fails_where_it_was_to_answer(house: House, at_home: Assistant) -> None:
    at_home.manner = Manner("open the pod bay doors", None)
    house.say("what time is it")
    receipt = house.wait("turn")
    assert (receipt["outcome"], receipt["reply"]) == ("failed", "Sorry, Home Assistant has not answered.")


def test_nothing_is_said(house: House, at_home: Assistant) -> None:
    house.room.play(say("hey jarvis", SLT).samples)
    assert house.wait("turn")["outcome"] == "silence"
    assert not at_home.runs, "its recogniser would make words of silence"


def test_it_hears_nothing(house: House, at_home: Assistant) -> None:
    at_home.manner.text = None
    house.say("what time is it")
    assert house.wait("turn")["outcome"] == "silence"


def test_it_is_too_slow(house: House, at_home: Assistant) -> None:
    at_home.manner.hesitates_s = 5.0
    house.say("what time is it")
    receipt = house.wait("turn")
    assert receipt["reply"].startswith("It's ")
    house.begin()
    at_home.manner.hesitates_s = 0.0
    assert at_home.wait(lambda: at_home.heard("played") == 1), "its reply came late, and for nobody"
    house.say("what time is it")
    assert house.wait("turn")["heard"] == "It is noon at home."


def test_the_wake_word_interrupts_it(house: House, at_home: Assistant) -> None:
    began = time.monotonic()
    at_home.manner = Manner("what is on", LONG, voice_s=20.0)
    house.say("what time is it")
    house.wait("state", lambda phase: phase == "speaking")  # what is heard before is the sound of the wake word
    assert Visitors(house.room).hear_answer(time.monotonic(), 1.0)
    at_home.manner = Manner()
    house.say("what time is it")
    first = house.wait("turn", lambda data: data["outcome"] == "interrupted")
    assert first["heard"] != LONG.strip()
    assert house.wait("turn", lambda data: data["turn"] > first["turn"])["heard"] == "It is noon at home."
    assert len(at_home.runs) == 2
    assert at_home.wait(lambda: at_home.heard("played") == 2)
    assert buzzes(house.room, began) < 0.3


def test_the_wake_word_again_while_it_listens(house: House, at_home: Assistant) -> None:
    house.say("tell me a story about")
    assert at_home.wait(lambda: bool(at_home.runs and at_home.runs[0].sound))
    house.say("what time is it")
    answered = house.wait("turn", lambda data: data["outcome"] == "answered")
    assert answered["heard"] == "It is noon at home."
    assert answered["engines"]["llm"] == "home_assistant"
    assert at_home.runs[-1].ends == "audio-stop"
    assert not at_home.runs[0].ends, "nothing of it is obeyed"


def test_an_announcement_is_heard(house: House, at_home: Assistant) -> None:
    began = time.monotonic()
    at_home.announce(2.0)
    assert at_home.wait(lambda: at_home.heard("played") == 1)
    took_s = time.monotonic() - began
    assert 1.7 <= buzzes(house.room, began) <= 2.3
    assert took_s >= 2.0, "it was heard before that was said"
    house.wait("turn", lambda data: data["outcome"] == "answered")


def test_an_announcement_waits_until_the_answer_was_heard(house: House, at_home: Assistant) -> None:
    began = time.monotonic()
    house.say("what time is it")
    house.wait("state", lambda data: data == "speaking")  # for one that comes earlier it gives the turn up
    at_home.announce(1.0)
    assert house.wait("turn")["heard"] == "It is noon at home."
    assert at_home.wait(lambda: at_home.heard("played") == 2)
    assert 0.7 <= buzzes(house.room, began) <= 1.3


def test_a_timer_of_home_assistants_rings_until_it_is_stopped(house: House, at_home: Assistant) -> None:
    at_home.home.say("timer-started", id="x", name="tea", total_seconds=3)
    at_home.home.say("timer-started", id="y", total_seconds=300)
    house.wait("timers", lambda data: len(data["timers"]) == 2)
    at_home.home.say("timer-cancelled", id="y")
    house.wait("event/timer", lambda data: data["action"] == "cancelled")
    assert house.wait("event/timer", lambda data: data["action"] == "ringing")["name"] == "tea"
    at_home.home.say("timer-finished", id="x")
    house.room.play(say("hey jarvis", SLT).samples)
    house.wait("event/timer", lambda data: data["action"] == "stopped")


def test_whoever_asks_by_mqtt_is_answered_by_the_agent(house: House, at_home: Assistant) -> None:
    house.watcher.publish("cmd/ask", {"id": "a", "text": "what time is it"})
    assert house.wait("result", lambda data: data["id"] == "a")["ok"]
    assert not at_home.runs


def test_it_is_switched_off_and_on_while_the_agent_lives(house: House) -> None:
    with house.serving() as home:
        house.begin()
        house.agent.configure({"wyoming.enabled": False})
        os.kill(house.agent.pid, signal.SIGHUP)
        assert house.wait("event/reload")["changed"] == "wyoming.enabled"
        assert home.ended.wait(WAIT_S), "it hangs up"
    house.begin()
    house.say("what time is it")
    assert house.wait("turn")["reply"].startswith("It's ")
    house.begin()
    house.agent.configure({"wyoming.enabled": True, "wyoming.answers": "agent"})
    os.kill(house.agent.pid, signal.SIGHUP)
    house.wait("event/reload")
    times = house.agent.log.count("Home Assistant is there")
    with house.serving() as home:
        house.served(times + 1)
        house.begin()
        house.say("what time is it")
        assert house.wait("turn")["reply"].startswith("It's ")
        assert not home.runs
        began = time.monotonic()
        home.announce(1.0)
        assert home.wait(lambda: home.heard("played") == 1)
        assert buzzes(house.room, began) > 0.7
    house.agent.configure({"wyoming.answers": "home_assistant"})
    os.kill(house.agent.pid, signal.SIGHUP)
    house.wait("event/reload", lambda data: data["changed"] == "wyoming.answers")
