from datetime import UTC, datetime

from agent.daemon.status import status_line
from agent.dialogue.state import PartHealth, State

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_healthy_agent_says_what_it_does() -> None:
    assert status_line(State()) == "idle"
    assert status_line(State(muted=True)) == "microphone off"


def test_a_missing_microphone_comes_first() -> None:
    state = State(health={"mic": PartHealth("failed", "unplugged", SINCE), "mqtt": PartHealth("failed", "x", SINCE)})
    assert status_line(state) == "no microphone: unplugged"


def test_whatever_is_sick_is_named_and_the_line_stays_short() -> None:
    state = State(health={"mqtt": PartHealth("failed", "refused " * 20, SINCE)})
    assert status_line(state).startswith("idle (mqtt failed: refused")
    assert len(status_line(state)) <= 80


def test_what_is_well_is_not_mentioned_even_where_it_gives_a_reason() -> None:
    assert status_line(State(health={"llm": PartHealth("ok", "no language model is configured", SINCE)})) == "idle"
