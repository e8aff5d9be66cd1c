"""A recogniser on a bigger machine: one that is well, ones that misbehave, and a real one; and who stands in for it."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import sick_wyoming as sick
from hearing_helpers import WAIT_S, silence
from sick_wyoming import SickWyoming, Symptom, Transcript, closed_port

from agent import clock, models
from agent.audio.pcm import RATE_HZ, Samples
from agent.config import AsrSection, Config, Persona
from agent.engines import recogniser
from agent.events import Event, Final, Health, Partial
from agent.hearing import wyoming as remote
from agent.hearing.asr_child import Turns
from agent.hearing.recogniser import Recogniser, child_spec
from agent.hearing.recognisers import Recognisers
from agent.hearing.wyoming import STOP, RemoteEngine
from agent.lab.processes import PackagesMissing
from agent.lab.visitor import KOREAN, say
from agent.models import ModelMissing
from agent.records import split_message
from agent.wyoming import server as looking
from agent.wyoming.connection import Connection
from agent.wyoming.messages import Message

HERE, THERE = "as this device heard it", "as the server heard it"
STEP = RATE_HZ // 20
SOUND = np.random.default_rng(0).integers(-900, 900, 20 * STEP).astype(np.int16)


class Local:
    """The engine on this device."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.heard = 0

    def begin(self, word: str | None, lead_ms: int) -> None:
        self.told.append((word, lead_ms))
        self.heard = 0

    def feed(self, pcm: Samples) -> str | None:
        self.heard += len(pcm)
        return f"{self.heard} samples"

    def pause(self) -> str | None:
        self.told.append("pause")
        return "in a pause"

    def resume(self) -> None:
        self.told.append("resume")

    def finish(self) -> str:
        return HERE


class Rig:
    """A remote engine, and what was told of its server."""

    def __init__(self, uri: str, language: str = "en", wait_s: float = 10.0) -> None:
        self.told: queue.Queue[str] = queue.Queue()
        self.local = Local()
        self.calls, self.call = os.pipe()
        self.engine: RemoteEngine = remote.remote(uri, language, wait_s, self.local, self.told.put, self.calls)

    def until(self, reason: str) -> str:
        """The next standing with this in it; "" is well."""
        while True:
            told = self.told.get(timeout=WAIT_S)
            if (reason in told) if reason else told == "":
                return told

    def utter(self, sound: Samples = SOUND, word: str | None = None) -> tuple[str, float]:
        """The final, and how long it took after the end."""
        self.engine.begin(word, 90)
        for at in range(0, len(sound), STEP):
            self.engine.feed(sound[at : at + STEP])
        began = time.monotonic()
        return self.engine.finish(), time.monotonic() - began


@pytest.fixture
def rig() -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def make(*args: object, **more: object) -> Rig:
        rigs.append(Rig(*args, **more))  # type: ignore[arg-type]
        return rigs[-1]

    yield make
    for each in rigs:
        each.engine.hang_up()
        each.engine._server.stop()
        os.close(each.calls)
        os.close(each.call)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks again soon."""
    monkeypatch.setattr(looking, "FIRST_REST_S", 0.05)
    monkeypatch.setattr(looking, "LOOK_S", 0.2)


MakeRig = Callable[..., Rig]


def test_the_server_hears_what_is_said_and_writes_it(rig: MakeRig) -> None:
    with SickWyoming() as server:
        r = rig(server.uri, "en")
        r.until("")
        assert r.utter()[0] == THERE
        work = server.wait_for_work(2)  # the first was the trial
        assert work.asked.data == {"language": "en"}
        assert work.sound == SOUND.tobytes()
        assert r.utter()[0] == THERE


def test_an_answer_that_is_there_at_once_is_no_piece(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may be quicker than this thread, which other work may hold up just behind the end."""
    send = Connection.send

    def slowly(self: Connection, *messages: Message) -> None:
        send(self, *messages)
        if messages[-1] != STOP:
            return
        while self._outbox or not self._connected:
            self.wait(time.monotonic() + WAIT_S)
            send(self)
        self.wait(time.monotonic() + WAIT_S)  # for the answer

    monkeypatch.setattr(Connection, "send", slowly)
    with SickWyoming() as server:
        r = rig(server.uri)
        r.until("")
        assert r.utter()[0] == THERE


