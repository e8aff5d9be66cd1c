"""The unit as systemd reads it: no line that it does not know, and as little right as it can do with."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = SYSTEMD / "voice-agent.service"
DROP_INS = sorted((SYSTEMD / "drop-ins").glob("*.conf"))
THRESHOLD = "17"  # 1.7 of 10, 0 is best


@pytest.fixture
def analyze() -> str:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    return tool


def installed(folder: Path, *drop_ins: Path) -> Path:
    """The unit, as if the program were where it belongs."""
    unit = folder / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/voice-agent/current/bin/voice-agent run", "/bin/true"))
    extra = folder / f"{UNIT.name}.d"
    extra.mkdir()
    for drop_in in drop_ins:
        shutil.copy(drop_in, extra)
    return unit


@pytest.mark.parametrize("drop_ins", [(), tuple(DROP_INS)], ids=["plain", "with drop-ins"])
def test_systemd_understands_every_line(analyze: str, tmp_path: Path, drop_ins: tuple[Path, ...]) -> None:
    unit = installed(tmp_path, *drop_ins)
    done = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if "voice-agent" in line]
    assert (done.returncode, ours) == (0, [])


def test_a_line_that_systemd_does_not_know_would_be_found(analyze: str, tmp_path: Path) -> None:
    unit = installed(tmp_path)
    unit.write_text(unit.read_text().replace("[Service]", "[Service]\nProtectHorse=yes"))
    done = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60)
    assert "ProtectHorse" in done.stderr


def test_the_exposure_stays_low(analyze: str) -> None:
    command = [analyze, "security", "--offline=true", f"--threshold={THRESHOLD}", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-300:]


def test_no_comment_stands_behind_a_value() -> None:
    for file in (UNIT, *DROP_INS):
        for line in file.read_text().splitlines():
            assert line.startswith("#") or "#" not in line, f"{file.name}: {line}"


def test_the_numbers_of_the_contract() -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text())
    service = parser["Service"]
    assert service["Type"] == "notify"
    assert service["RestartPreventExitStatus"] == "78"
    assert service["WatchdogSec"] == "15s"
    assert service["StateDirectory"] == service["ConfigurationDirectory"] == "voice-agent"
    assert "LoadCredential" not in service, "a credential that is absent would fail the start"
