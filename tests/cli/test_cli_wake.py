"""Tuning a wake word: visitors say it, a threshold comes out, and what the background makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from terminal import Terminal

from agent import config_file
from agent.audio.pcm import RATE_HZ, Samples
from agent.cli.__main__ import main
from agent.config import Config
from agent.hearing import scores
from agent.hearing.scores import BINS, Histogram, bin_of
from agent.lab.processes import PackagesMissing
from agent.lab.room import Room
from agent.lab.visitor import VOICES, say

pytestmark = pytest.mark.room
DAYS = 10


def spoken(*texts: tuple[str, int]) -> Samples:
    """Sentences, each by a voice, with pauses, in a quiet room."""
    quiet = np.zeros(RATE_HZ * 3 // 2, np.int16)
    try:
        said = [say(text, VOICES[number]).samples for text, number in texts]
    except PackagesMissing as missing:
        pytest.skip(str(missing))
    sound = np.concatenate([quiet, *(part for each in said for part in (each, quiet))])
    noise = np.random.default_rng(0).normal(0, 20, len(sound))
    return np.clip(np.round(sound + noise), -32768, 32767).astype(np.int16)


def tape(folder: Path, sound: Samples) -> str:
    with wave.open(str(folder / "said.wav"), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(sound.tobytes())
    return f"file:{folder / 'said.wav'}?clock=audio"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(config_file, "default_paths", lambda: (tmp_path / "none", tmp_path / "config.toml"))
    return tmp_path


def record(home: Path, mic: str, per_day: float, days: float = DAYS) -> None:
    """What a daemon with this microphone would have kept: peaks that fall by e per unit of log-odds."""
    config = Config().model_copy(update={"audio": config_file.load(None, {"audio.mic.device": mic}).audio})
    bins = np.arange(BINS)
    counts = np.where(bins < bin_of(0.5), per_day * days * 0.221 * np.exp(-0.25 * bins), 0)
    histogram = Histogram(scores.setting(config), "2026-11-15", 0.5, days * 86_400, np.round(counts).tolist())
    (home / "state/voice-agent").mkdir(parents=True)
    (home / "state/voice-agent/wake_scores.json").write_text(json.dumps(scores.write({"hey_jarvis": histogram})))


def tuned(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["wake", "tune", "--json", *arguments]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_ten_visitors(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mic = tape(home, spoken(*(("hey jarvis", number) for number in range(10))))
    record(home, mic, per_day=30)
    found = tuned(capsys, "--mic", mic)
    assert [attempt["heard"] for attempt in found["attempts"]] == [True] * 10
    assert all(-30 < attempt["speech_dbfs"] < -20 for attempt in found["attempts"])
    assert found["heard_at_proposed"] == 10
    assert 0.5 <= found["proposed"] < 0.9
    assert found["recorded_hours"] == 24 * DAYS
    assert 0 < found["false_wakes_per_day"] <= 1 / 7
    assert found["false_wakes_per_day"] < found["false_wakes_per_day_at_most"] < 1


def test_what_is_not_the_word_counts_as_missed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = spoken(("hey jarvis", 0), ("good morning", 1), ("hey jarvis", 2))
    found = tuned(capsys, "--mic", tape(home, sound), "--times", "3")
    assert [attempt["heard"] for attempt in found["attempts"]] == [True, False, True]


def test_a_talk_is_no_attempt(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    talk = "this is a rather long sentence that somebody says to somebody else in the very same room about the weather"
    found = tuned(capsys, "--mic", tape(home, spoken(("hey jarvis", 0), (talk, 1), ("hey jarvis", 2))))
    assert [attempt["heard"] for attempt in found["attempts"]] == [True, True]


def test_people_are_told_in_sentences_and_the_file_is_written(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mic = tape(home, spoken(*(("hey jarvis", number) for number in range(3))))
    record(home, mic, per_day=100)
    (home / "config.toml").write_text("[wake]\n# by hand\npatience_ms = 0\n")
    assert main(["wake", "tune", "--mic", mic, "--write"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "heard 3 of 3" in said
    assert "about one false wake in" in said
    assert "going by 10 days heard" in said
    written = config_file.load(home / "config.toml")
    assert written.wake.threshold > 0.5
    assert "# by hand" in (home / "config.toml").read_text()


def test_few_hours_and_other_settings(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mic = tape(home, spoken(("hey jarvis", 0)))
    record(home, mic, per_day=0, days=0.25)
    assert main(["wake", "tune", "--mic", mic]) == 0
    assert "only 6.0 h heard so far" in " ".join(capsys.readouterr().err.split())
    (home / "config.toml").write_text("[audio.mic]\ngain_db = 3\n")
    assert main(["wake", "tune", "--mic", mic]) == 0
    assert "recorded with other settings" in " ".join(capsys.readouterr().err.split())


def test_silence(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wake", "tune", "--mic", tape(home, np.zeros(RATE_HZ, np.int16))]) == 75
    assert "nobody said anything" in capsys.readouterr().err


def television(seconds: float) -> Samples:
    """Somebody who talks without a pause."""
    try:
        words = [say("and now the weather of tomorrow with some wind", VOICES[number]).samples for number in (1, 3)]
    except PackagesMissing as missing:
        pytest.skip(str(missing))
    talk = np.concatenate([word[np.abs(word) > 200] for word in words])
    return np.resize(talk, round(seconds * RATE_HZ)).astype(np.int16)


@pytest.mark.parametrize(("talk_s", "pause_s"), [(120, 0), (10, 1.5)], ids=["without a pause", "with pauses"])
def test_a_television_ends_it(home: Path, talk_s: float, pause_s: float, capsys: pytest.CaptureFixture[str]) -> None:
    """It has two minutes to be noticed in."""
    program = np.concatenate([television(talk_s), np.zeros(round(pause_s * RATE_HZ), np.int16)])
    assert main(["wake", "tune", "--mic", tape(home, np.resize(program, 120 * RATE_HZ))]) == 75
    assert "talks without a pause (a television?)" in (said := " ".join(capsys.readouterr().err.split()))
    assert "turn it off" in said


def test_what_was_said_before_the_television_counts(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = np.concatenate([spoken(("hey jarvis", 0)), television(120)])
    assert main(["wake", "tune", "--json", "--mic", tape(home, sound)]) == 0
    shown = capsys.readouterr()
    assert [attempt["heard"] for attempt in json.loads(shown.out)["attempts"]] == [True]
    assert "1 of 10, and then somebody talks without a pause" in " ".join(shown.err.split())


def test_what_cannot_be_written_is_said_before_anybody_speaks(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as for somebody who is not root
    assert main(["wake", "tune", "--mic", "file:none.wav", "--write"]) == 75
    shown = capsys.readouterr().err
    assert "cannot be written; sudo can" in shown
    assert "Say" not in shown


def test_the_running_service_is_named_where_it_has_the_microphone(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(home))
    command = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()", "voice-agent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as service:
        assert service.stdout
        service.stdout.readline()
        told = {"at": "2026-11-25T04:00:00+00:00", "pid": service.pid, "health": {}}
        (home / "health.json").write_text(json.dumps(told))
        assert main(["wake", "tune", "--mic", "file:none.wav?clock=audio"]) == 75
        shown = capsys.readouterr().err
    assert "no microphone file none.wav" in shown
    assert f"(process {service.pid}): sudo systemctl stop voice-agent" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"), [(["--word", "computer"], "hey_jarvis"), (["--times", "0"], "1 to")]
)
def test_wrong_arguments(home: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wake", "tune", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_at_a_terminal(room: Room, tmp_path: Path) -> None:
    """The meter moves, "r" takes an attempt back, "q" is enough."""
    env = {**room.env, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    env["XDG_CACHE_HOME"] = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    with Terminal(["wake", "tune", "--times", "4"], env) as terminal:
        terminal.expect("0 of 4")
        room.play(say("hey jarvis", VOICES[0]).samples)
        terminal.expect("1 of 4")
        terminal.expect(r"1 █+│█+.? +(1\.00|0\.9\d)  heard")
        terminal.type("r", enter=False)
        terminal.expect("say it again")
        terminal.expect("0 of 4")
        room.play(say("hey jarvis", VOICES[1]).samples)
        terminal.expect("1 of 4")
        terminal.type("q", enter=False)
        terminal.expect("heard +1 of 1")
        assert terminal.ended() == 0
