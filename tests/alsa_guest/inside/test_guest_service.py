"""The real unit under a real kernel: what systemd is asked to hold, it holds; and a question is answered aloud."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cables import CODE, LIPS, SPEAKER, Recording, holding, is_open, loud_s, program, until
from living import CGROUP, Service, inside, journal, main_pid, serving, shown, systemctl

Measured = Callable[[str, float], None]
OPEN = """
import json, os, sys
told = {}
for path in sys.argv[1:]:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        told[path] = "open"
    except OSError as error:
        told[path] = error.strerror
print(json.dumps(told))
"""
SOUND = ("/dev/snd/controlC0", "/dev/snd/pcmC1D0p", "/dev/snd/timer")
HARMLESS = ("/dev/null", "/dev/urandom")
FORBIDDEN = ("/dev/mem", "/dev/vda", "/dev/kmsg", "/dev/ttyS0")
HOG = "hog = []\nwhile True: hog.append(bytearray(16 << 20))"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving() as service:
        service.ready()
        yield service


def test_only_sound_devices_can_be_opened(service: Service) -> None:
    command = (sys.executable, "-c", OPEN, *SOUND, *HARMLESS, *FORBIDDEN)
    free = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(json.loads(free.stdout).values()) == {"open"}, "root may, outside of the unit"
    with inside(*command) as process:
        held = json.loads(process.communicate()[0])
    assert {path for path, result in held.items() if result == "open"} == {*SOUND, *HARMLESS}
    assert {held[path] for path in FORBIDDEN} == {"Operation not permitted"}


def test_the_audio_children_run_in_real_time_and_nobody_else(service: Service) -> None:
    for module in ("agent.audio.mic", "agent.audio.speaker"):
        pid = service.process(module).pid
        assert os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
        assert os.sched_getparam(pid).sched_priority == 5
    told = subprocess.run(["chrt", "-p", str(service.process("agent.audio.mic").pid)], capture_output=True, text=True)
    assert "SCHED_RR" in told.stdout
    assert os.sched_getscheduler(main_pid()) == os.SCHED_OTHER
    assert "realtime scheduling is not allowed" not in journal()


def test_a_visitor_wakes_it_and_hears_it_speak_through_the_kernel(service: Service, tmp_path: Path) -> None:
    """From `hw:` to `hw:`. What was said is not judged here: emulated, the recogniser may miss its deadline."""
    question = CODE / "sounds" / "question.wav"
    if not question.exists():
        pytest.skip("the host has no visitor's voice (make setup installs them)")
    service.part("asr", "ok")
    service.begin()
    with Recording(tmp_path) as room:
        with program("aplay", "-q", "-D", LIPS, str(question)):
            service.moment("event/wake")
            receipt = service.moment("turn").data
        room.wait(0.3)
        assert loud_s(room.pcm()) > 0.5
    assert receipt["word"] == "hey_jarvis", receipt


def test_music_on_the_speaker_is_told_and_the_agent_speaks_when_it_ends(
    service: Service, measured: Measured, tmp_path: Path
) -> None:
    until(lambda: not any(is_open(SPEAKER, "p")), timeout_s=30)
    service.begin()
    with holding(SPEAKER, "playback", "-f", "S16_LE", "-r", "48000", "-c", "1"):
        service.command("say", id="loud", text="Dinner is ready.")
        reason = service.part("speaker", "failed").data["speaker"]["reason"]
        assert f"{SPEAKER} is in use by another program" in reason
        result = service.moment("result", lambda data: data["id"] == "loud").data
        turn = service.moment("turn").data
        assert turn["outcome"] == "failed", (turn, result)
        service.begin()
    free = time.monotonic()
    measured("music ended: speaker ok after", service.part("speaker", "ok").at - free)
    with Recording(tmp_path) as room:
        service.command("say", id="again", text="Dinner is ready.")
        assert service.moment("turn").data["outcome"] == "answered"
        room.wait(0.3)
        assert loud_s(room.pcm()) > 0.4


@pytest.mark.timeout(300)
def test_memory_is_limited_and_the_agent_outlives_who_eats_it(service: Service, measured: Measured) -> None:
    """MemoryHigh= slows the eater down, for minutes; it is lifted, and MemoryMax= ends him."""
    before, kills = main_pid(), events()["oom_kill"]
    with inside(sys.executable, "-c", HOG) as hog:
        until(lambda: events()["high"] > 0, hog, 60)
        answers(service, "slowed")
        assert hog.poll() is None
        systemctl("set-property", "--runtime", "voice-agent", "MemoryHigh=infinity")
        begun = time.monotonic()
        assert hog.wait(120) == -signal.SIGKILL
        measured("MemoryHigh lifted: killed after", time.monotonic() - begun)
    systemctl("set-property", "--runtime", "voice-agent", "MemoryHigh=75%")
    assert events()["oom_kill"] == kills + 1
    answers(service, "alive")
    assert (main_pid(), shown("NRestarts"), shown("ActiveState")) == (before, "0", "active")


def answers(service: Service, id: str) -> None:
    service.begin()
    service.command("say", id=id, text="Still here.")
    assert service.moment("result", lambda data: data["id"] == id).data["ok"]
    assert service.moment("turn").data["outcome"] == "answered"


def events() -> dict[str, int]:
    lines = (CGROUP / "memory.events").read_text().splitlines()
    return {name: int(count) for name, count in (line.split() for line in lines)}


def test_nothing_went_wrong_unseen_and_it_stops_in_time(service: Service, measured: Measured) -> None:
    assert "Traceback" not in journal()
    service.begin()
    begun = time.monotonic()
    systemctl("stop", "voice-agent")
    took = time.monotonic() - begun
    measured("systemctl stop", took)
    assert took < 9.0
    assert service.moment("status").data == "offline"
    assert shown("Result") == "success"
    systemctl("start", "voice-agent")


def test_the_volume_moves_the_card_s_own_control() -> None:
    with serving(audio__speaker__device="hw:CARD=Dummy,DEV=0", audio__speaker__mixer="Master") as service:
        service.ready()
        until(lambda: abs(volume() - 70) <= 1)
        service.command("volume", id="less", percent=30)
        assert service.moment("result", lambda data: data["id"] == "less").data["ok"]
        until(lambda: abs(volume() - 30) <= 1)


def volume() -> int:
    told = subprocess.run(["amixer", "-c", "Dummy", "sget", "Master"], capture_output=True, text=True, check=True)
    return int(told.stdout.split("[")[1].split("%")[0])
