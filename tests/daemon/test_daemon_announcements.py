"""Announcements and follow-ups with real sound: what the room hears, and what their senders are told."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
import soxr
from living import PARTS, VISITOR, WAIT_S, Life, loudest, question

from agent import earcons
from agent.audio.pcm import RATE_HZ, Samples
from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.theatre import Visitors
from agent.lab.visitor import say
from agent.lab.watch import Watcher

pytestmark = pytest.mark.room
STORY = "There was a king who lived by the sea. " * 8
ECHO_DB = -12.0
LOSSY = 0.4  # a busy machine may lose a part of a chime; its volumes are factors of three and eight apart
ALIKE = 0.8  # of a sound to the chime: 0.99 where it is one, below 0.4 for speech and other sounds


@pytest.fixture(scope="module")
def lives(room: Room, broker: Broker) -> Iterator[Life]:
    settings: dict[str, Any] = {
        "mqtt.port": broker.port,
        "mqtt.device": "announcements",
        "conversation.follow_up": True,
        "conversation.follow_up_ms": 3000,
    }
    watcher = Watcher("127.0.0.1", broker.port, "voice-agent/announcements")
    watcher.start()
    try:
        with Resident(settings, room.env) as agent:
            agent.wait_online(watcher, WAIT_S)
            agent.wait_parts(watcher, PARTS, 2 * WAIT_S)
            yield Life(room, watcher, agent)
    finally:
        watcher.stop()


@pytest.fixture
def life(lives: Life) -> Life:
    lives.rest()
    lives.begin()
    return lives


def result(life: Life, id: str) -> Any:
    return life.wait("result", lambda data: data["id"] == id)


def chimes_in(sound: Samples) -> list[tuple[int, float]]:
    """Where each chime begins in the sound, and how loud it is (1: as rendered)."""
    chime = soxr.resample(earcons.render("announce").astype(np.float64), earcons.RATE_HZ, RATE_HZ)
    wave = sound.astype(np.float64)
    dots = np.correlate(wave, chime, "valid")
    energy = np.convolve(wave**2, np.ones(len(chime)), "valid")
    alike = np.where(energy > 1e6, dots / np.sqrt(np.maximum(energy, 1.0) * np.sum(chime**2)), 0.0)
    found = []
    while alike.max(initial=0.0) > ALIKE:
        best = int(np.argmax(alike))
        found.append((best, float(dots[best] / np.sum(chime**2))))
        alike[max(0, best - len(chime)) : best + len(chime)] = 0.0
    return sorted(found)


def test_low_is_cut_by_high_and_normal_comes_after_it(life: Life) -> None:
    began = time.monotonic()
    life.command("say", id="low", text=STORY, priority="low")
    assert Visitors(life.room).hear_answer(began, 2.0), "nothing came out of the speaker"
    life.command("say", id="normal", text="Dinner is ready.", chime=True)
    life.command("say", id="high", text="The kitchen is on fire.", priority="high", chime=True, volume=100)
    cut = result(life, "low")
    assert (cut["ok"], cut["error"]["code"]) == (False, "interrupted")
    assert STORY.startswith(cut["data"]["heard"])
    assert 0 < len(cut["data"]["heard"]) < len(STORY)
    alarm = result(life, "high")
    assert (alarm["ok"], alarm["data"]["heard"]) == (True, "The kitchen is on fire.")
    dinner = result(life, "normal")
    assert (dinner["ok"], dinner["data"]["heard"]) == (True, "Dinner is ready.")
    assert [data["id"] for _, data in life.heard("result")] == ["low", "high", "normal"]
    life.room.wait_heard(time.monotonic() + 0.3)
    sound = life.room.record(began).agent
    (loud_at, loud), (soft_at, soft) = chimes_in(sound)
    words_follow(sound, loud_at)
    words_follow(sound, soft_at)
    assert loud == pytest.approx(1.0, rel=LOSSY)
    assert soft == pytest.approx(0.7**3, rel=LOSSY), "the alarm's volume is the alarm's alone"
    assert not [data for topic, data in life.heard() if topic == "setting/volume"]


def words_follow(sound: Samples, at: int) -> None:
    """After the chime that begins at `at` there is a breath, and then words; a busy machine may stretch it a little."""
    quiet = np.abs(sound[at + round(0.2 * RATE_HZ) :][: RATE_HZ // 2].astype(np.int32)) < 100
    breath = round(0.06 * RATE_HZ)
    breaths = np.flatnonzero(np.convolve(quiet, np.ones(breath), "valid") == breath)
    assert len(breaths), "words over the chime"
    words = sound[at + round(0.2 * RATE_HZ) + breaths[0] :][:RATE_HZ].astype(np.int32)
    assert np.count_nonzero(np.abs(words) > 500) > 0.1 * RATE_HZ


def test_nobody_is_disturbed_but_for_an_alarm(life: Life) -> None:
    life.command("setting/do_not_disturb", id="on", value=True)
    assert result(life, "on")["ok"]
    began = time.monotonic()
    for priority in ("low", "normal"):
        life.command("say", id=f"undisturbed {priority}", text="Dinner is ready.", priority=priority, chime=True)
        refused = result(life, f"undisturbed {priority}")
        assert (refused["ok"], refused["error"]["code"]) == (False, "do_not_disturb")
    life.room.wait_heard(time.monotonic() + 1.0)
    assert loudest(life.room, began) < 100
    assert life.heard("state") == []
    life.command("say", id="undisturbed high", text="Fire.", priority="high")
    assert result(life, "undisturbed high")["data"]["heard"] == "Fire."
    life.command("setting/do_not_disturb", id="off", value=False)
    assert result(life, "off")["ok"]


def test_quiet_hours_begin_with_a_reload_and_end_with_the_next(life: Life) -> None:
    now = datetime.now().astimezone()
    reload(
        life,
        {
            "room.quiet_from": f"{now - timedelta(hours=2):%H:%M}",
            "room.quiet_to": f"{now + timedelta(hours=2):%H:%M}",
            "room.night_volume_percent": 35,
        },
    )
    assert said_at(life, "night", "normal") == pytest.approx(0.35**3, rel=LOSSY)
    assert said_at(life, "alarm", "high") == pytest.approx(0.7**3, rel=LOSSY)
    life.command("say", id="whisper", text="Dinner is ready.", priority="low")
    assert result(life, "whisper")["error"]["code"] == "quiet"
    reload(life, {"room.quiet_from": None, "room.quiet_to": None})
    assert said_at(life, "day", "normal") == pytest.approx(0.7**3, rel=LOSSY)


def reload(life: Life, changes: dict[str, Any]) -> None:
    life.agent.configure(changes)
    life.begin()
    os.kill(life.agent.pid, signal.SIGHUP)
    assert life.wait("event/reload")["ok"]


def said_at(life: Life, id: str, priority: str) -> float:
    """Say something and tell how loud the chime before it was."""
    began = time.monotonic()
    life.command("say", id=id, text="Dinner is ready.", priority=priority, chime=True)
    assert result(life, id)["ok"]
    life.room.wait_heard(time.monotonic() + 0.2)
    ((_, gain),) = chimes_in(life.room.record(began).agent)
    return gain


def test_a_second_question_needs_no_wake_word_and_the_agents_echo_is_none(life: Life) -> None:
    """The agent hears itself, as in a real room; and yet it neither answers itself nor goes on for ever."""
    life.room.set_echo(ECHO_DB)
    try:
        life.room.play(question())
        first = life.wait("turn", lambda data: data["outcome"] == "answered")
        life.room.play(say("what time is it", VISITOR).samples)
        second = life.wait("turn", lambda data: data["turn"] == first["turn"] + 1)
        assert (second["outcome"], second["word"]) == ("answered", None)
        assert [data["name"] for _, data in life.heard("event/intent")] == ["time", "time"]
        third = life.wait("turn", lambda data: data["turn"] == first["turn"] + 2)
        assert (third["outcome"], third["transcript"]) == ("silence", "")
        life.wait("state", lambda phase: phase == "idle")
        # A busy machine publishes the newest state alone: it may have thought too shortly to be seen.
        phases = [phase for _, phase in life.heard("state") if phase != "thinking"]
        assert phases == ["listening", "speaking"] * 2 + ["listening", "idle"]
        assert life.heard("event/error") == []
    finally:
        life.room.set_echo(None)
