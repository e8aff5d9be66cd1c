"""The page before the real agent: somebody taps, speaks into the browser's microphone, and hears the answer from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aloud import PLAIN, SLOW_MS, SLT, ask_aloud
from chrome import PHONE, visiting
from sick_llm import SickLlm
from web_house import WebAgent, agent_with_page

from agent.lab.broker import Broker
from agent.lab.room import Room
from agent.lab.visitor import say

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.room, pytest.mark.timeout(240)]
TOKEN = "a-token-of-some-length-1"
TRIES = 4


def test_spoken_questions_are_answered_aloud_and_their_time_drawn(
    room: Room, web_agent: WebAgent, browser: Browser
) -> None:
    with visiting(browser, web_agent.url, PLAIN) as visit:
        page = visit.page
        visit.online()
        assert visit.evaluate("crossOriginIsolated")
        for _ in range(2):  # the second with a microphone that was off in between
            ask_aloud(room, visit)
        assert page.locator("details.turn[open] .stages rect").count() > 2
        page.locator("#tab-device").click()
        page.locator("#health li", has_text="Language model").wait_for()
        page.locator("#tab-settings").click()
        page.locator("#device-settings").get_by_label("Do not disturb").wait_for()
        assert (visit.complaints, visit.strangers) == ([], [])


def test_a_typed_question_is_answered(web_agent: WebAgent, browser: Browser) -> None:
    with visiting(browser, web_agent.url) as visit:
        visit.online()
        assert not visit.page.get_by_role("button", name="Sign out").is_visible(), "of what? There is no token"
        visit.page.locator("#question").fill("What is the weather on Mars")
        visit.page.keyboard.press("Enter")
        visit.page.locator(".bubble.agent:not(.speaking)", has_text="Mars").wait_for(timeout=SLOW_MS)
        assert visit.page.locator(".bubble.you").count() == 1
        assert (visit.complaints, visit.strangers) == ([], [])


def test_the_token_opens_the_page(room: Room, broker: Broker, llm: SickLlm, browser: Browser, tmp_path: Path) -> None:
    secret = tmp_path / "web-token"
    secret.write_text(TOKEN)
    secret.chmod(0o600)
    with (
        agent_with_page(
            room, broker, llm, {"web.token": "web-token"}, {"CREDENTIALS_DIRECTORY": str(tmp_path)}
        ) as agent,
        visiting(browser, agent.url, viewport=PHONE) as visit,
    ):
        page = visit.page
        page.get_by_label("Token").fill("not-the-token")
        page.keyboard.press("Enter")
        page.get_by_text("That token is not right").wait_for()
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        visit.online()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Token").wait_for()
        # A browser logs an answer of 401 on its console: the login page is one.
        assert [said for said in visit.complaints if "401" not in said] == []
        assert visit.strangers == []


def test_hands_free_wakes_by_the_word(room: Room, web_agent: WebAgent, browser: Browser) -> None:
    with visiting(browser, web_agent.url, {"mode": "free", **PLAIN}) as visit:
        page = visit.page
        visit.online()
        page.get_by_role("button", name="Listen").click()
        page.locator("#phase", has_text="hey jarvis").wait_for()
        woken = page.locator(".aside", has_text="hey jarvis")
        for _ in range(TRIES):  # the ear of this guest is being made
            room.play(say("hey jarvis", SLT).then(say("what time is it", SLT), 0.45).samples)
            if woken.count():
                break
            page.wait_for_timeout(3000)
        page.locator(".bubble.you:not(.partial)", has_text="time").wait_for(timeout=SLOW_MS)
        page.locator(".bubble.agent:not(.speaking)").wait_for(timeout=SLOW_MS)
        assert (visit.complaints, visit.strangers) == ([], [])
