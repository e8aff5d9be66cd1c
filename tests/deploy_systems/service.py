"""The service on a booted system: configured, started and hurt from outside, watched over MQTT and through systemd."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from machines.house import House
from machines.machine import Machine
from machines.roots import PROJECT
from machines.sound import Sound

from agent.lab.resident import Value, to_toml
from agent.lab.timeline import Notice
from agent.lab.watch import Watcher

UNIT = "voice-agent.service"
DEVICE = "test"
CONFIG = "/etc/voice-agent/config.toml"
DROP_INS = f"/etc/systemd/system/{UNIT}.d"
SHIPPED = PROJECT / "deploy/systemd/drop-ins"
PARTS = ("mic", "speaker", "wake", "tts", "mqtt")
WAIT_S = 30.0
LOUD = 1000
# Quick to load, and nothing to download.
BASE: Mapping[str, Value] = {
    "version": 1,
    "mqtt.device": DEVICE,
    "tts.engine": "espeak",
    "asr.engine": "moonshine",
    "asr.load": "first_use",
}


class Service:
    """`begin` makes what was published so far the past; `wait` and its kin look at what came after."""

    def __init__(self, machine: Machine, sound: Sound, watcher: Watcher, house: House) -> None:
        self.machine = machine
        self.sound = sound
        self.watcher = watcher
        self.house = house
        self.mark = 0

    # ---------------------------------------------------------- preparing

    def clean(self) -> None:
        """Stopped, its failures forgotten, without drop-ins, credentials and state."""
        self.machine.run(["systemctl", "stop", UNIT], check=False)
        self.machine.sh(f"rm -rf {DROP_INS} /etc/voice-agent /var/lib/voice-agent/*")
        self.reload_units()
        self.machine.run(["systemctl", "reset-failed", UNIT], check=False)

    def reload_units(self) -> None:
        self.machine.run(["systemctl", "daemon-reload"])

    def configure(self, settings: Mapping[str, Value] | None = None, extra: str = "") -> None:
        """`settings` beside the usual ones, dotted; `extra`: tables."""
        self.machine.write(CONFIG, to_toml({**BASE, **(settings or {})}) + extra)

    def drop_in(self, name: str, text: str | None = None) -> None:
        """A shipped one, or this text."""
        self.machine.write(f"{DROP_INS}/{name}", (SHIPPED / name).read_text() if text is None else text)
        self.reload_units()

    def fresh(self, settings: Mapping[str, Value] | None = None, *drop_ins: str, extra: str = "") -> None:
        """A new beginning: configured, started and listening."""
        self.clean()
        self.configure(settings, extra)
        for name in drop_ins:
            self.drop_in(name)
        self.start()
        self.wait_listening()

    # ------------------------------------------------------------- living

    def start(self) -> float:
        """Start it, and wait for READY=1; how many seconds that took."""
        self.begin()
        began = time.monotonic()
        done = self.machine.run(["systemctl", "start", UNIT], check=False, timeout=130)
        assert done.returncode == 0, self.tell()
        return time.monotonic() - began

    def show(self, prop: str) -> str:
        return self.machine.show(UNIT, prop)

    @property
    def main_pid(self) -> int:
        """As the machine counts; 0 where it is not running."""
        return int(self.show("MainPID"))

    def child(self, module: str) -> int:
        """The process of the main one's that runs this module: "agent.audio.mic"."""
        found = self.machine.run(["pgrep", "-P", str(self.main_pid), "-f", module]).stdout.split()
        assert len(found) == 1, f"{module}: {found}"
        return int(found[0])

    def kill(self, pid: int, signal: str) -> float:
        """The moment at which the signal was sent (monotonic seconds)."""
        self.begin()
        at = time.monotonic()
        self.machine.run(["kill", "-s", signal, str(pid)])
        return at

    def begin(self) -> None:
        self.mark = self.watcher.mark()

    def command(self, name: str, **body: Any) -> None:
        self.watcher.publish(f"cmd/{name}", body)

    def wait(self, topic: str, wanted: Callable[[Any], bool] = lambda data: True, timeout_s: float = WAIT_S) -> Notice:
        """The first such message since `begin`."""
        found = self.watcher.wait(lambda n: n.topic == topic and wanted(n.data), timeout_s, self.mark)
        if found is None:
            heard = [(n.topic, n.data) for n in self.watcher.notices[self.mark :]]
            raise AssertionError(f"no {topic} within {timeout_s:.0f} s; there were {heard}\n{self.tell()}")
        return found

    def wait_online(self, timeout_s: float = WAIT_S) -> float:
        return self.wait("status", lambda word: word == "online", timeout_s).at

    def wait_listening(self, timeout_s: float = WAIT_S) -> float:
        """The moment at which a new process was online and heard, since `begin`."""
        until = time.monotonic() + timeout_s
        self.wait_online(timeout_s)

        def all_well(data: Any) -> bool:
            return all(data.get(part, {}).get("status") == "ok" for part in PARTS)

        return self.wait("health", all_well, until - time.monotonic()).at

    def say(self, text: str) -> float:
        """Have it said, and heard in the room; seconds from the command to the result."""
        self.begin()
        began = time.monotonic()
        self.command("say", id="say", text=text)
        result = self.wait("result", lambda data: data["id"] == "say")
        assert result.data["ok"], result.data
        ended = time.monotonic()
        assert self.sound.wait_heard(ended)
        assert self.sound.loudest(began) > LOUD, "nothing came out of the speaker"
        return ended - began

    def until(self, prop: str, wanted: Callable[[str], bool], timeout_s: float = WAIT_S) -> float:
        """Wait for a property of the unit; the moment. (systemd tells changes on its bus only to who is connected.)"""
        until = time.monotonic() + timeout_s
        while not wanted(value := self.show(prop)):
            assert time.monotonic() < until, f"{prop} is still {value}\n{self.tell()}"
            time.sleep(0.05)
        return time.monotonic()

    def happened(self, text: str) -> float:
        """Monotonic seconds at which the newest such line came into the journal."""
        lines = self.machine.journal(UNIT, "--output=json").splitlines()
        entries = [entry for entry in map(json.loads, lines) if text in str(entry.get("MESSAGE"))]
        assert entries, f"no line with {text!r}\n{self.tell()}"
        return time.monotonic() - (time.time() - int(entries[-1]["__REALTIME_TIMESTAMP"]) / 1e6)

    def journal(self) -> str:
        return self.machine.journal(UNIT)

    def tell(self) -> str:
        """How it goes, for an assertion that failed."""
        status = self.machine.run(["systemctl", "status", "--no-pager", "--full", "--lines=30", UNIT], check=False)
        return status.stdout
