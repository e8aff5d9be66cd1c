"""The recogniser in its child: the real Moonshine, and one that misbehaves."""

from __future__ import annotations

import importlib.util
import os
import queue
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hearing_helpers import WAIT_S, pcm, silence, white

from agent import engines
from agent.audio.pcm import Samples
from agent.child import ChildSpec
from agent.config import AsrSection, Config
from agent.events import AsrFailed, Event, Final, Health, Instant, Partial
from agent.hearing import recogniser
from agent.hearing.offline import Transcriber
from agent.hearing.recogniser import FINAL_S, Recogniser, child_spec

MOONSHINE = Config(asr=AsrSection(engine="moonshine"))
PATH = f"{Path(__file__).parent}{os.pathsep}{Path(__file__).parents[2]}"


class Rig:
    """A recogniser with a child of this mood, its events, and a clock that is set by hand."""

    def __init__(self, mood: str, folder: Path, **changes: Any) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self.fatal: queue.Queue[str] = queue.Queue()
        self.mono = 100.0
        spec = ChildSpec("asr", "sick_asr", (mood, str(folder / "memory")), {**os.environ, "PYTHONPATH": PATH})
        self.asr = Recogniser(spec, self.events.put, self.clock, self.fatal.put, **changes)

    def clock(self) -> Instant:
        return Instant(self.mono, datetime(2026, 1, 1, tzinfo=UTC))

    def until(self, *kinds: type[Event]) -> Event:
        while True:
            event = self.events.get(timeout=WAIT_S)
            if isinstance(event, kinds):
                return event

    def status(self, status: str) -> None:
        while True:
            event = self.until(Health)
            if isinstance(event, Health) and event.status == status:
                return

    def utter(self, turn: int, samples: int = 1600) -> None:
        self.asr.begin(turn)
        self.asr.feed(turn, np.zeros(samples, np.int16))
        self.asr.finish(turn)


@pytest.fixture
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(request.param, tmp_path)
    rig.asr.start()
    rig.status("ok")
    yield rig
    rig.asr.stop()


@pytest.mark.parametrize("rig", ["well"], indirect=True)
def test_one_final_for_each_turn_and_none_of_another(rig: Rig) -> None:
    for turn, samples in ((1, 1600), (2, 50_001)):
        rig.utter(turn, samples)
        partial = rig.until(Partial, Final)
        final = rig.until(Final)
        assert isinstance(partial, Partial)
        assert partial.heard_ms == 100
        assert isinstance(final, Final)
        assert (partial.turn, final.turn) == (turn, turn)
        assert final.text.startswith(f"{samples} samples")


@pytest.mark.parametrize("rig", ["well"], indirect=True)
def test_a_cancelled_turn_is_never_heard_of_again(rig: Rig) -> None:
    rig.utter(1)
    rig.asr.cancel(1)
    rig.asr.begin(2)
    rig.utter(3, 320)
    final = rig.until(Final)
    assert isinstance(final, Final)
    assert final.turn == 3


@pytest.mark.parametrize("rig", ["deaf"], indirect=True)
def test_a_final_that_does_not_come_is_given_up_and_the_child_replaced(rig: Rig) -> None:
    pid = rig.asr.pid
    rig.utter(7)
    rig.asr.tick(rig.mono + FINAL_S - 0.1)
    rig.asr.tick(rig.mono + FINAL_S + 0.1)
    failed = rig.until(Final, AsrFailed)
    assert isinstance(failed, AsrFailed)
    assert failed.turn == 7
    rig.status("ok")
    assert rig.asr.pid != pid


@pytest.mark.parametrize("rig", ["dies"], indirect=True)
def test_a_child_that_dies_in_a_turn_costs_nothing(rig: Rig) -> None:
    rig.utter(1, 4800)
    final = rig.until(Final, AsrFailed)
    assert isinstance(final, Final)
    assert final.text.startswith("4800 samples")


@pytest.mark.parametrize("rig", ["dies always"], indirect=True)
def test_a_turn_that_kills_two_children_fails(rig: Rig) -> None:
    rig.utter(1)
    failed = rig.until(Final, AsrFailed)
    assert isinstance(failed, AsrFailed)
    rig.utter(2)
    assert "asr" in rig.fatal.get(timeout=WAIT_S)


@pytest.mark.parametrize("rig", ["well"], indirect=True)
def test_it_is_recycled_between_turns_only(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recogniser, "RECYCLE", 2)
    pid = rig.asr.pid
    for turn in (1, 2):
        rig.utter(turn)
        rig.until(Final)
    rig.asr.begin(3)
    rig.asr.tick(rig.mono)
    rig.asr.feed(3, np.zeros(160, np.int16))
    rig.asr.finish(3)
    final = rig.until(Final)
    assert isinstance(final, Final)
    assert str(pid) in final.text
    rig.asr.tick(rig.mono)
    rig.utter(4, 480)
    final = rig.until(Final)
    assert isinstance(final, Final)
    assert final.text.startswith("480 samples")
    assert str(pid) not in final.text


def test_lazy_starts_with_the_first_turn(tmp_path: Path) -> None:
    rig = Rig("well", tmp_path, lazy=True)
    rig.asr.start()
    assert rig.asr.pid is None
    rig.utter(1)
    assert isinstance(rig.until(Final), Final)
    rig.asr.stop()


# ------------------------------------------------------------------ the real one


@pytest.fixture(scope="module")
def moonshine() -> Iterator[Transcriber]:
    if importlib.util.find_spec("moonshine_voice") is None:
        pytest.skip("no moonshine-voice; run: pip install voice-agent[moonshine]")
    choice = engines.recogniser(MOONSHINE.asr, "en")
    transcriber = Transcriber(child_spec(choice, MOONSHINE))
    transcriber.start()
    yield transcriber
    transcriber.stop()


def words(text: str) -> list[str]:
    return re.sub(r"[^a-z ]", "", text.lower().replace("-", " ")).split()


READ = {
    "0870": "and mr john dashwood had then leisure to consider how much there might be prudently in his power to do",
    "0880": "he was not an ill disposed young man",
    "0930": "he might even have been made amiable himself",
}


def test_moonshine_understands_people(moonshine: Transcriber, human: Mapping[str, Samples]) -> None:
    for name, text in READ.items():
        sound = next(sound for key, sound in human.items() if key.endswith(name))
        heard = moonshine.transcribe(np.concatenate([sound, silence(0.4)]))
        said = words(text)
        right = sum(word in words(heard.text) for word in said)
        assert right >= 0.8 * len(said), heard.text


def test_moonshine_gives_partials_and_works_ahead_in_a_pause(
    moonshine: Transcriber, human: Mapping[str, Samples]
) -> None:
    sound = next(sound for key, sound in human.items() if key.endswith("0880"))
    heard = moonshine.transcribe(sound, pause=True)
    assert heard.partials
    assert heard.partials[-1][1] == heard.text


def test_moonshine_makes_little_of_noise(moonshine: Transcriber) -> None:
    assert len(words(moonshine.transcribe(pcm(white(1.5, 40))).text)) <= 1
    assert moonshine.transcribe(silence(0.1)).text == ""
