"""The satellite's thread over a real socket, with a peer that does what Home Assistant does, in the protocol's own
package; and peers that misbehave."""

from __future__ import annotations

import queue
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from home_peer import WAIT_S, Home
from pydantic import ValidationError
from sick_wyoming import (
    AudioChunk,
    AudioStart,
    AudioStop,
    Info,
    Transcript,
    closed_port,
)
from wyoming.pipeline import PipelineStage, RunPipeline

from agent.config.wyoming import WyomingSection
from agent.satellite.description import description
from agent.satellite.happenings import End, Failed, Play, Says, Serving, Understood
from agent.satellite.host import Told
from agent.satellite.lines import LINES
from agent.satellite.satellite import Satellite

PCM = bytes(range(256)) * 4
ABOUT = description("kitchen", "Kitchen", [("hey_jarvis", "hey jarvis")], "en")


class Device:
    """A `Host` that writes down what it is told."""

    def __init__(self) -> None:
        self.told: queue.Queue[Told] = queue.Queue()

    def satellite(self, told: Told) -> None:
        self.told.put(told)

    def next(self) -> Told:
        return self.told.get(timeout=WAIT_S)


class Rig:
    def __init__(self, **section: Any) -> None:
        self.device = Device()
        self.fatal: queue.Queue[str] = queue.Queue()
        config = WyomingSection(**{"enabled": True, "port": 0, **section})
        self.satellite = Satellite(config, ABOUT, self.device, self.fatal.put)
        self.homes: list[Home] = []
        self.satellite.start()

    def home(self) -> Home:
        until = time.monotonic() + WAIT_S
        while not self.satellite.port and time.monotonic() < until:
            time.sleep(0.01)
        self.homes.append(Home(self.satellite.port))
        return self.homes[-1]

    def connected(self) -> Home:
        home = self.home()
        home.say("run-satellite")
        assert self.device.next() == Serving(True)
        return home


@pytest.fixture
def rig() -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def make(**section: Any) -> Rig:
        rigs.append(Rig(**section))
        return rigs[-1]

    yield make
    for each in rigs:
        each.satellite.stop()
        for home in each.homes:
            home.close()
        assert each.fatal.empty()


MakeRig = Callable[..., Rig]


def test_what_it_tells_of_itself(rig: MakeRig) -> None:
    home = rig().home()
    home.say("describe")
    info = Info.from_event(home.hear("info"))
    assert info.satellite is not None
    assert (info.satellite.name, info.satellite.area) == ("kitchen", "Kitchen")
    assert info.satellite.active_wake_words == ["hey_jarvis"]
    assert info.wake[0].models[0].phrase == "hey jarvis"
    assert (info.mic[0].mic_format.rate, info.snd[0].snd_format.rate) == (16_000, 22_050)


def test_a_turn(rig: MakeRig) -> None:
    r = rig()
    home = r.connected()
    assert r.satellite.serving
    r.satellite.woke(5)
    pipeline = RunPipeline.from_event(home.hear("run-pipeline"))
    assert (pipeline.start_stage, pipeline.end_stage) == (PipelineStage.ASR, PipelineStage.TTS)
    r.satellite.heard(5, PCM)
    chunk = AudioChunk.from_event(home.hear("audio-chunk"))
    assert (chunk.audio, chunk.rate, chunk.width, chunk.channels) == (PCM, 16_000, 2, 1)
    home.say("voice-started", timestamp=0)
    home.say(Transcript("what time is it"))
    home.say("synthesize", text="Noon.", voice={"name": "joe"})
    shape = {"rate": 22_050, "width": 2, "channels": 1}
    home.say(AudioStart(**shape), AudioChunk(audio=PCM, **shape), AudioStop())
    told = [r.device.next() for _ in range(4)]
    assert told == [Understood(5, "what time is it"), Says(5, "Noon."), Play(5, 22_050, PCM), End(5)]
    r.satellite.played(5)
    home.hear("played")


