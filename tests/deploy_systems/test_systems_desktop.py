"""The user unit in a desktop session: PipeWire owns the card, and the agent is one of its clients."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from deploy_systems.service import BASE, DEVICE, WAIT_S
from machines import provisioned
from machines.house import House
from machines.machine import Machine, Unsupported
from machines.roots import PROJECT, RELEASES

from agent.lab.resident import to_toml
from agent.lab.watch import Watcher

Record = Callable[[str, object], None]

USER, UID = "kim", "1000"
HOME = f"/home/{USER}"
# A sound card that is none: what is played into "spk" is gone, "mic" is silent.
CARD = """
context.objects = [
  { factory = adapter args = {
      factory.name = support.null-audio-sink node.name = spk media.class = Audio/Sink
      audio.position = [ MONO ] monitor.channel-volumes = true } }
  { factory = adapter args = {
      factory.name = support.null-audio-sink node.name = mic media.class = Audio/Source/Virtual
      audio.position = [ MONO ] } }
]
"""
NAMES = {"bookworm": "Debian 12", "trixie": "Debian 13"}


class Session:
    """Somebody who is logged in."""

    def __init__(self, machine: Machine, watcher: Watcher) -> None:
        self.machine = machine
        self.watcher = watcher

    def run(self, *argv: str, check: bool = True, timeout: float = 60.0) -> str:
        runtime = f"/run/user/{UID}"
        env = {
            "XDG_RUNTIME_DIR": runtime,
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus",
            "HOME": HOME,
            "USER": USER,
        }
        as_user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--init-groups", *argv]
        return self.machine.run(as_user, check=check, env=env, timeout=timeout).stdout

    def tell(self) -> str:
        return self.run(
            "systemctl", "--user", "status", "--no-pager", "--full", "--lines=30", "voice-agent", check=False
        )

    def nodes(self) -> set[str]:
        """The names of PipeWire's streams."""
        found = json.loads(self.run("pw-dump"))
        nodes = [object["info"]["props"] for object in found if object["type"].endswith(":Node")]
        streams = [node for node in nodes if "Stream" in node.get("media.class", "")]
        return {stream.get("application.name") or stream.get("node.name", "") for stream in streams}


@pytest.fixture(scope="module", params=RELEASES, ids=NAMES.get)
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with ExitStack() as stack:
        try:
            machine = stack.enter_context(
                Machine(request.param, provisioned.desktop_layers(request.param), network="own")
            )
        except Unsupported as reason:
            pytest.skip(str(reason))
        provisioned.install(machine)
        house = House(machine)
        house.start()
        watcher = house.watch(f"voice-agent/{DEVICE}")
        stack.callback(watcher.stop)
        machine.run(["useradd", "--create-home", "--uid", UID, USER])
        machine.write(f"{HOME}/.config/pipewire/pipewire.conf.d/card.conf", CARD)
        machine.write(f"{HOME}/.config/voice-agent/config.toml", to_toml(BASE))
        machine.copy(
            PROJECT / "deploy/systemd/user/voice-agent.service", f"{HOME}/.config/systemd/user/voice-agent.service"
        )
        machine.sh(f"mkdir -p {HOME}/.local/bin; ln -s /opt/voice-agent/current/bin/voice-agent {HOME}/.local/bin/")
        machine.run(["chown", "-R", f"{USER}:{USER}", HOME])
        machine.run(["systemctl", "start", f"user@{UID}.service"])
        session = Session(machine, watcher)
        session.run("systemctl", "--user", "start", "pipewire", "wireplumber")
        yield session


def test_it_listens_and_speaks_through_pipewire(session: Session, record_property: Record) -> None:
    began = time.monotonic()
    session.run("systemctl", "--user", "enable", "--now", "voice-agent", timeout=130)

    def well(data: Any) -> bool:
        return all(data.get(part, {}).get("status") == "ok" for part in ("mic", "speaker", "wake", "tts"))

    listening = session.watcher.wait(lambda n: n.topic == "health" and well(n.data), WAIT_S)
    assert listening is not None, session.tell()
    record_property("listening_s", listening.at - began)
    assert session.run("systemctl", "--user", "is-active", "voice-agent").strip() == "active"
    session.watcher.publish("cmd/say", {"id": "say", "text": "Good morning."})
    result = session.watcher.wait(lambda n: n.topic == "result" and n.data["id"] == "say", WAIT_S)
    assert result is not None, session.tell()
    assert result.data["ok"], session.tell()
    assert any("ALSA" in name for name in session.nodes()), f"PipeWire knows no such stream: {session.nodes()}"


def test_it_stops_with_the_session(session: Session, record_property: Record) -> None:
    began, mark = time.monotonic(), session.watcher.mark()
    session.machine.run(["systemctl", "stop", f"user@{UID}.service"], timeout=60)
    record_property("stopped_s", time.monotonic() - began)
    told = session.watcher.wait(lambda n: (n.topic, n.data) == ("status", "offline"), WAIT_S, mark)
    assert told is not None
