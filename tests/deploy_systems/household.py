"""Whoever runs the playbooks: an inventory of both systems, what it says of each, and a look into the devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deploy_systems import fleet
from deploy_systems.fleet import MODELS, Fleet, Play
from machines.machine import Machine
from machines.roots import Release

OLD, NEW = "0.0.9", "0.0.10"
PASSWORD = "correct horse battery staple"
STATE = "/var/lib/voice-agent"
CONFIG = "/etc/voice-agent/config.toml"
OURS = ("/opt/voice-agent", "/etc/voice-agent", STATE, "/etc/systemd/system", "/var/tmp", "/run/voice-agent")
WAIT_S = 60

# Somebody at the broker, whose password comes on stdin: prints what is retained at the first of these topics that they
# may read; "TOPIC=TEXT" leaves a text there before.
ASK = """
import sys, threading
import paho.mqtt.client as mqtt
user, topics, password = sys.argv[1], sys.argv[2:], sys.stdin.read().strip()
said, done = [], threading.Event()
def tell(text):
    said.append(text); done.set()
def connected(client, _, __, code, ___):
    if code.is_failure:
        tell("not authorised")
    for topic in topics:
        name, _, text = topic.partition("=")
        if text:
            client.publish(name, text, 1, retain=True)
        client.subscribe(name, 1)
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
client.username_pw_set(user, password)
client.on_connect = connected
client.on_message = lambda c, _, message: tell(message.payload.decode())
client.connect("localhost", 1883)
client.loop_start()
done.wait(20)
client.loop_stop()
print(said[0] if said else "nothing")
"""


class Device:
    """What a test looks at in a machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def link(self, name: str = "current") -> str:
        """The release that a link names."""
        return Path(self.machine.run(["readlink", f"/opt/voice-agent/{name}"], check=False).stdout.strip()).name

    def pid(self) -> str:
        """Of the running service; "0" where it does not run."""
        return self.machine.show("voice-agent", "MainPID")

    def config(self) -> str:
        return self.machine.read(CONFIG)

    def paths(self) -> list[str]:
        return list(fleet.files_of(self.machine, *OURS))

    def marker(self, text: str | None = None) -> str:
        """A file in the state, written where a text is given."""
        if text is not None:
            self.machine.sh(f"echo {text} > {STATE}/marker; chown voice-agent: {STATE}/marker")
        return self.machine.read(f"{STATE}/marker").strip()


class Operator:
    """Has an inventory of both devices, with the variables of each, and runs playbooks on both at once."""

    def __init__(self, fleet: Fleet, variables: Mapping[str, Mapping[str, Any]], bundles: Mapping[str, Path]) -> None:
        self.fleet = fleet
        self.devices = {name: Device(machine) for name, machine in fleet.machines.items()}
        self.variables = variables
        self.bundles = bundles

    @property
    def upgrade(self) -> dict[str, Any]:
        """What is changed for the upgrade."""
        return {"voice_agent_version": NEW, "voice_agent_bundle": str(self.bundles[NEW])}

    def play(
        self,
        *options: str,
        playbook: str = "site.yml",
        settings: Mapping[str, Any] | None = None,
        of: Mapping[str, Mapping[str, Any]] | None = None,
        **more: Any,
    ) -> Play:
        """`settings` and `more` are added to every device's, `of` to those of one."""
        hosts = {}
        for name, said in self.variables.items():
            merged = {**said, **more, **(of or {}).get(name, {})}
            merged["voice_agent_settings"] = {**said["voice_agent_settings"], **(settings or {})}
            hosts[name] = merged
        return self.fleet.play(playbook, hosts, *options)

    def each(self, look: Callable[[Device], Any]) -> dict[str, Any]:
        return {name: look(device) for name, device in self.devices.items()}


def said(release: Release, work: Path, bundles: Mapping[str, Path]) -> dict[str, Any]:
    """A device's variables. Debian 12 shares its ports with this host: no broker."""
    common = {
        "voice_agent_version": OLD,
        "voice_agent_extras": [],
        "voice_agent_models": list(MODELS),
        "voice_agent_mic": "default",
        "voice_agent_drop_ins": ["memory-1g"],
        "voice_agent_bundle_folder": str(work / "unpacked"),
        "voice_agent_doctor_wait_s": WAIT_S,
    }
    settings = {"asr.engine": "vosk", "asr.model": MODELS[0], "asr.load": "first_use"}
    if release == "bookworm":
        return {
            **common,
            "voice_agent_wheel": str(fleet.wheel(work, OLD)),
            "voice_agent_models_from": str(fleet.PROJECT / ".cache/bundle/models"),
            "voice_agent_settings": {**settings, "mqtt.enabled": False},
            "voice_agent_overlays": ["hifiberry-dacplus"],
            "voice_agent_drop_ins": ["memory-1g", "gpio"],
        }
    account = {"username": "kitchen-agent", "password": PASSWORD}
    mqtt = {"mqtt.device": "kitchen", "mqtt.username": account["username"], "mqtt.password": "mqtt-password"}
    return {
        **common,
        "voice_agent_bundle": str(bundles[OLD]),
        "voice_agent_credentials": {"mqtt-password": PASSWORD},
        "voice_agent_broker": True,
        "voice_agent_broker_devices": {"kitchen": account},
        "voice_agent_broker_users": {"home": PASSWORD},
        "voice_agent_settings": {**settings, **mqtt},
    }
