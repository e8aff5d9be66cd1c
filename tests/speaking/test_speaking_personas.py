"""Several personas in one mouth: each speaks with its own voice, and what nobody needs is not in memory."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import WAIT_S, Stage, fake

from agent.commands import Earcon, Speak
from agent.config import Config
from agent.events import Health, SpeechDone
from agent.speaking import synthesis
from agent.speaking.synthesis import Spoken, Synthesis, Unspoken
from agent.speaking.voice import Report
from agent.speaking.voices import VoiceSpec, speakers

MakeStage = Callable[..., Stage]
LOW, HIGH = fake("rate=8000"), fake("rate=24000")


class Desk:
    """Voices by persona, driven by hand: reports wait in a queue until `say` handles them."""

    def __init__(self, orders: dict[str, tuple[VoiceSpec, ...]], **changes: object) -> None:
        self.reports: queue.Queue[Report] = queue.Queue()
        self.fatal: list[str] = []
        self.now = 100.0
        self.voices = Synthesis(orders, self.reports.put, self.fatal.append, **changes)  # type: ignore[arg-type]

    def say(self, turn: int, persona: str, text: str = "Yes.") -> Spoken | Unspoken:
        outcome = self.voices.say(self.now, turn, text, persona)
        while outcome is None:
            outcome = self.voices.handle(self.now, self.reports.get(timeout=WAIT_S))
        return outcome

    def pids(self) -> int:
        return len(self.voices.pids)


@pytest.fixture
def desk() -> Iterator[Callable[..., Desk]]:
    desks: list[Desk] = []

    def make(orders: dict[str, tuple[VoiceSpec, ...]], **changes: object) -> Desk:
        desks.append(Desk(orders, **changes))
        return desks[-1]

    yield make
    for each in desks:
        each.voices.stop()


def test_each_persona_has_its_voice_and_two_that_share_one_load_it_once(desk: Callable[..., Desk]) -> None:
    d = desk({"": (LOW,), "twin": (LOW,), "nari": (HIGH, LOW)})
    d.voices.start()
    rates = [out.rate_hz for out in (d.say(1, ""), d.say(2, "twin"), d.say(3, "gone")) if isinstance(out, Spoken)]
    assert rates == [8000, 8000, 8000]
    assert d.pids() == 1, "nothing more is loaded for those whom nobody has spoken to"
    spoken = d.say(4, "nari")
    assert isinstance(spoken, Spoken)
    assert spoken.rate_hz == 24_000, "and not out of the cache of the other voice"
    assert d.pids() == 2


def test_whoever_speaks_most_is_loaded_at_the_start(desk: Callable[..., Desk]) -> None:
    d = desk({"": (LOW,), "nari": (HIGH, LOW)}, first="nari")
    d.voices.start()
    spoken = d.say(1, "nari")
    assert isinstance(spoken, Spoken)
    assert (spoken.rate_hz, d.pids()) == (24_000, 1)


def test_where_its_own_voice_is_broken_that_of_the_device_stands_in(desk: Callable[..., Desk]) -> None:
    d = desk({"": (LOW,), "nari": (fake("unusable"), LOW)})
    d.voices.start()
    spoken = d.say(1, "nari")
    assert isinstance(spoken, Spoken)
    assert spoken.rate_hz == 8000
    status, reason = d.voices.health()
    assert status == "degraded"
    assert "damaged" in reason


def test_a_persona_whose_voice_dies_over_and_over_is_no_reason_to_end(desk: Callable[..., Desk]) -> None:
    d = desk({"": (LOW,), "nari": (HIGH, LOW)})
    d.voices.start()
    for turn in range(1, 5):
        spoken = d.say(turn, "nari", "abort")  # by the other voice, too: it kills whoever says it
        assert isinstance(spoken, Unspoken)
        if d.fatal:
            break
    assert d.fatal, "it is, where nobody is left to speak"
    alone = desk({"": (LOW,), "nari": (fake("crash"), LOW)})
    alone.voices.start()
    assert isinstance(alone.say(1, "nari"), Spoken)
    assert alone.fatal == []


def test_a_voice_that_only_another_persona_needs_goes_after_a_while_and_comes_again(
    desk: Callable[..., Desk],
) -> None:
    d = desk({"": (LOW,), "nari": (HIGH, LOW)}, keep_s=60.0)
    d.voices.start()
    assert isinstance(d.say(1, "nari"), Spoken)
    d.now += 59.0
    d.voices.tick(d.now)
    assert d.pids() == 1 + isinstance(d.say(2, ""), Spoken)
    d.now += 2.0
    d.voices.tick(d.now)
    assert d.pids() == 1
    spoken = d.say(3, "nari", "No.")
    assert isinstance(spoken, Spoken)
    assert spoken.rate_hz == 24_000


def test_where_there_is_room_all_are_there_from_the_start_and_stay(desk: Callable[..., Desk]) -> None:
    d = desk({"": (LOW,), "twin": (LOW,), "nari": (HIGH, LOW)}, keep_s=0.0)
    d.voices.start()
    assert [isinstance(d.say(turn, name), Spoken) for turn, name in ((1, "nari"), (2, ""))] == [True, True]
    d.now += 1e6
    d.voices.tick(d.now)
    assert d.pids() == 2


def test_speakers_are_made_from_the_configuration(joe: Path, espeak_ng: str) -> None:
    config = Config(personas={"nari": {"language": "ko"}, "ann": {"voice": "espeak-ng:en-us+f3"}, "same": {}})
    of = speakers(config)
    assert [(spec.engine, spec.voice) for spec in of["nari"].specs] == [
        ("espeak", "ko"),
        ("piper", str(joe)),
        ("espeak", "en-us"),
    ]
    assert (of["nari"].language, of["same"]) == ("ko", of[""])
    assert [spec.voice for spec in of["ann"].specs] == ["en-us+f3", str(joe), "en-us"]


def test_two_personas_speak_one_after_the_other_with_real_voices(
    stage: MakeStage, joe: Path, espeak_ng: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("HEAD_START_S", "PATIENCE_S", "GIVE_UP_S"):  # a machine that is busy may take long to load
        monkeypatch.setattr(synthesis, limit, WAIT_S)
    config = Config(
        persona={"use": "ann"}, tts={"load": "first_use"}, personas={"ann": {"voice": "espeak-ng:en-us+f3"}}
    )
    s = stage(config=config, speed=20, from_config=True)
    s.mouth.do(Earcon(1, "wake"))
    s.mouth.prepare("ann")
    s.mouth.do(Speak(1, "Here I am.", last=True, persona="ann"))
    assert s.until(SpeechDone).heard == "Here I am."
    assert len(s.mouth.pids()) == 1, "the other voice is not loaded for a sound, or for a reply of somebody else"
    s.mouth.do(Speak(2, "Here I am.", last=True))
    assert s.until(SpeechDone).heard == "Here I am."
    assert len(s.mouth.pids()) == 2
    first, second = (s.player.heard[turn].astype(np.float64) for turn in (1, 2))
    assert len(first) != len(second)
    assert [health.status for health in s.told(Health)][-1] == "ok"
