"""What all tests of the web may use: a real agent with a page, and the language model that it asks; a real browser, an
agent that only speaks the protocol, and a page of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from chrome import Visit, chromium, visiting
from page_stub import StubAgent
from sick_llm import SickLlm
from web_house import WebAgent, agent_with_page, storyteller

from agent.lab.broker import Broker
from agent.lab.room import Room

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def llm() -> Iterator[SickLlm]:
    with SickLlm(storyteller) as server:
        yield server


@pytest.fixture(scope="module")
def web_agent(room: Room, broker: Broker, llm: SickLlm) -> Iterator[WebAgent]:
    """One for the module: without a token, on loopback, for two guests at once."""
    with agent_with_page(room, broker, llm) as agent:
        yield agent


@pytest.fixture(scope="module")
def browser(room: Room) -> Iterator[Browser]:
    with chromium(room.env) as browser:
        yield browser


@pytest.fixture
def agent() -> Iterator[StubAgent]:
    with StubAgent() as agent:
        yield agent


@pytest.fixture
def visit(agent: StubAgent, browser: Browser) -> Iterator[Visit]:
    with visiting(browser, agent.url) as visit:
        visit.online()
        yield visit
        assert (visit.complaints, visit.strangers) == ([], [])
