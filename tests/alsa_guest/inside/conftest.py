"""Fixtures of the tests that run inside of the guest, as root."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from audio_helpers import HealthLog
from cables import CODE, Heard

from agent.config import Mic


@pytest.fixture
def health() -> HealthLog:
    return HealthLog()


@pytest.fixture
def capture(health: HealthLog) -> Iterator[Callable[..., Heard]]:
    """Starts captures; they are stopped afterwards, and none of them may have given up."""
    started: list[Heard] = []

    def start(device: str, **changes: object) -> Heard:
        heard = Heard(Mic(device=device, **changes), health)
        started.append(heard)
        heard.capture.start()
        return heard

    yield start
    for heard in started:
        heard.capture.stop()
        assert not heard.fatal


@pytest.fixture
def sharing() -> Iterator[Callable[[str], None]]:
    """Puts the example into /etc/asound.conf, as its head says, for this device; it is taken away afterwards."""
    conf = Path("/etc/asound.conf")

    def share(device: str) -> None:
        text = (CODE / "deploy" / "alsa" / "dmix.conf").read_text().replace('"hw:CARD=Device,DEV=0"', f'"{device}"')
        assert text.count(device) == 2
        conf.write_text(text)

    yield share
    conf.unlink(missing_ok=True)


@pytest.fixture
def told() -> Callable[[str, str], None]:
    """Prints a finding for the report on the host."""

    def tell(what: str, found: str) -> None:
        sys.stdout.write(f"measured: {what}: {found}\n")

    return tell


@pytest.fixture
def measured() -> Callable[[str, float], None]:
    """Prints a figure for the report on the host."""

    def tell(what: str, seconds: float) -> None:
        sys.stdout.write(f"measured: {what}: {seconds * 1000:.0f} ms\n")

    return tell
