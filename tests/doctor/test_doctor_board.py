"""The computer, as files of the kernel show it: a Raspberry Pi that this machine is not; clock, disk and holders."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.audio.alsa import Direction, Format
from agent.config import Config, Mic
from agent.doctor import board, clock, devices, disk, realtime, versions
from agent.doctor.context import Context
from agent.doctor.finding import Finding

PI = "Raspberry Pi Zero 2 W Rev 1.0"
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
MEMINFO = "MemTotal:         437000 kB\nMemFree:  9 kB\nMemAvailable:     210000 kB\n"


def put(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def at(root: Path) -> Context:
    return Context(Config(), False, lambda text: None, root)


def pi(root: Path, throttled: str = "0", temperature: str = "48312", meminfo: str = MEMINFO) -> dict[str, Finding]:
    put(
        root,
        **{
            "proc/device-tree/model": f"{PI}\0",
            FIRMWARE: f"{throttled}\n",
            "sys/class/thermal/thermal_zone0/temp": f"{temperature}\n",
            "proc/meminfo": meminfo,
        },
    )
    return {finding.title: finding for finding in board.examine(at(root))}


def test_a_healthy_pi(tmp_path: Path) -> None:
    found = pi(tmp_path)
    assert found["board"].detail == PI
    assert found["temperature"].detail == "48 °C"
    assert found["throttling"].severity == "ok"
    assert "memory-512m.conf" in found["memory"].remedy


def test_its_drop_in_is_there(tmp_path: Path) -> None:
    put(tmp_path, **{f"{board.DROP_INS.lstrip('/')}/memory-512m.conf": ""})
    assert pi(tmp_path)["memory"].severity == "ok"


@pytest.mark.parametrize(
    ("flags", "severity", "words"),
    [
        ("50005", "failure", "now: low voltage, slowed down"),
        ("0x50000", "warning", "since the start: low voltage, slowed down"),
        ("80008", "warning", "now: near its temperature limit"),
        ("e0000", "warning", "slowed down"),
    ],
)
def test_throttling(tmp_path: Path, flags: str, severity: str, words: str) -> None:
    found = pi(tmp_path, throttled=flags)["throttling"]
    assert found.severity == severity
    assert words in found.detail
    assert ("power supply" in found.remedy) == ("voltage" in words)


def test_low_voltage_without_the_firmwares_file(tmp_path: Path) -> None:
    put(tmp_path, **{"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"})
    assert board.throttled(at(tmp_path)) == 0x10001


@pytest.mark.parametrize(("temperature", "severity"), [("60000", "ok"), ("77000", "warning"), ("84000", "failure")])
def test_temperature(tmp_path: Path, temperature: str, severity: str) -> None:
    assert pi(tmp_path, temperature=temperature)["temperature"].severity == severity


def test_memory_nearly_full(tmp_path: Path) -> None:
    full = "MemTotal: 4000000 kB\nMemAvailable: 30000 kB\n"
    assert pi(tmp_path, meminfo=full)["memory"].severity == "warning"


def test_nonsense_and_nothing(tmp_path: Path) -> None:
    (empty,) = board.examine(at(tmp_path))
    assert "not a Raspberry Pi" in empty.detail
    unknown = pi(tmp_path, throttled="nonsense", temperature="-", meminfo="x")
    assert set(unknown) == {"board", "throttling"}
    assert unknown["throttling"].severity == "info"
    assert unknown["throttling"].remedy


def test_this_machine() -> None:
    assert "Linux" in board.this_machine()
    assert [finding for finding in board.examine(at(Path("/"))) if finding.title == "memory"]


@pytest.mark.parametrize(
    ("year", "error_us", "severity"),
    [(2026, 5000, "ok"), (2026, 16_000_000, "warning"), (1970, 5000, "failure"), (2026, None, "info")],
)
def test_clock(year: int, error_us: int | None, severity: str) -> None:
    assert clock.judged(datetime(year, 1, 2, tzinfo=UTC), error_us).severity == severity


def test_the_real_clock() -> None:
    (found,) = clock.examine(at(Path("/")))
    assert found.title == "time"


def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "not" / "yet"))
    found = disk.room("state", tmp_path)
    assert found.figures["free_mb"]
    assert next(disk.examine(at(tmp_path))).part == "disk"
    monkeypatch.setattr(disk, "FULL_MB", 10**9)
    assert disk.room("state", tmp_path).severity == "failure"


@pytest.mark.parametrize(("what", "severity"), [("state", "warning"), ("models", "ok")])
def test_only_models_may_be_read_only(
    what: str, severity: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = list(os.statvfs(tmp_path))
    real[8] |= os.ST_RDONLY
    monkeypatch.setattr(os, "statvfs", lambda folder: os.statvfs_result(real))
    assert disk.room(what, tmp_path).severity == severity


@pytest.mark.parametrize(
    ("conf", "severity"),
    [("[Journal]\nStorage=volatile\n", "ok"), ("[Journal]\n#Storage=auto\n", "info"), ("", "info")],
)
def test_wear_of_a_card(tmp_path: Path, conf: str, severity: str) -> None:
    put(tmp_path, **{"proc/mounts": "/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n", "etc/systemd/journald.conf": conf})
    (tmp_path / "var/log/journal").mkdir(parents=True)
    found = [finding for finding in disk.examine(at(tmp_path)) if finding.title == "SD card"]
    assert [finding.severity for finding in found] == [severity]


@pytest.mark.parametrize(
    ("direction", "device", "holders"),
    [
        ("capture", "hw:1", [4711, 4713]),
        ("capture", "plughw:CARD=Mic,DEV=0", [4711]),
        ("capture", "hw:Mic,1,0", []),
        ("capture", "dsnoop:CARD=Mic,DEV=1,SUBDEV=1", [4713]),
        ("capture", "hw:CARD=Camera", [815]),
        ("playback", "hw:1,0", []),
        ("capture", "default", []),
        ("capture", "plug:dsnoop", []),
    ],
)
def test_who_holds_a_device(tmp_path: Path, direction: Direction, device: str, holders: list[int]) -> None:
    """The one in question: another card's holder has nothing to do with it."""
    owner = "state: RUNNING\nowner_pid   : {}\ntrigger_time: 1.2\n"
    held = {"card0/pcm0c/sub0": 815, "card1/pcm0c/sub0": 4711, "card1/pcm1c/sub1": 4713}
    put(tmp_path, **{f"proc/asound/{pcm}/status": owner.format(pid) for pcm, pid in held.items()})
    put(tmp_path, **{f"proc/asound/card1/{pcm}/status": "closed\n" for pcm in ("pcm0p/sub0", "pcm1c/sub0")})
    for name, card in {"Camera": "card0", "Mic": "card1"}.items():
        (tmp_path / "proc/asound" / name).symlink_to(card)
    assert list(devices.held_by(at(tmp_path), direction, device)) == holders


