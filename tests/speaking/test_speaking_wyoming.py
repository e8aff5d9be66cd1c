"""A voice on a bigger machine: one that is well, ones that misbehave, and a published one; and who speaks instead."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import published_wyoming as published
import pytest
import sick_wyoming as sick
from conftest import WAIT_S, Stage, fake
from sick_wyoming import RATE_HZ, SickWyoming, Symptom, closed_port

from agent.config import Config, Tts
from agent.events import Health, SpeechDone
from agent.speaking import wyoming as remote
from agent.speaking.tts import SpeechError
from agent.speaking.voices import VoiceSpec, voices
from agent.speaking.wyoming import Remote
from agent.wyoming import server as looking

MakeStage = Callable[..., Stage]
TRIAL = sick.sounds(0.1)


class Rig:
    """A voice, and what was told of its server."""

    def __init__(self, uri: str, voice: str = "", language: str = "en") -> None:
        self.told: queue.Queue[str] = queue.Queue()
        self.voice = Remote(uri, voice, language, self.told.put)
        self.voice.load()

    def until(self, reason: str) -> str:
        while True:
            told = self.told.get(timeout=WAIT_S)
            if (reason in told) if reason else told == "":
                return told

    def say(self, text: str) -> tuple[set[int], bytes]:
        parts = list(self.voice.synthesise(text))
        return {rate_hz for rate_hz, _ in parts}, b"".join(pcm for _, pcm in parts)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rig]]:
    monkeypatch.setattr(looking, "FIRST_REST_S", 0.05)
    monkeypatch.setattr(remote, "FIRST_S", 0.4)
    monkeypatch.setattr(remote, "GAP_S", 0.4)
    rigs: list[Rig] = []

    def make(*args: str, **more: str) -> Rig:
        rigs.append(Rig(*args, **more))
        return rigs[-1]

    yield make
    for each in rigs:
        each.voice._server.stop()


MakeRig = Callable[..., Rig]


@pytest.fixture
def patient(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests may have the processor."""
    for name in ("FIRST_S", "GAP_S", "ALL_S"):
        monkeypatch.setattr(remote, name, 60.0)


def test_the_server_speaks(rig: MakeRig) -> None:
    with SickWyoming(TRIAL, sick.sounds(0.5)) as server:
        r = rig(server.uri)
        rates, pcm = r.say("Hello, [[you]].")
        assert rates == {RATE_HZ}
        assert abs(len(pcm) / 2 / RATE_HZ - 0.505) < 0.002, "without the silence before it"
        assert server.work[0].asked.data == {"text": "Okay.", "voice": {"language": "en"}}
        assert server.work[1].asked.data == {"text": "Hello,  you .", "voice": {"language": "en"}}
        assert r.say("")[1] == b""
        assert len(server.work) == 2


@pytest.mark.parametrize(
    ("voices", "voice", "language", "sent"),
    [
        (("joe", "amy"), "amy", "en", {"name": "amy"}),
        (("joe",), "", "en-GB", {"language": "en"}),
        (("hans:de", "yuna:ko", "amy:en_US"), "", "ko", {"language": "ko"}),
        ((), "joe", "en", {"name": "joe"}),
    ],
)
def test_which_voice_is_asked_for(
    rig: MakeRig, voices: tuple[str, ...], voice: str, language: str, sent: dict[str, str]
) -> None:
    with SickWyoming(TRIAL, info=sick.offers(voices=voices)) as server:
        rig(server.uri, voice, language).until("")
        assert server.work[0].asked.data["voice"] == sent


@pytest.mark.parametrize(
    ("voice", "language", "reason"), [("amy", "en", 'no voice "amy"'), ("", "ko", 'no voice for "ko"')]
)
def test_a_voice_that_it_does_not_have(rig: MakeRig, voice: str, language: str, reason: str) -> None:
    with SickWyoming(TRIAL) as server:
        r = rig(server.uri, voice, language)
        r.until(reason)
        with pytest.raises(SpeechError, match=reason):
            r.say("Hello.")


SICK = {
    "hangs": (sick.hangs(), "no sound in time"),
    "closes": (sick.cuts(), "closed the connection"),
    "resets": (sick.resets(), "reset"),
    "closes in the middle": (sick.sounds(then=sick.cuts()), "closed the connection"),
    "hangs in the middle": (sick.sounds(then=sick.hangs()), "no sound in time"),
    "writes nonsense in the middle": (sick.sounds(then=sick.garbage()), "nonsense"),
    "says it is a gigabyte": (sick.oversize("payload_length"), "at most"),
    "has a line without end": (sick.oversize("line"), "a line of over"),
    "has no memory left": (sick.complains("CUDA out of memory"), "CUDA out of memory"),
    "never ends": (sick.sounds(100.0, 8000), "a clause of over"),
    "has no rate": (sick.says("audio-chunk", b"12", rate="x", width=2, channels=1), "sound of 0 Hz"),
    "has a rate of zero": (sick.says("audio-chunk", b"12", rate=0, width=2, channels=1), "sound of 0 Hz"),
    "has another width": (sick.says("audio-chunk", b"1234", rate=16000, width=4, channels=1), "4 bytes a sample"),
    "has no channel": (sick.says("audio-chunk", b"12", rate=16000, width=2, channels=0), "0 channels"),
    "has half a sample": (sick.says("audio-chunk", b"123", rate=16000, width=2, channels=1), "within a frame"),
}