def test_an_announcement_is_awaited(rig: MakeRig) -> None:
    r = rig()
    home = r.connected()
    shape = {"rate": 22_050, "width": 2, "channels": 2}
    home.say(AudioStart(**shape), AudioChunk(audio=b"\x01\x00\x03\x00" * 100, **shape), AudioStop())
    assert r.device.next() == Play(None, 22_050, b"\x02\x00" * 100)
    assert r.device.next() == End(None)
    r.satellite.played(None)
    home.hear("played")


def test_both_sides_ping(rig: MakeRig) -> None:
    home = rig().connected()
    home.say("ping", text="a")
    assert home.hear("pong").data == {"text": "a"}
    home.hear("ping")


def test_home_assistant_comes_back_without_having_gone(rig: MakeRig) -> None:
    r = rig()
    old = r.connected()
    r.satellite.woke(1)
    old.hear("run-pipeline")
    new = r.home()
    new.say("run-satellite")
    assert [r.device.next() for _ in range(3)] == [
        Serving(False),
        Failed(1, "Home Assistant is gone"),
        Serving(True),
    ]
    assert old.next() is None
    r.satellite.woke(2)
    new.hear("run-pipeline")


def test_somebody_who_only_asks_is_nobody(rig: MakeRig) -> None:
    r = rig()
    home, other = r.connected(), r.home()
    other.say("describe")
    other.hear("info")
    other.say("ping", text="b")
    assert other.hear("pong").data == {"text": "b"}
    other.say(Transcript("unlock the door"))
    other.close()
    r.satellite.woke(1)
    home.hear("run-pipeline")
    assert r.device.told.empty()


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b" " * 100_000, b'{"type": "audio-chunk", "payload_length": 1073741824}\n', b"[]\n"],
)
def test_nonsense_ends_the_connection_and_nothing_else(rig: MakeRig, data: bytes) -> None:
    r = rig()
    r.connected().raw(data)
    assert r.device.next() == Serving(False)
    r.connected()


def test_a_home_assistant_that_takes_nothing_in(rig: MakeRig) -> None:
    r = rig()
    r.connected()
    r.satellite.woke(1)
    told: list[Told] = []
    until = time.monotonic() + WAIT_S
    while not told and time.monotonic() < until:
        r.satellite.heard(1, bytes(64_000))
        if not r.device.told.empty():
            told = [r.device.next(), r.device.next()]
    assert told == [Serving(False), Failed(1, "Home Assistant is gone")]
    r.connected()


def test_who_may_come_in(rig: MakeRig) -> None:
    assert rig(allow=["10.0.0.0/8"]).home().next() is None
    r = rig(allow=["10.0.0.0/8", "127.0.0.1"])
    r.connected()
    for _ in range(LINES - 1):
        r.home().say("describe")
        r.homes[-1].hear("info")
    assert r.home().next() is None


def test_a_port_that_is_taken_is_tried_again(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.satellite.door.RETRY_S", (0.1,))
    port = closed_port()
    with socket.create_server(("127.0.0.1", port)):
        r = rig(port=port)
        until = time.monotonic() + WAIT_S
        while not r.satellite._door.retry_at and time.monotonic() < until:
            time.sleep(0.01)
        assert not r.satellite.port
    r.connected()


def test_its_thread_ends(rig: MakeRig) -> None:
    r = rig()
    home = r.connected()
    r.satellite.stop()
    assert home.next() is None
    r.satellite.stop()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"enabled": True, "address": "0.0.0.0"}, "set allow"),
        ({"enabled": True, "address": "::"}, "set allow"),
        ({"address": "kitchen.local"}, "an address of this device"),
        ({"allow": ["home"]}, "an address or a network"),
    ],
)
def test_what_may_not_be_configured(section: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        WyomingSection(**section)
    assert WyomingSection(enabled=True, address="0.0.0.0", allow=("192.168.1.5",)).port == 10_700
