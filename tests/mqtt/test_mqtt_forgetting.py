"""A device that gets another name while its broker is away: what cannot be cleared is said."""

from __future__ import annotations

import queue
import socket

import pytest

from agent import clock
from agent.config import Config
from agent.events import Event, Health
from agent.mqtt.session import Session


def test_topics_that_cannot_be_cleared_are_named(caplog: pytest.LogCaptureFixture) -> None:
    events: queue.Queue[Event] = queue.Queue()
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and nobody listens
        mqtt = {"host": "127.0.0.1", "port": held.getsockname()[1], "device": "attic"}
        session = Session(Config(mqtt=mqtt), events.put, clock.now, pytest.fail)
        session.start()
        while (event := events.get(timeout=10)) and not (isinstance(event, Health) and event.status == "failed"):
            pass
        session.stop(forget=True)
    assert not session.alive()
    assert "voice-agent/attic cannot be cleared at the broker, which is away" in caplog.text
