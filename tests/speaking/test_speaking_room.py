"""The mouth with the real voice, the real player and a real sound path, heard by somebody else's ears."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from conftest import WAIT_S, E

from agent import clock
from agent.audio.pcm import RATE_HZ, Samples
from agent.audio.playback import Playback
from agent.commands import Hush, Speak
from agent.config import Config
from agent.events import Audible, Event, Health, SpeechDone
from agent.lab.room import Room
from agent.lab.scoring import found
from agent.speaking.mouth import Mouth

pytestmark = pytest.mark.room


@dataclass
class Talk:
    """A mouth that speaks in a room."""

    room: Room
    mouth: Mouth
    events: queue.Queue[Event] = field(default_factory=queue.Queue)

    def until(self, kind: type[E]) -> E:
        until = time.monotonic() + WAIT_S
        while True:
            event = self.events.get(timeout=max(0.0, until - time.monotonic()))
            if isinstance(event, kind):
                return event

    def ready(self) -> None:
        waiting = {"tts", "speaker"}
        while waiting:
            health = self.until(Health)
            if health.status == "ok":
                waiting.discard(health.part)


@pytest.fixture
def talk(room: Room, joe: Path, espeak_ng: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    for name, value in room.env.items():
        monkeypatch.setenv(name, value)
    config, fatal, events = Config(), queue.Queue[str](), queue.Queue[Event]()
    mouth = Mouth(config, events.put, clock.now, fatal.put)
    playback = Playback(config.audio.speaker, mouth, events.put, clock.now, fatal.put)
    playback.start()
    mouth.start(playback)
    talk = Talk(room, mouth, events)
    talk.ready()
    yield talk
    mouth.stop()
    playback.stop()
    assert fatal.empty()


def heard_by(room: Room, since: float, until: float) -> Samples:
    assert room.wait_heard(until)
    return room.record(since, until).agent


def test_a_reply_is_heard_in_the_room(talk: Talk) -> None:
    listener = pytest.importorskip("agent.lab.listener").MoonshineListener()
    since = time.monotonic()
    sentence = "Penguins are flightless birds that live in the southern hemisphere."
    for word in f"**Sure!** 😀 {sentence}".split(" "):
        talk.mouth.do(Speak(1, f"{word} "))
    talk.mouth.do(Speak(1, "", last=True))
    audible, done = talk.until(Audible), talk.until(SpeechDone)
    assert done.heard == f"Sure! {sentence}"
    sound = heard_by(talk.room, since, time.monotonic() + 0.5)
    onset = since + np.flatnonzero(np.abs(sound) > 300)[0] / RATE_HZ
    assert abs(onset - audible.audio_at) < 0.15
    assert found(sentence, listener.hear(sound)) >= 0.8
    listener.close()


def test_what_was_cut_off_is_not_heard(talk: Talk) -> None:
    since = time.monotonic()
    talk.mouth.do(Speak(1, "One two three four five six. " * 10, last=True))
    audible = talk.until(Audible)
    time.sleep(max(0.0, audible.audio_at + 3.0 - time.monotonic()))
    talk.mouth.do(Hush(1))
    done = talk.until(SpeechDone)
    assert done.cut
    sound = heard_by(talk.room, since, time.monotonic() + 1.5)
    loud = np.flatnonzero(np.abs(sound) > 300)
    heard_s = (loud[-1] - loud[0]) / RATE_HZ
    assert heard_s < 4.0
    assert 4 <= len(done.heard.split()) <= 15  # at some three words a second