@pytest.mark.parametrize(("symptom", "reason"), SICK.values(), ids=SICK)
def test_it_says_what_is_wrong_and_comes_back(rig: MakeRig, symptom: Symptom, reason: str) -> None:
    with SickWyoming(TRIAL, symptom, sick.sounds(0.2)) as server:
        r = rig(server.uri)
        r.until("")
        began = time.monotonic()
        with pytest.raises(SpeechError, match=reason):
            r.say("Hello.")
        assert time.monotonic() - began < 4.0
        r.until("")
        assert r.say("Hello.")[1]


def test_two_channels_become_one(rig: MakeRig) -> None:
    with SickWyoming(sick.sounds(0.5, 48_000, channels=2)) as server:
        rates, pcm = rig(server.uri).say("Hello.")
        assert rates == {48_000}
        assert abs(len(pcm) / 2 / 48_000 - 0.505) < 0.002
        assert np.abs(np.frombuffer(pcm, "<i2")).max() == 8000


def test_a_server_that_is_away_refuses_at_once(rig: MakeRig) -> None:
    r = rig(f"tcp://127.0.0.1:{closed_port()}")
    r.until("refused")
    began = time.monotonic()
    with pytest.raises(SpeechError, match="refused"):
        r.say("Hello.")
    assert time.monotonic() - began < 0.3


def test_it_is_cancelled_at_once(rig: MakeRig, patient: None) -> None:
    with SickWyoming(TRIAL, sick.hangs(), sick.sounds(0.2)) as server:
        r = rig(server.uri)
        r.until("")
        threading.Timer(0.1, r.voice.cancel).start()
        began = time.monotonic()
        assert r.say("Hello.")[1] == b""
        assert time.monotonic() - began < 5.0
        assert r.told.empty(), "which is no fault of the server's"
        assert r.say("Hello.")[1]


# ------------------------------------------------------------------ with those who speak instead


def server_voice(uri: str) -> VoiceSpec:
    return voices(Config(tts=Tts(wyoming=uri, engine="espeak")))[0]


def test_the_whole_way_with_its_health(stage: MakeStage, espeak_ng: str) -> None:
    port = closed_port()
    s = stage(server_voice(f"tcp://127.0.0.1:{port}"), fake("rate=8000"), speed=10)
    assert "refused" in s.until_health("degraded")
    s.speak(1, "One of this device.")
    assert s.until(SpeechDone).heard == "One of this device."
    with SickWyoming(sick.sounds(0.3), port=port) as server:
        s.until_health("ok")
        s.speak(2, "Two of the server.")
        assert s.until(SpeechDone).heard == "Two of the server."
        assert [work.asked.data["text"] for work in server.work[1:]] == ["Two of the server."]
    s.speak(3, "Three of this device.")
    assert s.until(SpeechDone).heard == "Three of this device."
    assert s.until_health("degraded")
    assert s.fatal.empty()


def test_a_clause_that_breaks_off_is_spoken_from_its_beginning(stage: MakeStage) -> None:
    texts = "First sentence here. Second sentence here. Third sentence here."
    with SickWyoming(TRIAL, sick.sounds(0.3), sick.sounds(0.3, then=sick.cuts()), TRIAL) as server:
        s = stage(server_voice(server.uri), fake("rate=22050"), speed=10)
        s.until_health("ok")
        s.speak(1, texts)
        assert s.until(SpeechDone).heard == texts
        degraded = [health.reason for health in s.told(Health) if health.status == "degraded"]
        assert "closed the connection" in degraded[0]
        spoken = [work.asked.data["text"] for work in server.work if work.asked.data["text"] != remote.WARM_UP]
        assert spoken == ["First sentence here.", "Second sentence here."], "the rest of the turn is of this device"
        s.until_health("ok")


def test_the_voice_of_this_device_is_loaded_beside_it(stage: MakeStage) -> None:
    with SickWyoming(TRIAL, sick.hangs()) as server:
        s = stage(server_voice(server.uri), fake(), fake(name="last"), speed=10)
        s.until_health("ok")
        began = time.monotonic()
        s.speak(1, "Hello.")
        assert s.until(SpeechDone).heard == "Hello."
        assert time.monotonic() - began < remote.FIRST_S + 2.5


# ------------------------------------------------------------------ published servers


@pytest.fixture(scope="module")
def wyoming_piper(joe: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        with published.piper(joe, tmp_path_factory.mktemp("piper")) as uri:
            yield uri
    except published.NotPublished as missing:
        pytest.skip(str(missing))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["", "en_US-joe-medium"])
def test_wyoming_piper_speaks(rig: MakeRig, patient: None, wyoming_piper: str, name: str) -> None:
    r = rig(wyoming_piper, name)
    r.until("")
    rates, pcm = r.say("The kettle is boiling in the kitchen.")
    assert rates == {22_050}
    sound = np.frombuffer(pcm, "<i2").astype(int)
    assert 1.0 < len(sound) / 22_050 < 4.0
    assert np.abs(sound[:441]).max() > 50, "no silence before it"