def test_partials_are_of_this_device(rig: MakeRig) -> None:
    with SickWyoming() as server:
        r = rig(server.uri)
        r.until("")
        r.engine.begin("hey_jarvis", 120)
        assert r.engine.feed(SOUND[:STEP]) == f"{STEP} samples"
        assert r.engine.heard == STEP
        assert r.engine.pause() == "in a pause"
        r.engine.resume()
        assert r.local.told == [("hey_jarvis", 120), "pause", "resume"]
        assert r.engine.finish() == THERE


SICK = {
    "hangs": (sick.hangs(), "no text within"),
    "closes": (sick.cuts(), "closed the connection"),
    "resets": (sick.resets(), "reset"),
    "speaks another protocol": (sick.garbage(), "nonsense: no JSON"),
    "says it is a gigabyte": (sick.oversize("payload_length"), "at most"),
    "has a gigabyte of data": (sick.oversize("data_length"), "at most"),
    "has a line without end": (sick.oversize("line"), "a line of over"),
    "dribbles": (sick.dribbles(Transcript(THERE)), "no text within"),
    "is too slow": (sick.writes(THERE, after_s=1.0), "no text within"),
    "has no memory left": (sick.complains("CUDA out of memory"), "CUDA out of memory"),
}


@pytest.mark.parametrize(("symptom", "reason"), SICK.values(), ids=SICK)
@pytest.mark.usefixtures("hasty")
def test_this_device_stands_in_at_once(rig: MakeRig, symptom: Symptom, reason: str) -> None:
    with SickWyoming(sick.writes("trial"), symptom, sick.writes(THERE)) as server:
        r = rig(server.uri)
        r.until("")
        r.engine._wait_s = 0.5
        text, took_s = r.utter()
        assert text == HERE
        assert took_s < 0.5 + 0.5
        assert r.until(reason).startswith(f"{server.uri}: ")
        r.until("")
        r.engine._wait_s = 10.0
        assert r.utter()[0] == THERE


@pytest.mark.parametrize("symptom", [sick.cuts(), sick.resets(), sick.garbage(), sick.complains("no")])
def test_lost_in_the_middle_of_an_utterance(rig: MakeRig, symptom: Symptom) -> None:
    with SickWyoming(early=sick.hangs()) as server:
        r = rig(server.uri)
        r.until("")
        server._early = symptom
        r.engine.begin(None, 0)
        until = time.monotonic() + WAIT_S
        while r.told.empty() and time.monotonic() < until:
            assert r.engine.feed(SOUND[:STEP])
        began = time.monotonic()
        assert r.engine.finish() == HERE
        assert time.monotonic() - began < 0.3


def test_a_server_that_is_away_costs_no_time(rig: MakeRig) -> None:
    r = rig(f"tcp://127.0.0.1:{closed_port()}", wait_s=2.0)
    assert "refused" in r.until("tcp://")
    text, took_s = r.utter()
    assert text == HERE
    assert took_s < 0.3


def test_a_host_that_does_not_answer(rig: MakeRig) -> None:
    with SickWyoming() as server, sick.silent_host() as silent:
        r = rig(server.uri, wait_s=2.0)
        r.until("")
        gone = rig(silent)
        gone.until("no connection within")
        # It was there a moment ago: what is known of it is stale.
        well = r.engine._server.well
        assert well is not None
        address = looking.resolve(silent)[0]
        r.engine._server._well = looking.Well(address, well.offer)
        text, took_s = r.utter()
        assert text == HERE
        assert took_s < 1.5
        r.until("no connection within")


