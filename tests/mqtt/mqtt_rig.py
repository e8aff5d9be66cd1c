"""A private broker, an observer beside the session under test, and the session itself with what it emitted."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.clock import now
from agent.commands import ShowHealth, ShowSetting, ShowState
from agent.config import Config
from agent.events import Event, Health, Requested
from agent.mqtt.limits import Pauses
from agent.mqtt.session import Session
from agent.requests import Request

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
PATIENCE_S = 20.0
ROOT = "voice-agent/kitchen"
FAST = Pauses(unreachable_s=(0.05, 0.2), refused_s=(0.05, 0.2), taken_over_s=(1.0, 1.0))


def free_port() -> int:
    """None of those that Linux gives to who connects (from 32768 on): while nobody listens on it, a client that tries
    again and again would now and then be given this very port, and be connected with itself."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


class Broker:
    """mosquitto in a folder of its own on a loopback port; `extra` are lines for its configuration."""

    def __init__(self, folder: Path, extra: str = "allow_anonymous true") -> None:
        self.port = free_port()
        self._folder = folder
        self.extra = extra
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        folder = self._folder
        folder.mkdir(exist_ok=True)
        user = "user root\n" if os.geteuid() == 0 else ""
        text = f"listener {self.port} 127.0.0.1\npersistence false\n{user}{self.extra}\n"
        (folder / "mosquitto.conf").write_text(text)
        assert MOSQUITTO is not None
        with (folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-v", "-c", str(folder / "mosquitto.conf")], stdout=log, stderr=log
            )
        wait_until(self._accepts, "the broker to accept connections")

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def log(self) -> str:
        return (self._folder / "mosquitto.log").read_text()

    def _end(self, how: signal.Signals) -> None:
        """Ask until it ends: mosquitto listens before its loop begins, and forgets a SIGTERM that comes in between."""
        if self._process is None:
            return
        process, self._process = self._process, None

        def ended() -> bool:
            process.send_signal(how)
            process.send_signal(signal.SIGCONT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
            return process.poll() is not None

        wait_until(ended, "the broker to end")

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
    """For things outside of this process, which tell nobody when they change."""
    until = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > until:
            raise AssertionError(f"waited {timeout_s} s for {what}")
        time.sleep(0.01)


@dataclass(frozen=True)
class Seen:
    topic: str
    payload: bytes
    retain: bool

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class Observer:
    """A second client, as an automation would be. It sees live messages with the flag "retained" as they were sent."""

    def __init__(self, port: int, **login: str) -> None:
        self.seen: list[Seen] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        if login:
            self._client.username_pw_set(login["username"], login["password"])
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE_S), f"connected: {self._client.is_connected()}"

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, name: str, payload: bytes | str | dict[str, Any] = b"", retain: bool = False, qos: int = 1) -> None:
        data = json.dumps(payload) if isinstance(payload, dict) else payload
        self._client.publish(f"{ROOT}/cmd/{name}", data, qos=qos, retain=retain)

    def publish(self, topic: str, payload: bytes = b"", retain: bool = False, qos: int = 1) -> None:
        """Anywhere."""
        self._client.publish(topic, payload, qos=qos, retain=retain)

    def flush(self) -> None:
        """Until the broker has everything that was sent."""
        self._client.publish("elsewhere", b"", qos=1).wait_for_publish(PATIENCE_S)

    def wait(self, name: str, holds: Callable[[Seen], bool] = lambda _: True, timeout_s: float = PATIENCE_S) -> Seen:
        """The first message on `<root>/name` for which that holds, of those seen and those to come."""

        def found() -> Seen | None:
            return next((seen for seen in self.seen if seen.topic == f"{ROOT}/{name}" and holds(seen)), None)

        with self._changed:
            if not self._changed.wait_for(lambda: found() is not None, timeout_s):
                topics = [(seen.topic, seen.payload[:60]) for seen in self.seen]
                raise AssertionError(f"nothing fitting on {name}; seen: {topics}")
            seen = found()
            assert seen is not None
            return seen

    def forget(self) -> None:
        with self._changed:
            self.seen.clear()

    def topics(self) -> list[str]:
        with self._changed:
            return [seen.topic.removeprefix(f"{ROOT}/") for seen in self.seen]

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe("#", options=SubscribeOptions(qos=1, retainAsPublished=True))

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        with self._changed:
            self.seen.append(Seen(message.topic, bytes(message.payload), message.retain))
            self._changed.notify_all()


@dataclass
class Rig:
    """A session and everything that it told."""

    session: Session
    events: list[Event] = field(default_factory=list)
    died: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def emit(self, event: Event) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def wait(self, holds: Callable[[Event], bool], timeout_s: float = PATIENCE_S) -> Event:
        def found() -> Event | None:
            return next((event for event in self.events if holds(event)), None)

        with self.changed:
            assert self.changed.wait_for(lambda: found() is not None, timeout_s), f"only {self.events[-20:]}"
            event = found()
            assert event is not None
            return event

    def health(self, status: str, contains: str = "") -> Health:
        event = self.wait(
            lambda e: isinstance(e, Health) and e.part == "mqtt" and e.status == status and contains in e.reason
        )
        assert isinstance(event, Health)
        return event

    def request(self, kind: type[Request]) -> Requested:
        event = self.wait(lambda e: isinstance(e, Requested) and isinstance(e.request, kind))
        assert isinstance(event, Requested)
        return event

    def requests(self) -> list[Request]:
        with self.changed:
            return [event.request for event in self.events if isinstance(event, Requested)]

    def forget(self) -> None:
        with self.changed:
            self.events.clear()

    def show_all(self) -> None:
        """What a daemon shows at its start."""
        at = now().wall
        self.session.show(ShowState("idle", 0))
        self.session.show(ShowHealth("mic", "ok", "", at))
        self.session.show(ShowHealth("asr", "loading", "model", at))
        self.session.show(ShowSetting("volume", 70))


def configure(port: int, **more: Any) -> Config:
    mqtt = {"host": "127.0.0.1", "port": port, "device": "kitchen", **more.pop("mqtt", {})}
    return Config(mqtt=mqtt, **more)


def make_rig(config: Config, pauses: Pauses = FAST) -> Rig:
    rig = Rig.__new__(Rig)
    session = Session(config, lambda event: rig.emit(event), now, lambda _: rig.died.set(), pauses)
    Rig.__init__(rig, session)
    return rig
