"""The command: exit codes, JSON, what a person sees on a terminal of 80 columns, and the wait of the last gate."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
import termios
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

import agent
from agent import config_file
from agent.cli.__main__ import main
from agent.cli.doctor import table, verdict
from agent.doctor.finding import Finding
from agent.lab.room import Room

PROGRAM = [sys.executable, "-m", "agent.cli"]
QUICK = ["--only", "clock", "disk"]


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(config_file, "default_paths", lambda: (tmp_path / "none", tmp_path / "none"))


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", *QUICK]) == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert document["ok"]
    assert {"ok", "findings", "machine", "at"} <= set(document)
    assert {finding["part"] for finding in document["findings"]} == {"clock", "disk"}
    assert "clock: " in shown.err


def test_out_of_a_folder(tmp_path: Path) -> None:
    """All packages are there but its own, as for somebody who has copied or cloned it."""
    env, site, folder = (tmp_path / name for name in ("env", "site", "folder"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", env], check=True)
    site.mkdir()
    shutil.copytree(Path(agent.__file__).parent, folder / "agent", ignore=shutil.ignore_patterns("__pycache__"))
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if "voice_agent" not in package.name:
            (site / package.name).symlink_to(package)
    here = Path(sysconfig.get_path("purelib", vars={"base": str(env), "platbase": str(env)}))
    (here / "all.pth").write_text(f"{site}\n{folder}\n")
    command = [env / "bin/python", "-m", "agent.cli", "doctor", "--json", "--only", "versions", "clock"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["version"] == agent.__version__
    found = {finding["title"]: finding for finding in document["findings"]}
    assert "out of a folder" in found["program"]["detail"]
    assert found[f"voice-agent {agent.__version__}"]["figures"]["python"]


def test_its_version_is_written_twice_and_the_same() -> None:
    project = tomllib.loads((Path(agent.__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["version"] == agent.__version__


def test_a_bad_configuration_leaves_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.toml").write_text('[mqt]\nhost = "x"\n[wake]\nthreshold = 7\n')
    only = ["--only", "config", "clock", "broker"]
    assert main(["doctor", "--json", "--config", str(tmp_path / "bad.toml"), *only]) == 78
    findings = json.loads(capsys.readouterr().out)["findings"]
    failed = [finding for finding in findings if finding["severity"] == "failure"]
    assert [finding["title"] for finding in failed] == ["mqt", "wake.threshold"]
    assert 'did you mean "mqtt"' in failed[0]["detail"]
    assert [finding["part"] for finding in findings if finding["part"] == "clock"]
    assert findings[-1]["detail"].endswith("broker")


def test_a_configuration_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--only", "config", "--config", str(tmp_path / "none.toml")]) == 78
    assert "No such file" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--only", "fly"], ["--wait", "-1"], ["--wait", "x"]])
def test_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *words]) == 2
    assert capsys.readouterr().err


def test_wait_for_a_service_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--wait", "0.1", "--json", "--only", "clock"]) == 75
    shown = capsys.readouterr()
    assert json.loads(shown.out)["findings"][0]["title"] == "hears"
    assert "waiting for the service" in shown.err


def test_wait_for_a_real_service(room: Room, tmp_path: Path) -> None:
    """As the last gate of a deployment: it hears, its audio processes are looked at, and nothing is disturbed."""
    (tmp_path / "state").mkdir()
    quiet = {
        "VOICE_AGENT__MQTT__ENABLED": "false",
        "VOICE_AGENT__TTS__ENGINE": "espeak",
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    env = {**room.env, **quiet, "RUNTIME_DIRECTORY": str(tmp_path), "STATE_DIRECTORY": str(tmp_path / "state")}
    with subprocess.Popen([*PROGRAM, "run"], env=env, stderr=subprocess.DEVNULL) as service:
        try:
            words = ["doctor", "--wait", "60", "--json", "--only", "service", "devices"]
            done = subprocess.run([*PROGRAM, *words], env=env, capture_output=True, text=True, check=False, timeout=120)
        finally:
            service.terminate()
    found = {finding["title"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0
    assert found["hears"]["severity"] == "ok"
    assert found["own report"]["figures"]["pid"] == service.pid
    assert found["its mic"]["severity"] == found["its wake"]["severity"] == "ok"
    assert found["microphone"]["figures"]["period_ms"] == 10.0


def test_data_only_when_piped() -> None:
    done = subprocess.run([*PROGRAM, "doctor", *QUICK], capture_output=True, text=True, check=True, timeout=60)
    assert "\x1b" not in done.stdout + done.stderr
    assert all(len(line.split("\t")) == 5 for line in done.stdout.splitlines())


def test_on_a_terminal_of_80_columns() -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 80, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen([*PROGRAM, "doctor", *QUICK], stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
        os.close(ours)
        assert process.wait(60) == 0
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()).splitlines()
    assert max(map(len, lines)) <= 81  # the moving line has a carriage return
    assert any("clock" in line for line in lines)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # EIO: the other side is closed
        return b""


def test_what_a_person_reads() -> None:
    findings = [
        Finding("disk", "ok", "state", "3.1 of 29.0 GB free"),
        Finding("disk", "info", "SD card", "the journal is written to it", "Storage=volatile spares the card"),
        Finding("sound", "failure", "chirps", "not heard " * 12, "turn it up"),
    ]
    console = Console(width=80, highlight=False, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    with console.file:
        console.print(table(findings))
    lines = console.export_text().splitlines()
    assert lines[0].split() == ["✓", "disk", "state", "3.1", "of", "29.0", "GB", "free"]
    assert lines[1].startswith("·          SD card")
    assert any(line.strip() == "→ turn it up" for line in lines)
    assert max(map(len, lines)) <= 80


def test_verdicts() -> None:
    fine, bad, worse = Finding("a", "ok", "x"), Finding("b", "warning", "x"), Finding("c", "failure", "x")
    assert verdict([fine, fine]) == "All is well, 2 checks passed."
    assert verdict([fine, bad]) == "It works, with 1 warning."
    assert verdict([bad, worse, worse]) == "2 failures and 1 warning: look at c first."
    assert verdict([]) == "Nothing has failed."
