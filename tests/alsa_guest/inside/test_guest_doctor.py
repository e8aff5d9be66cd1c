"""The doctor on a real kernel's cards: the loopback wired to itself, one in use, a mixer that is given back."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from cables import LIPS, MIC, holding, until
from living import main_pid, serving

from agent.lab.resident import Value, to_toml

PROGRAM = "/opt/voice-agent/current/bin/voice-agent"
pytestmark = pytest.mark.timeout(400)  # on a busy host an emulated doctor needs a minute
DUMMY = "hw:CARD=Dummy,DEV=0"
TAKES, LATENCY_MS = 3, 500
LEFT_RIGHT = ["37", "61"]  # in the control's own steps
Told = Callable[[str, str], None]


def command(folder: Path, *parts: str, **settings: Value) -> list[str]:
    """Settings: `audio__mic__device=…`."""
    config = folder / "config.toml"
    config.write_text(to_toml({"version": 1, **{key.replace("__", "."): value for key, value in settings.items()}}))
    return [PROGRAM, "doctor", "--json", "--config", str(config), "--only", *parts]


def examined(folder: Path, *parts: str, **settings: Value) -> dict[str, dict[str, Any]]:
    """Findings by "part title"."""
    done = subprocess.run(command(folder, *parts, **settings), capture_output=True, text=True, timeout=200)
    assert done.returncode in (0, 75), done.stderr
    return {f"{each['part']} {each['title']}": each for each in json.loads(done.stdout)["findings"]}


@pytest.mark.parametrize("plug", ["", "plug"], ids=["hw", "plughw"])
def test_a_cable_from_the_speaker_to_the_microphone(plug: str, tmp_path: Path, told: Told) -> None:
    """Both ends of the cable follow one timer: what comes back is what was played, sample by sample."""
    cable: dict[str, Value] = {"audio__mic__device": f"{plug}{MIC}", "audio__speaker__device": f"{plug}{LIPS}"}
    found = examined(tmp_path, "devices", "realtime", **cable)
    given = found["devices microphone"]["figures"]
    assert (given["rate_hz"], given["channels"], given["format"]) == (16_000, 1, "S16")
    assert (given["period"], given["buffer"]) == (160, 8000)
    given = found["devices speaker"]["figures"]
    assert (given["rate_hz"], given["period_ms"]) == (48_000, 10.0)
    assert found["realtime scheduling"]["figures"] == {"allowed": True}
    found = whole_take(tmp_path, cable)
    for name in ("xruns", "level", "clipping", "noise floor", "round trip", "rate error"):
        told(f"{plug}hw {name}", found[f"sound {name}"]["detail"])
    assert found["sound noise floor"]["detail"].startswith("under ")
    assert found["sound level"]["figures"]["level_dbfs"] == pytest.approx(-21.3, abs=1.0)  # 70 % volume
    assert abs(found["sound round trip"]["figures"]["round_trip_ms"]) < 250  # a cable has none; emulation is late
    assert abs(found["sound rate error"]["figures"]["ppm"]) < 50  # an emulated clock wavers


def whole_take(folder: Path, cable: dict[str, Value]) -> dict[str, dict[str, Any]]:
    """What the chirps told, of a take in which no sound was lost. The buffers are as long as they may be.

    A loopback whose emulated timer came late has lost sound without an xrun at either end: chirps then arrive unevenly.
    """
    patient: dict[str, Value] = {"audio__speaker__latency_ms": LATENCY_MS, "audio__mic__buffer_ms": 2000}
    for _ in range(TAKES):
        found = examined(folder, "sound", **cable, **patient)
        if found["sound xruns"]["severity"] == "ok" and found["sound rate error"]["figures"]["ppm"] is not None:
            return found
    lost = ", ".join(found[f"sound {name}"]["detail"] for name in ("xruns", "rate error"))
    pytest.skip(f"the emulated processor is too busy: each take lost sound ({lost})")


def test_who_has_the_card_is_named_and_nobody_else(tmp_path: Path) -> None:
    with holding(DUMMY, "capture"), holding(DUMMY, "playback"), holding(MIC, "capture") as thief:
        found = examined(tmp_path, "devices", "sound", audio__mic__device=MIC, audio__speaker__device=LIPS)
        assert found["devices microphone"]["severity"] == "failure"
        assert found["devices microphone"]["detail"] == f"{MIC} is in use by arecord (process {thief.pid})"
        assert found["devices speaker"]["severity"] == "ok"
        assert "arecord" in found["sound chirps"]["detail"]


def test_the_running_service_is_left_in_peace(tmp_path: Path) -> None:
    with serving() as service:
        service.ready()
        before = main_pid(), service.process("agent.audio.mic").pid
        found = examined(tmp_path, "devices", "realtime", audio__mic__device=MIC, audio__speaker__device=DUMMY)
        assert "held by the running service" in found["devices microphone"]["detail"]
        assert found["devices speaker"]["severity"] == "ok"
        assert found["realtime of the service's mic"]["detail"] == "runs with SCHED_RR"
        assert (main_pid(), service.process("agent.audio.mic").pid) == before


def control() -> list[str]:
    told = subprocess.run(["amixer", "-c", "Dummy", "sget", "Master"], capture_output=True, text=True, check=True)
    return re.findall(r"Front \w+: (-?\d+)", told.stdout)


@contextmanager
def chirping(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The doctor, at the moment at which it has changed the volume."""
    subprocess.run(["amixer", "-q", "-c", "Dummy", "sset", "Master", ",".join(LEFT_RIGHT)], check=True)
    assert control() == LEFT_RIGHT
    settings: dict[str, Value] = {
        "audio__mic__device": MIC,
        "audio__speaker__device": DUMMY,
        "audio__speaker__mixer": "Master",
        "audio__speaker__volume_percent": 90,
    }
    process = subprocess.Popen(command(folder, "sound", **settings), stdout=subprocess.PIPE, text=True)
    try:
        until(lambda: control() != LEFT_RIGHT or process.poll() is not None, timeout_s=120)
        assert process.poll() is None, process.communicate()[0]
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_mixer_gets_its_volume_back(tmp_path: Path) -> None:
    """Nothing is heard, since no cable leads from that card."""
    with chirping(tmp_path) as doctor:
        out, _ = doctor.communicate(timeout=200)
        assert doctor.returncode == 75
        assert "nothing but zeros" in out
        assert control() == LEFT_RIGHT


def test_a_mixer_gets_its_volume_back_from_a_doctor_that_is_killed(tmp_path: Path) -> None:
    with chirping(tmp_path) as doctor:
        kill(psutil.Process(doctor.pid), ("agent.cli", "voice-agent", "agent.doctor.worker"))
        until(lambda: control() == LEFT_RIGHT, timeout_s=30)


def kill(process: psutil.Process, modules: Sequence[str]) -> None:
    """It and those of its children that run one of these, as the kernel does for want of memory."""
    family = [process, *process.children(recursive=True)]
    killed = [each.pid for each in family if any(Path(word).name in modules for word in each.cmdline())]
    assert len(killed) == 2, [each.cmdline() for each in family]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
