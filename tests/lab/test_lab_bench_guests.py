"""`bench guests`, with one guest: the agent as it runs, asked aloud over its page."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from agent.lab.bench import NAMES, guests
from agent.lab.bench.report import Progress


@pytest.mark.room
def test_a_guest_is_answered_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "guests" in NAMES
    monkeypatch.setattr(guests, "GUESTS", 1)
    with Progress("guests", Console(file=io.StringIO())) as progress:
        figures = guests.run(progress)
    alone, visited = figures["pss_mb"]
    assert visited - alone == pytest.approx(figures["guest_mb"], abs=0.2)
    assert figures["guest_mb"] > 50, "neither a recogniser nor a voice was loaded for the guest"
    assert 4 < figures["guest_tasks"] < 40
    assert 1000 < figures["guest_ready_ms"] < 60_000
    names = [name for entry in figures["pss_by_process_mb"] for name in entry]
    assert names.count("agent.hearing.asr_child") == names.count("agent.speaking.tts_child") == 2
