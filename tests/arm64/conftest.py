"""Emulated arm64 systems with the agent installed, both releases prepared side by side; skipped where that cannot be.

`make test-arm64` runs this folder. What was made and how long it took stands at the end of the run.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from emulated import Emulated
from installed import PIP, Workshop, connected
from machines import roots
from machines.unsupported import Unsupported

from agent import models

WHEEL = roots.PROJECT / "deploy/bundle/wheel.py"
INSIDE = Path(__file__).parent / "inside"
PREPARE_S = 1500  # from nothing, on two cores: about ten minutes
WORKSHOP = pytest.StashKey[Workshop]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.arm64)
            item.add_marker(pytest.mark.timeout(PREPARE_S))


def pytest_configure(config: pytest.Config) -> None:
    config.stash[WORKSHOP] = Workshop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    steps = config.stash[WORKSHOP].steps
    if steps:
        terminalreporter.section("arm64, emulated: times of this host, not of a Pi")
        for release, step, seconds in steps:
            terminalreporter.line(f"{release:10} {step:24} {seconds:6.1f} s")


@pytest.fixture(scope="session")
def workshop(request: pytest.FixtureRequest) -> Workshop:
    return request.config.stash[WORKSHOP]


@pytest.fixture(scope="session")
def prepared(
    request: pytest.FixtureRequest, workshop: Workshop
) -> Iterator[dict[roots.Release, Future[tuple[Path, ...]]]]:
    """The layers of the releases that this run asks for."""
    calls = [
        item.callspec.params
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    ]
    wanted = [release for release in roots.RELEASES if any(release == call.get("system") for call in calls)]
    with ThreadPoolExecutor(len(wanted)) as pool:
        yield {release: pool.submit(workshop.layers, release) for release in wanted}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own, as it is in this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, str(WHEEL), "--to", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is /mnt/shared in every system."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="session", params=roots.RELEASES)
def system(
    request: pytest.FixtureRequest,
    workshop: Workshop,
    prepared: dict[roots.Release, Future[tuple[Path, ...]]],
    wheel: Path,
    shared: Path,
) -> Iterator[Emulated]:
    """The agent as installed on this release, with the host's models where the system keeps them."""
    release: roots.Release = request.param
    try:
        layers = prepared[release].result()
    except Unsupported as reason:
        pytest.skip(f"arm64 is not tested: {reason}")
    roots.forget_old("arm64-*")  # of runs that were killed
    scratch = Path(tempfile.mkdtemp(prefix="arm64-", dir=roots.cache()))
    binds = {wheel.parent: "/mnt/wheel", INSIDE: "/mnt/inside", shared: "/mnt/shared"}
    if models.folder().is_dir():
        binds[models.folder()] = str(models.SYSTEM_FOLDER)
    system = connected(release, layers, scratch / "upper", scratch, binds)
    install = [*PIP, "--no-deps", "--no-index", f"/mnt/wheel/{wheel.name}"]
    workshop.timed(release, "the project's wheel", lambda: system.run(install))
    yield system
    shutil.rmtree(scratch)