@pytest.mark.usefixtures("hasty")
def test_it_comes_back_when_the_server_does(rig: MakeRig) -> None:
    port = closed_port()
    r = rig(f"tcp://127.0.0.1:{port}")
    r.until("refused")
    assert r.utter()[0] == HERE
    with SickWyoming(port=port):
        r.until("")
        assert r.utter()[0] == THERE
    r.until("refused")  # without anybody having spoken
    assert r.utter()[0] == HERE


def test_it_is_left_alone_for_longer_and_longer() -> None:
    assert [looking.rest_s(losses) for losses in (1, 2, 3, 4, 5, 6, 7, 8, 10_000)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.usefixtures("hasty")
def test_a_server_that_fails_at_work_does_not_seem_well(rig: MakeRig) -> None:
    with SickWyoming(sick.writes("trial"), sick.hangs()) as server:
        r = rig(server.uri, wait_s=0.2)
        r.until("")
        r.utter()
        r.until("no text within")
        server.wait_for_work(4)
        assert "" not in list(r.told.queue)


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (sick.offers(languages=("ko", "ja")), 'it has no model for "en"'),
        (sick.says("info", tts=[]), 'it offers no "asr"'),
        (sick.says("info", asr="all"), 'it offers no "asr"'),
        (sick.complains("go away"), 'it says "go away"'),
        (sick.garbage(), "nonsense"),
    ],
)
def test_a_server_that_is_of_no_use(rig: MakeRig, info: Symptom, reason: str) -> None:
    with SickWyoming(info=info) as server:
        rig(server.uri).until(reason)


@pytest.mark.parametrize("languages", [(), ("en_US",), ("de", "en-GB")])
def test_a_server_of_the_language(rig: MakeRig, languages: tuple[str, ...]) -> None:
    with SickWyoming(info=sick.offers(languages=languages)) as server:
        rig(server.uri, "en").until("")


def test_a_server_that_writes_while_one_speaks(rig: MakeRig) -> None:
    with SickWyoming(early=sick.writes_early("turn on", " the light")) as server:
        r = rig(server.uri)
        r.until("")
        r.engine.begin(None, 0)
        fed, until = 0, time.monotonic() + WAIT_S
        while "light" not in (text := r.engine.feed(SOUND[:STEP]) or "") and time.monotonic() < until:
            fed += STEP
        fed += STEP
        assert text == "turn on the light"
        assert r.engine.heard == max(0, fed - remote.LAG)
        assert r.engine.feed(SOUND[:STEP]) is None, "it did not change"
        assert r.engine.pause() is None
        again = [r.engine.feed(SOUND[:STEP]) for _ in range(remote.LAG // STEP)]
        assert again == [None] * (len(again) - 1) + ["turn on the light"], "once more, of all that was said"
        assert r.engine.heard == fed + STEP
        assert r.engine.finish() == THERE


def test_nobody_wants_the_final_any_more(rig: MakeRig) -> None:
    with SickWyoming(sick.writes("trial"), sick.hangs(), sick.writes(THERE)) as server:
        r = rig(server.uri, wait_s=20.0)
        r.until("")
        threading.Timer(0.1, os.write, (r.call, b"x")).start()
        assert r.utter()[1] < 5.0
        os.read(r.calls, 1)
        assert r.utter()[0] == THERE
        assert r.told.empty(), "which is no fault of the server's"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("Hey Jarvis, turn on\nthe light.", "Turn on the light."),
        ("  turn\x00 on\x1b[31m ", "turn on [31m"),
        ("", ""),
        ("x" * 5000, "x" * remote.LONGEST),
    ],
)
def test_a_text_is_cleaned(rig: MakeRig, written: str, text: str) -> None:
    with SickWyoming(sick.writes("trial"), sick.writes(written)) as server:
        r = rig(server.uri)
        r.until("")
        assert r.utter(word="hey_jarvis")[0] == text


def test_a_transcript_that_is_no_text(rig: MakeRig) -> None:
    with SickWyoming(sick.says("transcript", text=["a"])) as server:
        r = rig(server.uri)
        r.until("")
        assert r.utter()[0] == ""


