"""What all tests may use: the room with its microphone and speaker, and a broker, each one for the whole session."""

from collections.abc import Iterator

import pytest

from agent.lab.broker import Broker
from agent.lab.processes import PackagesMissing
from agent.lab.room import Room


@pytest.fixture(scope="session")
def room() -> Iterator[Room]:
    """A room without echo. Leave it as it was: plugged in and running."""
    try:
        room = Room()
        room.start()
    except PackagesMissing as missing:
        room.stop()
        pytest.skip(str(missing))
    yield room
    room.stop()


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A broker without retained messages of other runs. Use topics of your own: the session shares it."""
    broker = Broker()
    try:
        broker.start()
    except PackagesMissing as missing:
        pytest.skip(str(missing))
    yield broker
    broker.stop()
