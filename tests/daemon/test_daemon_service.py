"""The agent as a service: its start, its exit codes, its stops, what outlives it and what nobody may see.

Each daemon serves several tests' worth of assertions, since starting one takes seconds. How long it really took is a
property of the test's report.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from living import PARTS, WAIT_S, Life, kill, now, unwanted
from systemd_ear import SystemdEar

from agent import models
from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.watch import Watcher

pytestmark = pytest.mark.room

Record = Callable[[str, object], None]

STOP_S = 9.0  # three times what the contract allows
BAD = """
version = 1
[audio.mic]
gain_db = 99
[wake]
threshold = 2.0
[mqtt]
hosst = "localhost"
[llm]
use = ["nobody"]
"""


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[SystemdEar]:
    with SystemdEar(tmp_path) as ear:
        yield ear


@contextmanager
def living(
    room: Room, broker: Broker, device: str, state: Path, env: Mapping[str, str], **settings: Any
) -> Iterator[Life]:
    """A daemon with this state folder, watched from before its start; not waited for."""
    watcher = Watcher("127.0.0.1", broker.port, f"voice-agent/{device}")
    watcher.start()
    try:
        given = {key.replace("__", "."): value for key, value in settings.items()}
        base = {"mqtt.port": broker.port, "mqtt.device": device}
        with Resident(base | given, room.env | dict(env), state) as agent:
            yield Life(room, watcher, agent)
    finally:
        watcher.stop()


def run(room: Room, state: Path, config: str, env: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    """`voice-agent run` that is expected to end by itself."""
    file = state.with_suffix(".toml")
    file.write_text(config)
    command = [sys.executable, "-m", "agent.cli", "run", "--config", str(file)]
    env = {**room.env, "STATE_DIRECTORY": str(state), **env}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=WAIT_S, check=False)


def survivors(state: Path) -> list[psutil.Process]:
    """Processes that were started with this state folder and are still there after a while."""
    mine = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("STATE_DIRECTORY") == str(state):
                mine.append(process)
        except psutil.Error:
            continue
    return psutil.wait_procs(mine, STOP_S)[1]


def stopped(life: Life, state: Path) -> float:
    """SIGTERM: a clean end, in time, with nothing left over; how long it took."""
    life.begin()
    told = time.monotonic()
    kill(psutil.Process(life.agent.pid), signal.SIGTERM)
    assert life.agent.wait_ended(STOP_S) == 0, life.agent.tail()
    ended = time.monotonic()
    assert survivors(state) == []
    assert unwanted(life.agent.log) == []
    assert life.wait("status") == "offline"
    return ended - told


def test_all_errors_of_a_bad_configuration_are_named_and_nothing_is_started(
    room: Room, tmp_path: Path, systemd: SystemdEar
) -> None:
    state = tmp_path / "state"
    done = run(room, state, BAD, systemd.env())
    assert done.returncode == 78
    for key in ("audio.mic.gain_db", "wake.threshold", "mqtt.hosst", "llm"):
        assert key in done.stderr
    assert 'did you mean "host"?' in done.stderr
    assert not state.exists()
    assert systemd.heard() == []
    assert unwanted(done.stderr) == []


def test_a_damaged_wake_model_is_named_and_the_agent_never_goes_online(
    room: Room, broker: Broker, tmp_path: Path, systemd: SystemdEar
) -> None:
    whole = models.require("wake-openwakeword", "en", "hey_jarvis")
    damaged = tmp_path / "hey_jarvis.onnx"
    damaged.write_bytes(whole.read_bytes()[:-5000])
    watcher = Watcher("127.0.0.1", broker.port, "voice-agent/damaged")
    watcher.start()
    try:
        words = f'[[wake.words]]\nmodel = "{damaged}"\n'
        config = f'version = 1\n{words}[mqtt]\nport = {broker.port}\ndevice = "damaged"\n'
        done = run(room, tmp_path / "state", config, systemd.env())
        assert done.returncode == 78
        assert str(damaged) in done.stderr
        assert unwanted(done.stderr) == []
        assert "READY=1" not in systemd.heard()
        watcher.publish("flushed")
        assert watcher.wait(lambda n: n.topic == "flushed", WAIT_S)
        assert [n.topic for n in watcher.notices] == ["flushed"]
    finally:
        watcher.stop()
    assert survivors(tmp_path / "state") == []


def test_settings_survive_a_restart_and_private_words_stay_private(
    room: Room, broker: Broker, tmp_path: Path, systemd: SystemdEar, record_property: Record
) -> None:
    state = tmp_path / "state"
    with living(room, broker, "service", state, systemd.env()) as life:
        life.agent.wait_online(life.watcher, WAIT_S)
        life.command("volume", percent=35)
        life.command("mute", id="m", on=True)
        life.wait("result", lambda data: data["id"] == "m")
        second = run(room, state, f'version = 1\n[mqtt]\nport = {broker.port}\ndevice = "service"\n')
        assert second.returncode == 75
        assert "another voice-agent runs already" in second.stderr
        assert [word for _, word in life.heard("status")] == ["online"]
        record_property("stop_idle_s", stopped(life, state))
        assert systemd.heard().count("STOPPING=1") == 1

    since = now()
    with living(room, broker, "service", state, {}, privacy__publish_transcript=False) as life:
        for part in (*PARTS, "mqtt"):
            life.wait_renewed(part, "ok", since)
        assert life.wait("setting/volume")["value"] == 35
        assert life.wait("setting/mute")["value"] is True
        life.command("mute", id="m", on=False)
        life.wait("result", lambda data: data["id"] == "m")
        receipt = life.whole_turn()
        assert not {"transcript", "reply", "heard"} & receipt.keys()
        topics = {n.topic for n in life.watcher.notices}
        assert not {"transcript", "reply"} & topics
        assert "time is it" not in life.agent.log.lower()
        life.command("listen")
        life.wait("state", lambda phase: phase == "listening")
        record_property("stop_listening_s", stopped(life, state))


def test_a_stop_while_it_loads(room: Room, broker: Broker, tmp_path: Path, systemd: SystemdEar) -> None:
    state = tmp_path / "state"
    with living(room, broker, "loading", state, systemd.env()) as life:
        systemd.wait(lambda text: text.startswith("STATUS="), WAIT_S)
        assert "READY=1" not in systemd.heard()
        kill(psutil.Process(life.agent.pid), signal.SIGTERM)
        assert life.agent.wait_ended(STOP_S) == 0, life.agent.tail()
        assert survivors(state) == []
        assert unwanted(life.agent.log) == []


def test_a_second_signal_ends_at_once(room: Room, tmp_path: Path, systemd: SystemdEar) -> None:
    """A broker that hangs makes the first stop take its time."""
    state = tmp_path / "state"
    with (
        Broker() as broker,
        living(room, broker, "twice", state, systemd.env(), audio__speaker__volume_percent=40) as life,
    ):
        life.agent.wait_online(life.watcher, WAIT_S)
        assert life.wait("setting/volume")["value"] == 40
        broker.pause()
        try:
            kill(psutil.Process(life.agent.pid), signal.SIGTERM)
            systemd.wait(lambda text: text == "STOPPING=1", WAIT_S)
            kill(psutil.Process(life.agent.pid), signal.SIGTERM)
            assert life.agent.wait_ended(STOP_S) == 0
        finally:
            broker.resume()
        assert "stopped" not in life.agent.log
        assert survivors(state) == []
    assert not (state / "settings.json").exists(), "what nobody changed is the configuration's to say"


def test_the_watchdog_is_not_fed_while_no_sound_comes_and_nobody_knows_why(
    room: Room, broker: Broker, tmp_path: Path, systemd: SystemdEar
) -> None:
    """A microphone that is a file, and at its end: open, in good health, and silent for ever."""
    sound = tmp_path / "mic.wav"
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.full(16_000, 50, np.int16).tobytes())
    settings = {"audio__mic__device": f"file:{sound}?clock=audio"}
    with living(room, broker, "deaf", tmp_path / "state", systemd.env(watchdog_s=3.0), **settings) as life:
        life.agent.wait_online(life.watcher, WAIT_S)
        life.wait_part("mic", "ok")
        systemd.wait(lambda text: text == "WATCHDOG=1", WAIT_S)
        systemd.wait_silence("WATCHDOG=1", 3.0, WAIT_S)  # systemd would end it now
        life.agent.wait_log("no progress: ear", WAIT_S)
        life.agent.check()