def test_nobody_is_kept_waiting_by_an_utterance_that_was_cancelled(rig: MakeRig) -> None:
    with SickWyoming() as server:
        r = rig(server.uri)
        r.until("")
        turns = Turns(r.engine, None, r.engine.hang_up)  # type: ignore[arg-type]
        for record in split_message({"type": "start", "word": None, "lead_ms": 0}, 3):
            turns.take(record)
        assert r.engine._connection is not None
        for record in split_message({"type": "cancel"}, 3):
            turns.take(record)
        assert r.engine._connection is None
        assert r.told.empty()


# ------------------------------------------------------------------ in the recogniser's process


@pytest.fixture(scope="module")
def korean() -> Path:
    try:
        return models.require("asr-vosk", "ko")
    except ModelMissing:
        pytest.skip("no Korean Vosk model; run: voice-agent models install vosk-small-ko")


@pytest.fixture(scope="module")
def spoken() -> Samples:
    try:
        samples = say("지금 몇 시", KOREAN).samples
    except PackagesMissing as missing:
        pytest.skip(str(missing))
    return np.concatenate([silence(0.2), samples, silence(0.5)])


class Told:
    """Events of a recogniser."""

    def __init__(self) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self.status = self.reason = ""

    def next(self) -> Event:
        event = self.events.get(timeout=WAIT_S)
        if isinstance(event, Health):
            self.status, self.reason = event.status, event.reason
        return event

    def health(self, status: str) -> str:
        while True:
            event = self.next()
            if isinstance(event, Health) and event.status == status:
                return event.reason

    def final(self, asr: Recogniser | Recognisers, turn: int, sound: Samples) -> tuple[str, list[str]]:
        asr.begin(turn)
        for at in range(0, len(sound), STEP):
            asr.feed(turn, sound[at : at + STEP])
        asr.finish(turn)
        partials = []
        while not isinstance(event := self.next(), Final):
            if isinstance(event, Partial):
                partials.append(event.text)
        return event.text, partials


def config(uri: str) -> Config:
    """More patience than is allowed: other tests may have the processor."""
    config = Config(asr=AsrSection(engine="vosk", wyoming=uri), persona=Persona(language="ko"))
    return config.model_copy(update={"asr": config.asr.model_copy(update={"wyoming_wait_ms": 20_000})})


@contextlib.contextmanager
def running(config: Config, told: Told) -> Iterator[Recognisers]:
    spec = child_spec(recogniser(config.asr, "ko"), config)
    asr = Recognisers({"": spec}, told.events.put, clock.now, pytest.fail)
    asr.start()
    try:
        yield asr
    finally:
        asr.stop()


def test_the_whole_way_with_its_health(korean: Path, spoken: Samples) -> None:
    port, told = closed_port(), Told()
    with running(config(f"tcp://127.0.0.1:{port}"), told) as asr:
        assert "refused" in told.health("degraded")
        assert told.final(asr, 1, spoken)[0] not in ("", THERE)
        with SickWyoming(info=sick.offers(languages=("ko",)), port=port) as server:
            told.health("ok")
            text, partials = told.final(asr, 2, spoken)
            assert text == THERE, told.reason
            assert partials, "of this device"
            assert server.wait_for_work(2).sound == spoken.tobytes()
        assert told.final(asr, 3, spoken)[0] not in ("", THERE)
        assert told.status == "degraded"


@pytest.fixture
def vosk_server(korean: Path) -> Iterator[str]:
    """The protocol's own server, with Vosk in it."""
    port = closed_port()
    program = Path(__file__).parents[1] / "real_wyoming.py"
    with subprocess.Popen(
        [sys.executable, str(program), str(korean), str(port)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield f"tcp://127.0.0.1:{port}"
        process.terminate()


def test_a_real_server_writes_what_was_said(korean: Path, spoken: Samples, vosk_server: str) -> None:
    told = Told()
    with running(config(vosk_server), told) as asr:
        for _ in ("loaded", "the server is there"):
            told.health("ok")
        text, partials = told.final(asr, 1, spoken)
    assert partials
    assert text.endswith(" .")
    assert len(text) > 4
