"""Debian 12 and 13, each booted once for all tests: with the service installed as the README says, sound and a broker.

The tests leave the service as they like: `service.fresh(...)` makes a new beginning. How long things really took is
printed at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from deploy_systems.service import DEVICE, Service
from machines import provisioned
from machines.house import House
from machines.machine import Machine, Unsupported
from machines.roots import PROJECT, RELEASES
from machines.sound import Sound

NAMES = {"bookworm": "Debian 12", "trixie": "Debian 13"}
README = PROJECT / "deploy/systemd/README.md"
SOURCE = "/root/voice-agent"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.deploy)
            # The first run makes the systems, and every wait in here has a limit of its own.
            item.add_marker(pytest.mark.timeout(1800))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was measured, also by a test that found something that cannot be enforced here."""
    reports = [report for kind in ("passed", "failed", "skipped") for report in terminalreporter.getreports(kind)]
    measured = [report for report in reports if report.when == "call" and report.user_properties]
    if measured:
        terminalreporter.section("measured")
    for report in measured:
        name = report.nodeid.rpartition("::")[2]
        figures = (f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in report.user_properties)
        terminalreporter.write_line(f"{name}: {', '.join(figures)}")


@pytest.fixture(scope="session", params=RELEASES, ids=NAMES.get)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """The service on a booted system; not running."""
    with ExitStack() as stack:
        try:
            layers = provisioned.layers(request.param)
            machine = stack.enter_context(Machine(request.param, layers, network="own"))
        except Unsupported as reason:
            pytest.skip(str(reason))
        provisioned.install(machine)
        machine.copy(PROJECT / "deploy/systemd", f"{SOURCE}/deploy/systemd")
        for command in readme_commands():
            machine.sh(f"cd {SOURCE}; {command}")
        house = House(machine)
        house.start()
        sound = stack.enter_context(Sound(machine))
        watcher = house.watch(f"voice-agent/{DEVICE}")
        stack.callback(watcher.stop)
        yield Service(machine, sound, watcher, house)


@pytest.fixture
def fresh(service: Service) -> Service:
    """The service as it is usually configured, listening."""
    service.fresh()
    return service


def readme_commands() -> list[str]:
    """What the README tells an operator to type, up to the start."""
    commands = re.findall(r"^    sudo (.+)$", README.read_text(), flags=re.MULTILINE)
    assert any("daemon-reload" in command for command in commands), commands
    return [command for command in commands if "enable" not in command and "config.toml" not in command]
