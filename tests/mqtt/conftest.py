"""Fixtures: brokers, sessions and observers that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mqtt_rig import FAST, MOSQUITTO, PATIENCE_S, Broker, Observer, Rig, make_rig

from agent.config import Config
from agent.mqtt.limits import Pauses


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Running; whoever wants another configuration changes `extra` and starts it again."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    server = Broker(tmp_path / "broker")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def rigs() -> Iterator[Callable[..., Rig]]:
    """Makes sessions; all are stopped at the end, and none may have ended by itself."""
    made: list[Rig] = []

    def make(config: Config, pauses: Pauses = FAST) -> Rig:
        rig = make_rig(config, pauses)
        made.append(rig)
        rig.session.start()
        return rig

    yield make
    for rig in made:
        rig.session.stop(PATIENCE_S)
        assert not rig.session.alive()
        assert not rig.died.is_set()


@pytest.fixture
def observers() -> Iterator[Callable[..., Observer]]:
    made: list[Observer] = []

    def make(port: int, **login: str) -> Observer:
        observer = Observer(port, **login)
        made.append(observer)
        return observer

    yield make
    for observer in made:
        observer.close()
