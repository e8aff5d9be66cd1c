"""The real Vosk, on its small Korean model; skipped where that is not installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hearing_helpers import among, silence

from agent import engines, models
from agent.audio.pcm import RATE_HZ, Samples
from agent.config import AsrSection, Config, Persona
from agent.hearing import vosk
from agent.hearing.offline import Transcriber
from agent.hearing.recogniser import child_spec
from agent.hearing.vosk import VoskEngine, understood
from agent.lab.processes import PackagesMissing
from agent.lab.visitor import KOREAN, say

COMMANDS = ("지금 몇 시", "오늘 무슨 요일", "볼륨 이십")


@pytest.fixture(scope="module")
def model() -> Path:
    try:
        return models.require("asr-vosk", "ko")
    except models.ModelMissing:
        pytest.skip("no Korean Vosk model; run: voice-agent models install vosk-small-ko")


@pytest.fixture(scope="module")
def commands(model: Path) -> VoskEngine:
    return vosk.load(model, COMMANDS, ["hey_jarvis"])


@pytest.fixture(scope="module")
def spoken() -> Callable[[str], Samples]:
    def spoken(text: str) -> Samples:
        try:
            return say(text, KOREAN).samples
        except PackagesMissing as missing:
            pytest.skip(str(missing))

    return spoken


def heard(engine: VoskEngine, sound: Samples, word: str | None = None, lead_ms: int = 0) -> tuple[list[str], str]:
    """The partials, and the final."""
    engine.begin(word, lead_ms)
    step = RATE_HZ // 20
    texts = [engine.feed(sound[at : at + step]) for at in range(0, len(sound), step)]
    return [text for text in texts if text is not None], engine.finish()


@pytest.mark.room
@pytest.mark.parametrize("text", COMMANDS)
def test_a_command_of_the_grammar(commands: VoskEngine, spoken: Callable[[str], Samples], text: str) -> None:
    partials, final = heard(commands, among(spoken(text), 10, 0.3, 0.5))
    assert final == text
    assert partials[-1] == text
    assert len(partials) == len(set(partials))


@pytest.mark.room
def test_speech_outside_the_grammar_is_not_forced_onto_it(
    commands: VoskEngine, spoken: Callable[[str], Samples]
) -> None:
    for text in ("조금만 생각을 하면서 살면 훨씬 편할 거야", "오늘 저녁에 친구를 만나러 시장에 갈 거야"):
        assert heard(commands, among(spoken(text), 10, 0.3, 0.5))[1] == ""


@pytest.mark.room
def test_each_utterance_starts_afresh(commands: VoskEngine, spoken: Callable[[str], Samples]) -> None:
    for text in COMMANDS:
        assert heard(commands, among(spoken(text), 10, 0.3, 0.5))[1] == text
    assert heard(commands, silence(0.5))[1] == ""


@pytest.mark.room
def test_what_ended_before_the_wake_word_is_dropped(commands: VoskEngine, spoken: Callable[[str], Samples]) -> None:
    first = among(spoken(COMMANDS[0]), 10, 0.1, 0.5)
    sound = np.concatenate([first, among(spoken(COMMANDS[1]), 10, 0.1, 0.5)])
    assert heard(commands, sound, "hey_jarvis", lead_ms=len(first) * 1000 // RATE_HZ)[1] == COMMANDS[1]


@pytest.mark.room
def test_free_dictation_through_the_child(model: Path, spoken: Callable[[str], Samples]) -> None:
    """Of a synthetic voice it understands little; but it listens, gives partials and a final."""
    config = Config(asr=AsrSection(engine="vosk"), persona=Persona(language="ko"))
    transcriber = Transcriber(child_spec(engines.recogniser(config.asr, "ko"), config))
    try:
        transcriber.start()
        result = transcriber.transcribe(among(spoken("지금 몇 시야"), 10, 0.3, 0.5))
    finally:
        transcriber.stop()
    assert result.text
    assert result.partials


def test_an_unknown_word_of_the_grammar_is_left_out(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    vosk.load(model, ["지금 몇 시", "квас"])
    assert "квас" in caplog.text


def word(text: str, start: float, end: float) -> dict[str, object]:
    return {"word": text, "start": start, "end": end}


def test_the_unknown_at_the_ends_is_the_wake_word_and_a_breath() -> None:
    command = word("stop", 0.4, 0.8)
    tail, breath = word("[unk]", 0.0, 0.3), word("<UNK>", 1.0, 1.2)
    assert understood([tail, command, breath], 0.2) == [command]
    long_before, long_after = word("[unk]", 0.0, 0.6), word("[unk]", 1.0, 2.0)
    assert understood([long_before, command, long_after], 0.2) == [long_before, command, long_after]
    assert understood([tail], 0.2) == []


@pytest.mark.room
def test_in_a_pause_the_text_is_told_once_more_when_it_has_settled(
    commands: VoskEngine, spoken: Callable[[str], Samples]
) -> None:
    """Without a new word nothing else would tell that the text is of all that was said."""
    sound = among(spoken(COMMANDS[0]), 10, 0.3, 0.6)
    commands.begin(None, 0)
    end = len(sound) - RATE_HZ * 45 // 100
    commands.feed(sound[:end])
    assert commands.pause() is None
    told = [(at, commands.feed(sound[at : at + 160])) for at in range(end, len(sound) - 159, 160)]
    texts = [(at, text) for at, text in told if text is not None]
    assert {text for _, text in texts} == {COMMANDS[0]}
    assert RATE_HZ // 10 <= texts[-1][0] - end <= RATE_HZ // 5
    assert len(texts) <= 2, "once more, and not again and again"
    assert end < commands.heard < len(sound)
