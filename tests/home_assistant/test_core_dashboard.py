"""The dashboard card that the page for owners gives to paste, seen in a real browser, and its buttons pressed there.

With VOICE_AGENT_PICTURE=FILE.png the picture of the card is written there, which renews the one of the page:
VOICE_AGENT_PICTURE=docs/images/dashboard.png make test-home-assistant ARGS="-k dashboard"
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import browser
import owners_page
import pytest
from house import House
from machines import roots
from machines.unsupported import Unsupported

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect, Locator, Page

PATH = "voice-agent"
LARGEST = 150_000  # bytes of the picture
MARGIN = 8
# How a card says that something is wrong with it: in its place, or in a row of it.
FAULT = "hui-error-card, hui-warning, ha-alert"
FAULTY: list[dict[str, Any]] = [
    {"type": "tile", "entity": "sensor.nobody"},
    {"type": "entities", "entities": ["sensor.nobody"]},
    {"type": "tile"},
    {"type": "custom:nobody-card"},
]
QUESTION = "What time is it?"


class Board:
    """A dashboard of one card, as the browser shows it."""

    def __init__(self, house: House, page: Page) -> None:
        self._house = house
        self._page = page
        settings = {"title": "Voice agent", "mode": "storage", "require_admin": False, "show_in_sidebar": True}
        self._id = house.api.call("lovelace/dashboards/create", url_path=PATH, **settings)["id"]

    def close(self) -> None:
        self._house.api.call("lovelace/dashboards/delete", dashboard_id=self._id)

    def show(self, card: Mapping[str, Any], sections: bool = False) -> Locator:
        """In one of the two layouts that Home Assistant offers; the stack of cards, which may still be empty."""
        inner = {"type": "sections", "sections": [{"cards": [card]}]} if sections else {"cards": [card]}
        self._house.api.call("lovelace/config/save", url_path=PATH, config={"views": [{"title": "Home", **inner}]})
        self._page.goto(f"{browser.URL}/{PATH}")
        return self._page.locator("hui-vertical-stack-card")

    def picture(self, stack: Locator, file: Path) -> bytes:
        """Of the card and a narrow margin, as PNG; it is kept in this file, too."""
        box = stack.bounding_box()
        assert box is not None, "it is not to be seen"
        clip: FloatRect = {
            "x": box["x"] - MARGIN,
            "y": box["y"] - MARGIN,
            "width": box["width"] + 2 * MARGIN,
            "height": box["height"] + 2 * MARGIN,
        }
        return self._page.screenshot(path=file, clip=clip, animations="disabled")


@pytest.fixture(scope="module")
def board(house: House) -> Iterator[Board]:
    try:
        with browser.opened(house.core.token) as page:
            board = Board(house, page)
            yield board
            board.close()
    except Unsupported as reason:
        pytest.skip(f"no browser: {reason}")


@pytest.fixture
def stack(board: Board) -> Locator:
    """The card of the page, all of it."""
    return whole(board.show(owners_page.card()))


def whole(stack: Locator) -> Locator:
    """Wait until each of its entities is there under its name."""
    named = list(entities(owners_page.card()))
    assert len(named) >= 9
    for each in named:
        stack.get_by_text(each["name"], exact=True).first.wait_for()
    return stack


def entities(card: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What names an entity in a card, and in those that it holds."""
    if "entity" in card:
        yield card
    for inner in (*card.get("cards", ()), *card.get("entities", ())):
        yield from entities(inner)


def tile(stack: Locator, name: str, state: str = "") -> Locator:
    """Once it shows this state."""
    found = stack.get_by_role("button", name=f"{name} {state}".strip(), exact=True)
    found.wait_for()
    return found


@pytest.mark.parametrize("sections", [False, True])
def test_the_card_is_shown_with_what_the_agent_says(house: House, board: Board, tmp_path: Path, sections: bool) -> None:
    house.act("text.set_value", "ask", value=QUESTION)
    answer = house.wait("turn")["reply"]
    house.become("state", "idle")
    stack = whole(board.show(owners_page.card(), sections))
    for name, state in {"Voice agent": "idle", "Hearing": "OK", "Mute": "Off", "Do not disturb": "Off"}.items():
        tile(stack, name, state)
    tile(stack, "Volume", f"{house.api.state(house.entity('volume')).state}%")
    stack.get_by_text(f"You: {QUESTION}").wait_for()
    stack.get_by_text(f"Agent: {answer}").wait_for()
    assert stack.get_by_role("textbox", name="Ask").input_value() == QUESTION
    voice = house.api.state(house.entity("voice")).state
    assert voice in stack.get_by_role("combobox", name="Voice").inner_text()
    assert stack.locator(FAULT).all() == []
    picture = board.picture(stack, tmp_path / "dashboard.png")
    assert len(picture) < LARGEST
    if (wanted := os.environ.get("VOICE_AGENT_PICTURE")) and not sections:
        (roots.PROJECT / wanted).write_bytes(picture)


@pytest.mark.parametrize("card", FAULTY, ids=str)
def test_a_fault_in_a_card_would_be_seen(board: Board, card: dict[str, Any]) -> None:
    stack = board.show({"type": "vertical-stack", "cards": [card]})
    stack.locator(FAULT).first.wait_for()


@pytest.mark.parametrize(("key", "name"), [("mute", "Mute"), ("do_not_disturb", "Do not disturb")])
def test_switches(house: House, stack: Locator, key: str, name: str) -> None:
    for before, after in (("Off", "On"), ("On", "Off")):
        house.begin()
        tile(stack, name, before).click()
        house.setting(key, after == "On")
        tile(stack, name, after)
    house.command(f"setting/{key}", value=None)


def test_listen_and_stop(house: House, stack: Locator) -> None:
    house.begin()
    tile(stack, "Listen").click()
    house.wait("state", lambda phase: phase == "listening")
    tile(stack, "Voice agent", "listening")
    tile(stack, "Stop").click()
    house.wait("state", lambda phase: phase == "idle")
    tile(stack, "Voice agent", "idle")


def test_the_volume_by_its_slider(house: House, stack: Locator) -> None:
    before = int(house.api.state(house.entity("volume")).state)
    house.begin()
    stack.get_by_role("slider").press("ArrowRight")
    house.setting("volume", before + 1)
    tile(stack, "Volume", f"{before + 1}%")
    house.command("setting/volume", value=None)
    tile(stack, "Volume", f"{before}%")


def test_a_question_typed_in_is_answered_on_the_card(house: House, stack: Locator) -> None:
    house.begin()
    field = stack.get_by_role("textbox", name="Ask")
    field.fill("What day is it?")
    field.press("Enter")
    answer = house.wait("turn")["reply"]
    stack.get_by_text("You: What day is it?").wait_for()
    stack.get_by_text(f"Agent: {answer}").wait_for()
    house.become("state", "idle")


def test_an_agent_that_is_gone_is_shown_as_gone(house: House, stack: Locator) -> None:
    house.agent.stop()
    tile(stack, "Mute", "Unavailable")
    tile(stack, "Voice agent", "Unavailable")
    house.restart()
    tile(stack, "Mute", "Off")
    tile(stack, "Voice agent", "idle")