@pytest.mark.parametrize(
    ("direction", "form", "severity", "words"),
    [
        ("capture", Format(16_000, 1, "S16", 160, 8000), "ok", "period 160 (10.0 ms), buffer 8000 (500 ms)"),
        ("capture", Format(48_000, 2, "S32", 480, 24_000), "ok", "converted to 16000 Hz"),
        ("capture", Format(16_000, 1, "S16", 160, 640), "warning", "buffer 640 (40 ms)"),
        ("playback", Format(44_100, 2, "S16", 4096, 16_384), "warning", "period 4096 (92.9 ms)"),
    ],
)
def test_what_was_negotiated(direction: Direction, form: Format, severity: str, words: str) -> None:
    found = devices.negotiated(direction, "plughw:CARD=X", form)
    assert found.severity == severity
    assert words in found.detail


@pytest.mark.parametrize(("channel", "missing"), [("mix", False), (0, False), (1, True)])
def test_a_channel_that_is_not_there(channel: int | str, missing: bool) -> None:
    mono = Format(16_000, 1, "S16", 160, 8000)
    found = list(devices.channel(Mic.model_validate({"channel": channel}), mono))
    assert bool(found) == missing
    assert all(each.severity == "warning" and "audio.mic.channels = 2" in each.remedy for each in found)


def test_versions() -> None:
    found = {finding.title: finding for finding in versions.examine(at(Path("/")))}
    packages = found["packages"].figures["packages"]
    assert isinstance(packages, dict)
    assert {"numpy", "paho-mqtt", "piper-tts"} <= set(packages)
    assert "pytest" not in packages


def test_realtime_is_tried() -> None:
    found = [finding for finding in realtime.examine(at(Path("/"))) if finding.title == "scheduling"]
    assert found[0].figures["allowed"] in (True, False)
