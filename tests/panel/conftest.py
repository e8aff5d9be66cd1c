"""Pins for tests. The package is an extra: without it, these tests say so and are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A factory of mock pins, and gpiozero's default for what asks for none."""
    gpiozero = pytest.importorskip("gpiozero", reason="the extra gpio is not installed")
    from mock_pins import factory

    made = factory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", made)
    yield made
    made.close()
