"""The commands that speak and listen, with the real engines and real human speech out of a package."""

from __future__ import annotations

import importlib.util
import json
import shutil
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from agent import config_file
from agent.cli.__main__ import main
from agent.lab.room import Room

PROGRAM = [sys.executable, "-m", "agent.cli"]

needs_moonshine = pytest.mark.skipif(
    importlib.util.find_spec("moonshine_voice") is None, reason="moonshine-voice is not installed"
)
needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, models_folder: Path) -> None:
    """No configuration and no models of this machine: Moonshine listens, espeak-ng speaks."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(config_file, "default_paths", lambda: (tmp_path / "none", tmp_path / "none"))


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """A human reader, twice, with a pause: "It was the best of times …"."""
    spec = importlib.util.find_spec("moonshine_voice")
    assert spec is not None
    assert spec.origin is not None
    with wave.open(str(Path(spec.origin).parent / "assets/two_cities.wav")) as source:
        rate = source.getframerate()
        pcm = source.readframes(3 * rate) + bytes(3 * rate)
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(pcm + pcm)
    return path


@needs_moonshine
def test_listen_to_a_file(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", "--mic", f"file:{speech}", "--json"]) == 0
    heard = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"partial", "final"} == {line["type"] for line in heard}
    finals = [line["text"].lower() for line in heard if line["type"] == "final"]
    assert len(finals) == 2
    assert all("best of times" in final for final in finals)


@needs_moonshine
def test_listen_once(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", "--once", "--mic", f"file:{speech}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert "best of times" in lines[0].lower()


@needs_moonshine
def test_listen_to_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(64_000))
    assert main(["listen", "--mic", f"file:{path}"]) == 0
    assert capsys.readouterr().out == ""


@needs_moonshine
@pytest.mark.parametrize("content", [None, b"no wave"])
def test_listen_to_no_file(tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.wav"
    if content:
        path.write_bytes(content)
    assert main(["listen", "--mic", f"file:{path}"]) == 75
    assert "x.wav" in capsys.readouterr().err


def test_listen_without_a_model(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("VOICE_AGENT__PERSONA__LANGUAGE", "ko")
    assert main(["listen"]) == 78
    assert "voice-agent models install vosk-small-ko" in capsys.readouterr().err


@needs_espeak
def test_say_into_a_file(tmp_path: Path) -> None:
    path = tmp_path / "said.wav"
    assert main(["say", "Good morning.", "It is half past nine.", "--out", str(path)]) == 0
    with wave.open(str(path)) as file:
        seconds = file.getnframes() / file.getframerate()
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert 1.0 < seconds < 10.0
    assert np.abs(pcm).max() > 1000


@needs_espeak
@needs_moonshine
def test_what_is_said_can_be_heard_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "said.wav"
    assert main(["say", "What time is it in London?", "--out", str(path)]) == 0
    assert main(["listen", "--mic", f"file:{path}"]) == 0
    assert "what time is it" in capsys.readouterr().out.lower()


@needs_espeak
def test_say_without_a_speaker(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "hello", "--speaker", "plughw:CARD=Nowhere"]) == 75
    assert "Nowhere" in capsys.readouterr().err


@pytest.mark.room
@needs_espeak
def test_say_is_heard_in_the_room(room: Room) -> None:
    since = time.monotonic()
    done = subprocess.run(
        [*PROGRAM, "say", "Good morning everybody."],
        env=room.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert (done.returncode, done.stderr) == (0, "")
    room.wait_heard(time.monotonic())
    heard = room.record(since).agent
    loud = np.abs(heard) > 1000
    assert 0.5 < (np.flatnonzero(loud)[-1] - np.flatnonzero(loud)[0]) / 16_000 < 4


@pytest.mark.room
@needs_moonshine
def test_listen_in_the_room(room: Room, speech: Path) -> None:
    with wave.open(str(speech)) as file:
        rate = file.getframerate()
        sound = np.frombuffer(bytes(rate) + file.readframes(4 * rate), np.int16)
    before = len(room.streams("source-output"))
    command = [*PROGRAM, "listen", "--once", "--json"]
    with subprocess.Popen(command, env=room.env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while len(room.streams("source-output")) == before:
            assert process.poll() is None
        room.play(sound, rate)
        heard = [json.loads(line) for line in process.stdout]
        assert process.wait(60) == 0
    assert heard[-1]["type"] == "final"
    assert "best of times" in heard[-1]["text"].lower()


@pytest.mark.room
@needs_moonshine
def test_ctrl_c_ends_listening(room: Room) -> None:
    before = len(room.streams("source-output"))
    with subprocess.Popen([*PROGRAM, "listen"], env=room.env, stderr=subprocess.PIPE) as process:
        while len(room.streams("source-output")) == before:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize("text", ["", "…", "🙂 !"])
def test_nothing_to_say(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", text, "--out", "/nonexistent/x.wav"]) == 2


@needs_espeak
def test_say_where_nothing_can_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "hello", "--out", "/nonexistent/x.wav"]) == 75
    assert "/nonexistent/x.wav" in capsys.readouterr().err


def receipt(turn: int, **offsets: int) -> dict[str, object]:
    stages = {stage: offset for stage, offset in offsets.items() if offset}
    return {
        "turn": turn,
        "at": "2025-01-01T12:00:00.000+01:00",
        "outcome": "answered" if offsets else "silence",
        "wake_ms": -20,
        "at_ms": {"endpoint": None, "asr_final": None, "audible": None} | offsets,
        "stages_ms": stages,
        "ttfa_ms": offsets.get("audible"),
        "blame": "endpoint" if offsets else None,
        "transcript": f"question {turn}",
    }


@pytest.fixture
def receipts(tmp_path: Path) -> Path:
    path = tmp_path / "turns.jsonl"
    turns = [receipt(1, endpoint=600, asr_final=640, audible=900), receipt(2)]
    path.write_text("".join(json.dumps(turn) + "\n" for turn in turns))
    return path


def test_timeline(receipts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["timeline", str(receipts)]) == 0
    shown = capsys.readouterr().out
    assert "question 1" in shown
    assert "first sound 900 ms" in shown


def test_timeline_as_a_picture(receipts: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert main(["timeline", str(receipts), "--png", str(tmp_path / "out.png")]) == 0
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_timeline_of_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.jsonl").write_text("{}\n")
    assert main(["timeline", str(tmp_path / "x.jsonl")]) == 2
    assert "line 1" in capsys.readouterr().err
    assert main(["timeline", str(tmp_path / "none.jsonl")]) == 75
