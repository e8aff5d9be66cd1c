"""What all tests of the web may use: a real agent with a page, and the language model that it asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sick_llm import SickLlm
from web_house import WebAgent, agent_with_page, storyteller

from agent.lab.broker import Broker
from agent.lab.room import Room


@pytest.fixture(scope="module")
def llm() -> Iterator[SickLlm]:
    with SickLlm(storyteller) as server:
        yield server


@pytest.fixture(scope="module")
def web_agent(room: Room, broker: Broker, llm: SickLlm) -> Iterator[WebAgent]:
    """One for the module: without a token, on loopback, for two guests at once."""
    with agent_with_page(room, broker, llm) as agent:
        yield agent
