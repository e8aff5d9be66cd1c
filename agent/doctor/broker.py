"""The broker: reached, encrypted, logged in, and are our topics ours?

A client id of its own is used, so that the running service is not thrown out; what is published is one momentary event
below the device's own topic, and the will would delete a message that nobody keeps.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from agent import credentials
from agent.config import Config, MqttSection
from agent.credentials import CredentialError
from agent.doctor.context import Context
from agent.doctor.finding import Finding, of_problem
from agent.identity import device_name
from agent.mqtt.happenings import Connected, Happening, LinkFault, Lost, Published, Subscribed
from agent.mqtt.keeper import client_id, machine_id
from agent.mqtt.link import Bell, Link
from agent.mqtt.topics import Message, Topics

ANSWER_S = 5.0
SLOW_MS = 200.0
EVENT = "event/doctor"


def examine(context: Context) -> Iterator[Finding]:
    config = context.config
    if not config.mqtt.enabled:
        yield Finding("broker", "info", "MQTT", "switched off by mqtt.enabled")
        return
    where = f"{config.mqtt.host}:{config.mqtt.port}"
    context.say(f"connecting to {where}")
    try:
        password = credentials.read(config.mqtt.password).reveal() if config.mqtt.password else None
    except CredentialError as error:
        yield of_problem("broker", "password", f"mqtt.password: {error}", "voice-agent check")
        return
    yield from _Visit(config, where).findings(password)


class _Broken(Exception):
    """The broker did not do what was asked."""

    def __init__(self, lost: Lost) -> None:
        super().__init__(lost.reason)
        self.lost = lost


class _Visit:
    """One connection, from the socket to good-bye."""

    def __init__(self, config: Config, where: str) -> None:
        device = device_name(config.mqtt.device)
        self._mqtt = config.mqtt
        self._where = where
        self._topics = Topics(config.mqtt.base, device)
        self._event = f"{self._topics.root}/{EVENT}"
        name = client_id(f"{device}/doctor", machine_id())
        self._link = Link(config.mqtt, name, Message(self._event, b""), Bell())
        self._waiting: list[Happening] = []

    def findings(self, password: str | None) -> Iterator[Finding]:
        try:
            yield self._connected(password)
            yield self._subscribed()
            yield self._published()
            self._link.disconnect()
            self._link.pump(0.1)
        except (LinkFault, _Broken) as error:
            yield _lost(self._mqtt, self._where, error.lost)
        except CredentialError as error:
            yield of_problem("broker", "key", f"mqtt.key: {error}", "voice-agent check")
        finally:
            self._link.close()

    def _connected(self, password: str | None) -> Finding:
        began = time.monotonic()
        self._link.open(password)
        self._await(lambda each: isinstance(each, Connected))
        took_ms = (time.monotonic() - began) * 1000
        how = "TLS, certificate checked" if self._mqtt.tls else "without TLS"
        who = f"as {self._mqtt.username}" if self._mqtt.username else "anonymous"
        figures = {"connect_ms": round(took_ms, 1), "tls": self._mqtt.tls}
        return Finding("broker", "ok", "login", f"{self._where}, {how}, {who}, {took_ms:.0f} ms", "", figures)

    def _subscribed(self) -> Finding:
        topic = self._topics.commands
        self._link.subscribe(topic)
        answer = self._await(lambda each: isinstance(each, Subscribed))
        if isinstance(answer, Subscribed) and answer.refusal:
            remedy = f"the broker's ACL: topic read {topic} for this user"
            return Finding("broker", "failure", "commands", f"{topic} is refused: {answer.refusal}", remedy)
        return Finding("broker", "ok", "commands", f"{topic} may be subscribed")

    def _published(self) -> Finding:
        body = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds")}).encode()
        began = time.monotonic()
        number = self._link.publish(Message(self._event, body))
        answer = self._await(lambda each: isinstance(each, Published) and each.mid == number)
        took_ms = (time.monotonic() - began) * 1000
        figures = {"round_trip_ms": round(took_ms, 1)}
        if isinstance(answer, Published) and answer.refusal:
            shown = f"{self._topics.root}/# is refused: {answer.refusal}"
            remedy = f"the broker's ACL: topic write {self._topics.root}/# for this user"
            return Finding("broker", "failure", "messages", shown, remedy, figures)
        known = "is taken" if self._mqtt.protocol == "5" else "is sent (MQTT 3.1.1 does not tell what is refused)"
        shown = f"{self._topics.root}/# {known}, acknowledged in {took_ms:.0f} ms"
        if took_ms > SLOW_MS:
            return Finding("broker", "warning", "messages", shown, "a slow network: ping the broker", figures)
        return Finding("broker", "ok", "messages", shown, "", figures)

    def _await(self, wanted: Callable[[Happening], bool]) -> Happening:
        """The first such happening. Raises _Broken where the connection ends, or nothing comes."""
        until = time.monotonic() + ANSWER_S
        while time.monotonic() < until:
            self._waiting += self._link.pump(max(0.0, until - time.monotonic()))
            while self._waiting:
                happening = self._waiting.pop(0)
                if isinstance(happening, Lost):
                    raise _Broken(happening)
                if wanted(happening):
                    return happening
        raise _Broken(Lost("unreachable", "mqtt.silent", "connected, but the broker does not answer"))


def _lost(mqtt: MqttSection, where: str, lost: Lost) -> Finding:
    remedies = {
        "mqtt.unreachable": f"does the broker run, and listen at {where}? systemctl status mosquitto; a firewall?",
        "mqtt.auth": "mqtt.username and the password in its credential have to be those that the broker knows",
        "mqtt.tls": "mqtt.ca_file has to name the authority, mqtt.host the name in the broker's certificate; "
        "where the broker asks for ours, mqtt.cert_file and mqtt.key",
        "mqtt.protocol": 'mqtt.protocol = "3.1.1"',
        "mqtt.insecure": "mqtt.tls = true",
        "mqtt.silent": f"is {where} an MQTT broker? does it expect TLS (mqtt.tls, usually port 8883)?",
    }
    hint = "" if mqtt.tls or lost.code != "mqtt.lost" else " (does it expect TLS?)"
    remedy = remedies.get(lost.code, "the broker's log tells why: journalctl -u mosquitto -n 20")
    return Finding("broker", "failure", "login", f"{lost.reason}{hint}", remedy, {"code": lost.code})
