"""A real Home Assistant core and our agent beside it, for all tests of this folder; skipped where none can be had.

`make test-home-assistant` runs this folder. What was made and measured stands at the end of the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import engines
import installed
import pytest
from core import Core
from house import WAIT_S, House
from machines import network
from machines.machine import Machine
from machines.unsupported import Unsupported
from outpost import PORT, Outpost

from agent.lab.broker import Broker
from agent.lab.listener import MoonshineListener
from agent.lab.room import Room

TEST_S = 300
PREPARE_S = 3600  # from nothing: Debian, and a hundred packages
SECONDS = pytest.StashKey[list[tuple[str, float]]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # First those that look at entities as they are found: they enable what is disabled, and others use it then.
    items.sort(key=lambda item: item.path.stem != "test_core_entities")
    own = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in own:
        item.add_marker(pytest.mark.home_assistant)
        item.add_marker(pytest.mark.timeout(PREPARE_S if item is own[0] else TEST_S))


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SECONDS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if steps := config.stash[SECONDS]:
        terminalreporter.section(f"with Home Assistant {installed.VERSION}")
        for what, seconds in steps:
            terminalreporter.line(f"{what:58} {seconds:7.2f} s")


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """It has no network but its loopback device, and whoever uses it lives in there too."""
    try:
        steps = request.config.stash[SECONDS]
        layers = engines.layers(installed.layers(steps), steps)
        with Machine(installed.RELEASE, layers, network="own") as machine, network.entered(machine.leader):
            yield machine
    except Unsupported as reason:
        pytest.skip(f"no Home Assistant: {reason}")


@pytest.fixture(scope="session")
def house(
    request: pytest.FixtureRequest, machine: Machine, room: Room, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """All are there and well; whoever breaks something mends it."""
    seconds = request.config.stash[SECONDS]
    with ExitStack() as stack:
        broker = stack.enter_context(Broker())
        core = Core(machine)
        core.prepare(broker.port)
        stack.callback(core.stop)
        seconds.append(("Home Assistant runs for the first time", core.start()))
        house = House(core, broker, room, tmp_path_factory.mktemp("house"), seconds)
        stack.callback(house.stop)
        house.start()
        yield house


@pytest.fixture(autouse=True)
def no_complaint(house: House) -> Iterator[None]:
    """Whatever a test does, Home Assistant has nothing to say against us."""
    since = 0 if house.fresh else len(house.core.log())
    house.fresh = False
    yield
    assert house.complaints(since) == ""


@pytest.fixture(scope="module")
def added(house: House, machine: Machine) -> Iterator[Outpost]:
    """The owner has added the agent as a satellite, with a pipeline; a light in each of two rooms. Gone afterwards."""
    house.place_lights()
    servers = engines.Engines(machine)
    servers.prepare()
    servers.start("recogniser")
    servers.start("voice")
    with closing(MoonshineListener()) as listener:
        outpost = Outpost(house, servers, listener)
        times = outpost.times_there
        house.reload(wyoming__enabled=True, wyoming__port=PORT)
        outpost.add()
        outpost.there(times + 1)
        yield outpost
        outpost.remove()
        house.reload(wyoming__enabled=None, wyoming__port=None)


@pytest.fixture
def home(added: Outpost) -> Outpost:
    """Nobody speaks, and it is dark."""
    added.house.darken()
    added.house.command("stop")
    added.house.api.become(added.satellite, "idle", WAIT_S)
    added.begin()
    return added
