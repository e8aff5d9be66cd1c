"""The service as systemd runs it, and what is heard of it: MQTT, /proc, the journal."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from cables import CODE, MIC, SPEAKER

from agent.lab.resident import Value, to_toml
from agent.lab.timeline import Notice
from agent.lab.watch import Watcher

UNIT = CODE / "deploy" / "systemd" / "voice-agent.service"
CONFIG = Path("/etc/voice-agent/config.toml")
CGROUP = Path("/sys/fs/cgroup/system.slice/voice-agent.service")
WAIT_S = 60.0
PARTS = ("mic", "speaker", "wake", "tts")
SETTINGS: Mapping[str, Value] = {
    "audio.mic.device": MIC,
    "audio.speaker.device": SPEAKER,
    "tts.engine": "espeak",
    "asr.engine": "moonshine",
    # The emulated processor is too slow for openWakeWord in real time.
    "wake.engine": "microwakeword",
}


class Service:
    """`voice-agent.service`, watched from before its start."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.mark = 0

    def begin(self) -> None:
        """What was published so far is the past."""
        self.mark = self.watcher.mark()

    def moment(self, topic: str, wanted: Callable[[Any], bool] = lambda data: True) -> Notice:
        """The first such message since `begin`."""
        found = self.watcher.wait(lambda n: n.topic == topic and wanted(n.data), WAIT_S, self.mark)
        assert found, f"no {topic}; there were {[(n.topic, n.data) for n in self.since()]}\n{journal()}"
        return found

    def since(self) -> list[Notice]:
        return self.watcher.notices[self.mark :]

    def part(self, part: str, status: str) -> Notice:
        return self.moment("health", lambda data: data.get(part, {}).get("status") == status)

    def ready(self) -> None:
        self.moment("status", lambda data: data == "online")
        self.moment("health", lambda data: all(data.get(part, {}).get("status") == "ok" for part in PARTS))

    def command(self, name: str, **body: Any) -> None:
        self.watcher.publish(f"cmd/{name}", body)

    def process(self, module: str) -> psutil.Process:
        """The child that runs this module."""
        return next(each for each in psutil.Process(main_pid()).children() if module in each.cmdline())


@contextmanager
def serving(**changes: Value) -> Iterator[Service]:
    """Installed as the documentation says, started, and stopped at the end. Changes: `audio__speaker__mixer=…`."""
    device = f"guest-{time.monotonic_ns()}"  # of its own, so that nothing retained is taken for news
    settings = {**SETTINGS, "mqtt.device": device, **{key.replace("__", "."): value for key, value in changes.items()}}
    CONFIG.write_text(to_toml({"version": 1, **settings}))
    CONFIG.chmod(0o644)
    subprocess.run(["install", "-m", "0644", str(UNIT), "/etc/systemd/system/"], check=True)
    systemctl("daemon-reload")
    systemctl("start", "mosquitto")
    watcher = Watcher("127.0.0.1", 1883, f"voice-agent/{device}")
    watcher.start()
    try:
        systemctl("restart", "voice-agent")
        yield Service(watcher)
    finally:
        systemctl("stop", "voice-agent")
        watcher.stop()


def systemctl(*arguments: str) -> str:
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 0, f"{done.stderr}\n{journal()}"
    return done.stdout


def shown(name: str) -> str:
    """A property of the unit, as it is now."""
    return systemctl("show", "--value", "-p", name, "voice-agent").strip()


def main_pid() -> int:
    return int(shown("MainPID"))


def journal() -> str:
    """Of the running, or the last, invocation."""
    command = ["journalctl", "-u", "voice-agent", "-o", "cat", "-n", "60", "--no-pager"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@contextmanager
def inside(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run as root, but under the unit's control group: what it holds there, it holds the unit's processes to."""
    enter = f'echo $$ > {CGROUP}/cgroup.procs && exec "$@"'
    process = subprocess.Popen(["sh", "-c", enter, "sh", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
