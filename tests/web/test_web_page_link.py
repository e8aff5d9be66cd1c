"""The page when the connection breaks, is taken over, or wants a token. In a real browser."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from chrome import PHONE, Visit, visiting
from page_stub import StubAgent

from agent.web.protocol import MicSwitched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.room, pytest.mark.timeout(180)]


def test_a_broken_connection_is_made_anew_and_goes_on(agent: StubAgent, visit: Visit) -> None:
    agent.say("transcript", turn=1, text="Still here?", final=True)
    agent.hang_up()
    agent.wait(lambda heard: len(heard.hellos()) == 2)
    assert [hello.resume for hello in agent.heard.hellos()] == ["", "key"]
    visit.online()
    assert visit.page.locator(".bubble.you").count() == 1
    assert visit.page.get_by_text("A new conversation").count() == 0


def test_hands_free_goes_on_after_a_broken_connection(agent: StubAgent, browser: Browser) -> None:
    with visiting(browser, agent.url, {"mode": "free"}) as visit:
        visit.online()
        visit.page.get_by_role("button", name="Listen").click()
        agent.wait(lambda heard: len(heard.frames) > 20)
        agent.forget()
        agent.hang_up()
        agent.wait(lambda heard: bool(heard.hellos() and heard.of(MicSwitched)) and len(heard.frames) > 20)
        assert [said.on for said in agent.heard.of(MicSwitched)] == [True]


def test_another_tab_is_told_and_may_take_it_back(agent: StubAgent, visit: Visit) -> None:
    agent.say("bye", code="elsewhere", message="This guest talks from another page now.")
    agent.hang_up()
    visit.page.get_by_text("Another tab has taken over").wait_for()
    visit.page.wait_for_timeout(1500)
    assert len(agent.heard.hellos()) == 1
    visit.page.get_by_role("button", name="Use it here").click()
    agent.wait(lambda heard: len(heard.hellos()) == 2)


def test_an_agent_that_is_gone_is_said_and_found_again(browser: Browser) -> None:
    with ExitStack() as life, ExitStack() as page:
        agent = life.enter_context(StubAgent())
        visit = page.enter_context(visiting(browser, agent.url))
        visit.online()
        life.close()
        visit.page.get_by_text("The agent does not answer").wait_for(timeout=20_000)
        assert visit.page.locator("#talk-button").is_disabled()
        with StubAgent(port=agent.port):
            visit.page.get_by_role("button", name="Try now").click()
            visit.online()
            visit.page.get_by_text("The agent does not answer").wait_for(state="detached")


def test_login_with_a_wrong_and_the_right_token(agent: StubAgent, browser: Browser) -> None:
    agent.logged_in = False
    with visiting(browser, agent.url, viewport=PHONE) as visit:
        assert visit.page.get_by_text("That token is not right").is_hidden()
        visit.page.get_by_label("Token").fill("wrong")
        visit.page.keyboard.press("Enter")
        visit.page.get_by_text("That token is not right").wait_for()
        visit.page.get_by_label("Token").fill("right")
        visit.page.get_by_role("button", name="Sign in").click()
        visit.online()
        visit.page.get_by_role("button", name="Sign out").click()
        visit.page.get_by_label("Token").wait_for()
        assert (visit.complaints, visit.strangers) == ([], [])


def test_whoever_is_signed_out_meanwhile_gets_the_login(agent: StubAgent, visit: Visit) -> None:
    agent.logged_in = False
    agent.hang_up()
    visit.page.get_by_label("Token").wait_for()
    visit.complaints.clear()  # of the connections that were refused
