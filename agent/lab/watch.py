"""Watching an agent over MQTT: everything it publishes, in order, with the moment it was written."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.lab.timeline import Notice

CONNECT_S = 10.0


class Watcher:
    """Subscribes to all below `root` ("voice-agent/demo"). `notices` only grows."""

    def __init__(self, host: str, port: int, root: str, on_notice: Callable[[Notice], None] | None = None) -> None:
        """`on_notice` is called on the network thread; it must not raise and must not block."""
        self._address = host, port
        self._prefix = f"{root}/"
        self._on_notice = on_notice
        self._arrived = threading.Condition()  # guards the notices
        self._notices: list[Notice] = []
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(f"{root}/#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._message

    def start(self) -> None:
        """Subscribed when it returns. Raises OSError, TimeoutError."""
        self._client.connect(*self._address)
        self._client.loop_start()
        if not self._subscribed.wait(CONNECT_S):
            raise TimeoutError(f"the broker at {self._address[0]}:{self._address[1]} does not answer")

    def stop(self) -> None:
        """Idempotent."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, body: dict[str, Any] | None = None) -> None:
        """Send something below the root: `publish("cmd/stop")`."""
        payload = json.dumps(body or {}, ensure_ascii=False)
        self._client.publish(f"{self._prefix}{topic}", payload, qos=1).wait_for_publish(CONNECT_S)

    @property
    def notices(self) -> list[Notice]:
        """All so far."""
        with self._arrived:
            return list(self._notices)

    def mark(self) -> int:
        """How many there are now; `wait` can look at what comes after."""
        with self._arrived:
            return len(self._notices)

    def wait(
        self,
        wanted: Callable[[Notice], bool],
        timeout_s: float,
        after: int = 0,
        alive: Callable[[], None] | None = None,
    ) -> Notice | None:
        """The first such notice after the mark; None where none comes in time. `alive` may raise to end the waiting."""
        until = time.monotonic() + timeout_s
        with self._arrived:
            while True:
                for notice in self._notices[after:]:
                    if wanted(notice):
                        return notice
                after = len(self._notices)
                left = until - time.monotonic()
                if left <= 0:
                    return None
                if alive:
                    alive()
                self._arrived.wait(min(left, 0.2))

    def _message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        at = time.monotonic()
        text = message.payload.decode(errors="replace")
        try:
            data = json.loads(text)
        except ValueError:
            data = text  # `status` and `state` are bare words
        notice = Notice(sent_at(data, at), message.topic.removeprefix(self._prefix), data)
        with self._arrived:
            self._notices.append(notice)
            self._arrived.notify_all()
        if self._on_notice:
            self._on_notice(notice)


def sent_at(data: Any, arrived_at: float) -> float:
    """Monotonic seconds at which the agent says it wrote the message (`at`), else when it came.

    Both run on one machine, so the two clocks differ by the same amount for both; `at` is good to a millisecond, while
    the way through the broker takes much longer on a busy machine.
    """
    try:
        stamp = datetime.fromisoformat(data["at"])
    except (KeyError, TypeError, ValueError):
        return arrived_at
    return time.monotonic() - (time.time() - stamp.timestamp())
