"""The units as systemd reads them: no line that it does not know, and as little right as they can do with.

What they do on a booted system is tried in tests/deploy_systems.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from zeroconf.const import _MDNS_ADDR, _MDNS_PORT

from agent.config import Web
from agent.daemon.daemon import RESTART
from agent.daemon.startup import RESTART_AFTER_S

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = SYSTEMD / "voice-agent.service"
USER_UNIT = SYSTEMD / "user" / "voice-agent.service"
DROP_INS = sorted((SYSTEMD / "drop-ins").glob("*.conf"))
THRESHOLD = "17"  # 1.7 of 10, 0 is best
SINCE = {"notify-reload.conf": 253}
# Devices that a drop-in lets in cost a tenth or two, and no more.
RELAXED = "19"


@pytest.fixture
def analyze() -> str:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    return tool


def understood(analyze: str, drop_in: Path) -> bool:
    """Whether this systemd is new enough for the drop-in."""
    done = subprocess.run([analyze, "--version"], capture_output=True, text=True, timeout=60, check=True)
    version = re.search(r"\d+", done.stdout)
    assert version is not None
    return int(version[0]) >= SINCE.get(drop_in.name, 0)


def installed(folder: Path, *drop_ins: Path, source: Path = UNIT) -> Path:
    """The unit, as if the program were where it belongs."""
    unit = folder / source.name
    unit.write_text(re.sub(r"^ExecStart=.*", "ExecStart=/bin/true", source.read_text(), flags=re.MULTILINE))
    extra = folder / f"{source.name}.d"
    extra.mkdir()
    for drop_in in drop_ins:
        shutil.copy(drop_in, extra)
    return unit


def complaints(analyze: str, unit: Path, *options: str) -> tuple[int, list[str]]:
    command = [analyze, *options, "verify", "--man=no", str(unit)]
    # A user's manager has a folder for what runs; nothing of it is looked at.
    env = {**os.environ, "XDG_RUNTIME_DIR": str(unit.parent)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, [line for line in done.stderr.splitlines() if "voice-agent" in line]


def test_systemd_understands_every_line(analyze: str, tmp_path: Path) -> None:
    assert complaints(analyze, installed(tmp_path)) == (0, [])


@pytest.mark.parametrize("drop_in", DROP_INS, ids=lambda path: path.stem)
def test_systemd_understands_every_line_of_a_drop_in(analyze: str, tmp_path: Path, drop_in: Path) -> None:
    if not understood(analyze, drop_in):
        pytest.skip(f"{drop_in.name} is for systemd {SINCE[drop_in.name]} and later")
    assert complaints(analyze, installed(tmp_path, drop_in)) == (0, [])


def test_systemd_understands_every_line_of_the_user_unit(analyze: str, tmp_path: Path) -> None:
    assert complaints(analyze, installed(tmp_path, source=USER_UNIT), "--user") == (0, [])


@pytest.mark.parametrize("unit", [UNIT, USER_UNIT], ids=["system", "user"])
def test_a_restart_that_was_asked_for_is_no_failure_and_starts_again(unit: Path) -> None:
    """And commands alone never reach the limit of starts."""
    lines = dict(line.split("=", 1) for line in unit.read_text().splitlines() if "=" in line and line[0] != "#")
    assert lines["RestartForceExitStatus"] == lines["SuccessExitStatus"] == str(RESTART)
    apart = RESTART_AFTER_S + float(lines["RestartSec"].removesuffix("s"))
    assert float(lines["StartLimitIntervalSec"]) / apart < int(lines["StartLimitBurst"]) - 1


def test_a_line_that_systemd_does_not_know_would_be_found(analyze: str, tmp_path: Path) -> None:
    unit = installed(tmp_path)
    unit.write_text(unit.read_text().replace("[Service]", "[Service]\nProtectHorse=yes"))
    assert any("ProtectHorse" in line for line in complaints(analyze, unit)[1])


def exposure(analyze: str, unit: Path, threshold: str) -> subprocess.CompletedProcess[str]:
    command = [analyze, "security", "--offline=true", "--no-pager", f"--threshold={threshold}", str(unit)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_exposure_stays_low(analyze: str) -> None:
    done = exposure(analyze, UNIT, THRESHOLD)
    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize("drop_in", DROP_INS, ids=lambda path: path.stem)
def test_no_drop_in_opens_much(analyze: str, tmp_path: Path, drop_in: Path) -> None:
    # Written behind the unit: `security --offline` reads drop-ins only from systemd's own folders.
    unit = tmp_path / UNIT.name
    service, install = UNIT.read_text().split("[Install]")
    unit.write_text(f"{service}{drop_in.read_text()}\n[Install]{install}")
    done = exposure(analyze, unit, RELAXED if drop_in.stem == "gpio" else THRESHOLD)
    assert done.returncode == 0, done.stdout[-300:]


def test_no_comment_stands_behind_a_value() -> None:
    for file in (UNIT, USER_UNIT, *DROP_INS):
        for line in file.read_text().splitlines():
            assert line.startswith("#") or "#" not in line, f"{file.name}: {line}"


@pytest.mark.parametrize("unit", [UNIT, USER_UNIT], ids=["system", "user"])
def test_the_numbers_of_the_contract(unit: Path) -> None:
    service = parsed(unit)["Service"]
    assert service["Type"] == "notify"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"] == "78"
    assert (service["WatchdogSec"], service["TimeoutAbortSec"]) == ("15s", "5s")
    assert (parsed(unit)["Unit"]["StartLimitIntervalSec"], parsed(unit)["Unit"]["StartLimitBurst"]) == ("300", "5")


def test_both_units_let_the_same_system_calls_through() -> None:
    def filters(unit: Path) -> list[str]:
        return [line for line in unit.read_text().splitlines() if line.startswith("SystemCall")]

    assert filters(UNIT) == filters(USER_UNIT)


def test_credentials_come_by_the_folder_that_the_unit_makes() -> None:
    service = parsed(UNIT)["Service"]
    assert service["LoadCredential"] == "credential:/etc/voice-agent/credentials", "one that is named has to be there"
    assert service["ConfigurationDirectory"].split() == ["voice-agent", "voice-agent/credentials"]
    assert "-/etc/voice-agent" in service["ReadOnlyPaths"].split()


@pytest.mark.parametrize("unit", [UNIT, USER_UNIT], ids=["system", "user"])
def test_the_page_may_listen_without_a_right_of_its_own(unit: Path) -> None:
    """Guests come by TCP from anywhere that the firewall lets through; systemd has nothing to open for them."""
    service = parsed(unit)["Service"]
    closing = {"SocketBindDeny", "SocketBindAllow", "IPAddressDeny", "PrivateNetwork", "RestrictNetworkInterfaces"}
    assert not closing & service.keys()
    if families := service.get("RestrictAddressFamilies"):
        assert {"AF_INET", "AF_INET6"} <= set(families.split())
    assert Web().port >= 1024, "lower ones are root's"


@pytest.mark.parametrize("unit", [UNIT, USER_UNIT], ids=["system", "user"])
def test_a_satellite_is_announced_without_a_right_of_its_own(unit: Path) -> None:
    """By UDP over IPv4, at a port that is nobody's. Where it is reached it asks the kernel without netlink."""
    if families := parsed(unit)["Service"].get("RestrictAddressFamilies"):
        assert "AF_INET" in families.split()
        assert "AF_NETLINK" not in families
    assert _MDNS_PORT >= 1024, "lower ones are root's"


def test_a_house_without_a_cloud_may_be_told_of_a_satellite() -> None:
    allowed = parsed(SYSTEMD / "drop-ins" / "lan-only.conf")["Service"]["IPAddressAllow"].split()
    assert _MDNS_ADDR in allowed


def parsed(unit: Path) -> configparser.ConfigParser:
    """Of a key that stands there more than once, the last."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text())
    return parser
