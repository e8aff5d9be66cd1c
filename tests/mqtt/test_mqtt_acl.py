"""A broker with a user and an ACL for each device: what each may do is all that it needs, and nothing of another's.

M5 (ACL), M15 (we read nothing but commands, Home Assistant's status and our own).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from jinja2 import Environment, StrictUndefined
from mqtt_rig import PATIENCE_S, Broker, Observer, Rig, configure, wait_until

from agent.commands import ShowState
from agent.config import Config
from agent.mqtt import birth
from agent.mqtt.happenings import Published, Received, Subscribed
from agent.mqtt.link import Bell, Link
from agent.mqtt.topics import Message
from agent.requests import ListenRequest

pytestmark = pytest.mark.room
Rigs = Callable[..., Rig]
Observers = Callable[..., Observer]
DEVICES = ("kitchen", "bath")
PASSWORD = "correct horse battery staple"
TEMPLATE = Path(__file__).parents[2] / "deploy/ansible/roles/voice_agent/templates/broker.acl.j2"


def rights() -> str:
    """The ACL that the role writes for these devices, and for the house itself."""
    accounts = {device: {"username": f"voice-agent-{device}"} for device in DEVICES}
    template = Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False).from_string(
        TEMPLATE.read_text()
    )
    return template.render(
        ansible_managed="for a test",
        voice_agent_broker_base="voice-agent",
        voice_agent_broker_devices=accounts,
        voice_agent_broker_users={"home": PASSWORD},
    )


@pytest.fixture
def house(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A broker that knows two devices and the house itself."""
    users, acl = tmp_path / "users", tmp_path / "acl"
    for name in (*(f"voice-agent-{device}" for device in DEVICES), "home"):
        create = () if users.exists() else ("-c",)
        subprocess.run(["mosquitto_passwd", "-b", *create, str(users), name, PASSWORD], check=True, capture_output=True)
    acl.write_text(rights())
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "mqtt-password").write_text(PASSWORD)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    broker.stop()
    broker.extra = f"allow_anonymous false\npassword_file {users}\nacl_file {acl}"
    broker.start()
    return broker


def of(user: str, broker: Broker, **mqtt: str) -> Config:
    login = {"device": user, "username": f"voice-agent-{user}", "password": "mqtt-password"}
    return configure(broker.port, mqtt={**login, **mqtt})


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_each_may_do_what_it_needs(
    house: Broker, rigs: Rigs, observers: Observers, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.setattr(birth, "APART_S", 0.0)
    home = observers(house.port, username="home", password=PASSWORD)
    rig = rigs(of("kitchen", house, protocol=protocol))
    rig.show_all()
    rig.health("ok")
    home.wait("status", lambda seen: seen.payload == b"online")
    home.wait("health")
    home.send("listen")
    rig.request(ListenRequest)
    home.forget()
    home.publish("homeassistant/status", b"online")
    home.wait("status")


# M15
def test_we_read_nothing_but_commands_and_who_we_are(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    rig = rigs(configure(broker.port))
    rig.health("ok")
    rig.show_all()
    asked = broker.log().split("Received SUBSCRIBE")[1]
    filters = re.findall(r"\t(\S+) \(QoS", asked)
    assert filters == ["voice-agent/kitchen/cmd/#", "voice-agent/kitchen/status", "homeassistant/status"]
    assert broker.log().count("Received SUBSCRIBE") == 1
    home = observers(broker.port)
    home.wait("state")
    home.publish("voice-agent/kitchen/state", b"listening", retain=True)
    home.publish("voice-agent/kitchen/result", b'{"id": "1", "ok": true}')
    home.send("listen")
    rig.request(ListenRequest)
    assert rig.requests() == [ListenRequest()], "what stands below our own topics is nobody's command"


def test_nobody_commands_or_hears_another_device(house: Broker, rigs: Rigs, observers: Observers) -> None:
    home = observers(house.port, username="home", password=PASSWORD)
    victim = rigs(of("kitchen", house))
    victim.show_all()
    victim.health("ok")
    home.wait("state")
    thief = Thief(of("bath", house))
    others = [f"voice-agent/kitchen/{name}" for name in ("cmd/listen", "status", "state")]
    others += ["homeassistant/device/voice-agent-kitchen/config", "voice-agent/room/downstairs/member/kitchen"]
    for topic in (*others, "homeassistant/status", "elsewhere"):
        assert "Not authorized" in thief.publish(topic), topic
    for topic in ("voice-agent/bath/event/hello", "voice-agent/room/downstairs/member/bath"):
        assert thief.publish(topic) == ""
    thief.subscribe("voice-agent/kitchen/#", "voice-agent/+/state", "#")
    victim.session.show(ShowState("listening", 1))
    home.wait("state", lambda seen: seen.payload == b"listening")
    home.send("listen")
    victim.request(ListenRequest)
    home.publish("voice-agent/bath/cmd/stop", b"{}")
    heard = thief.hear("voice-agent/bath/cmd/stop")
    own = re.compile(r"voice-agent/(bath/|room/|\w+/status$)")
    assert [topic for topic in heard if not own.match(topic)] == []
    assert victim.requests() == [ListenRequest()]
    thief.link.close()


def test_two_devices_with_each_its_own_user_live_side_by_side(house: Broker, rigs: Rigs) -> None:
    kitchen, bath = rigs(of("kitchen", house)), rigs(of("bath", house))
    kitchen.health("ok")
    bath.health("ok")


# M5
def test_a_device_that_says_it_is_another_is_degraded_and_told_why(
    house: Broker, rigs: Rigs, observers: Observers
) -> None:
    home = observers(house.port, username="home", password=PASSWORD)
    rig = rigs(of("bath", house, device="kitchen"))
    rig.show_all()
    rig.health("degraded", "refuses voice-agent/kitchen/")
    wait_until(lambda: "Denied PUBLISH" in house.log(), "the broker to note it")
    home.flush()
    assert "state" not in home.topics()


class Thief:
    """The same client as ours, asking for what is not its own."""

    def __init__(self, config: Config) -> None:
        self.link = Link(config.mqtt, "thief", Message("voice-agent/bath/status", b"offline"), Bell())
        self.link.open(PASSWORD)
        self.link.pump(PATIENCE_S)

    def publish(self, topic: str) -> str:
        """Why it is refused, "" where it is not."""
        number = self.link.publish(Message(topic, b"stolen"))
        while True:
            for each in self.link.pump(PATIENCE_S):
                if isinstance(each, Published) and each.mid == number:
                    return each.refusal

    def subscribe(self, *filters: str) -> None:
        self.link.subscribe(*filters)
        while not any(isinstance(each, Subscribed) for each in self.link.pump(PATIENCE_S)):
            pass

    def hear(self, last: str) -> set[str]:
        """The topics of all that came until this one did."""
        heard: set[str] = set()
        while last not in heard:
            heard |= {each.topic for each in self.link.pump(PATIENCE_S) if isinstance(each, Received)}
        return heard
