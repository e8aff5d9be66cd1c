"""Fixtures: a sound server for all who leave it alone, one of its own for a test that harms it, a log of health."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from audio_helpers import HealthLog, SoundServer


@contextmanager
def _made() -> Iterator[SoundServer]:
    if shutil.which("pulseaudio") is None:
        pytest.fail("pulseaudio is missing; make setup installs it")
    folder = Path(tempfile.mkdtemp(prefix="va"))  # a socket's path must be short
    server = SoundServer(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def _shared() -> Iterator[SoundServer]:
    with _made() as server:
        server.start()
        yield server


@pytest.fixture
def server(_shared: SoundServer, monkeypatch: pytest.MonkeyPatch) -> SoundServer:
    """Running; children find it by the environment."""
    _shared.offer(monkeypatch)
    return _shared


@pytest.fixture
def new_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    """For this test alone, and not started yet."""
    with _made() as server:
        server.offer(monkeypatch)
        yield server


@pytest.fixture
def own_server(new_server: SoundServer) -> SoundServer:
    """For this test alone, running."""
    new_server.start()
    return new_server


@pytest.fixture
def health() -> HealthLog:
    return HealthLog()
