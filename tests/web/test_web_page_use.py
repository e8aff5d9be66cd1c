"""The page as it is used: by finger, by keyboard, hands-free, and when something is wrong. In a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chrome import Visit, visiting
from page_stub import StubAgent

from agent.lab.room import Room
from agent.web.protocol import Ask, Listen, MicSwitched, Stop

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.room, pytest.mark.timeout(180)]

FREE = {"mode": "free"}
# What a page sees of a window that is covered, which a headless browser never is.
COVERED = """() => {
  Object.defineProperty(document, "hidden", { get: () => globalThis.covered, configurable: true });
  globalThis.covered = true;
  document.dispatchEvent(new Event("visibilitychange"));
}"""
DENIED = 'navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", "NotAllowedError"); }'
INSECURE = (
    'Object.defineProperty(globalThis, "isSecureContext", { value: false });'
    'Object.defineProperty(Navigator.prototype, "mediaDevices", { get: () => undefined });'
)


def microphones(room: Room) -> int:
    """How many the sound server says are open, but for the room's own ear."""
    rows = [row for row in room.streams("source-output") if "hrom" in str(row["properties"])]
    return len(rows)


def until_said(visit: Visit, text: str) -> None:
    visit.page.locator("#phase", has_text=text).wait_for()


def test_a_tap_listens_until_the_answer_and_lets_the_microphone_go(room: Room, agent: StubAgent, visit: Visit) -> None:
    assert microphones(room) == 0
    visit.page.locator("#talk-button").click()
    agent.wait_for(Listen)
    agent.say("state", phase="listening", turn=1)
    until_said(visit, "Listening…")
    assert microphones(room) == 1
    order = [type(said) for said, _ in agent.heard.messages]
    assert order.index(MicSwitched) < order.index(Listen)
    agent.say("state", phase="thinking", turn=1)
    until_said(visit, "Thinking…")
    agent.say("state", phase="speaking", turn=1)
    until_said(visit, "Speaking")
    agent.wait(lambda heard: [said.on for said in heard.of(MicSwitched)] == [True, False])
    visit.page.wait_for_selector('body[data-mic="off"]')
    visit.page.wait_for_timeout(300)
    assert microphones(room) == 0
    # It asks back: the microphone is wanted again.
    agent.say("state", phase="listening", turn=2)
    agent.wait(lambda heard: [said.on for said in heard.of(MicSwitched)] == [True, False, True])
    agent.say("state", phase="idle", turn=2)
    agent.wait(lambda heard: len(heard.of(MicSwitched)) == 4)


def test_space_talks_and_escape_stops_but_not_in_a_field(agent: StubAgent, visit: Visit) -> None:
    keyboard = visit.page.keyboard
    visit.page.locator("#question").focus()
    keyboard.type("a b")
    assert visit.page.locator("#question").input_value() == "a b"
    assert agent.heard.of(Listen) == []
    visit.page.locator("#talk-button").focus()
    keyboard.press("Space")
    agent.wait_for(Listen)
    agent.say("state", phase="listening", turn=1)
    until_said(visit, "Listening…")
    keyboard.press("Escape")
    agent.wait_for(Stop)
    agent.wait(lambda heard: heard.of(MicSwitched)[-1].on is False)
    agent.say("state", phase="idle", turn=1)
    until_said(visit, "Tap or hold")
    visit.page.evaluate("document.activeElement.blur()")
    keyboard.down("Space")
    agent.wait(lambda heard: len(heard.of(Listen)) == 2)
    agent.say("state", phase="listening", turn=2)
    until_said(visit, "let go when done")
    visit.page.wait_for_timeout(500)
    keyboard.up("Space")
    until_said(visit, "One moment…")


def test_every_control_is_reached_by_tab_and_shows_it(agent: StubAgent, visit: Visit) -> None:
    seen = []
    for _ in range(14):
        visit.page.keyboard.press("Tab")
        seen.append(
            visit.evaluate(
                "(({ activeElement: e }) => [e === document.body ? '' : e.id || e.name || e.textContent.trim(), "
                "getComputedStyle(e.matches('input[type=radio]') ? e.nextElementSibling : e).outlineStyle])(document)"
            )
        )
    assert {"talk-button", "question", "mode", "tab-turns", "conversation"} <= {name for name, _ in seen}
    assert [name for name, outline in seen if outline == "none" and name] == []
    visit.page.locator("#tab-turns").focus()
    visit.page.keyboard.press("ArrowRight")
    assert visit.page.locator("#tab-device").get_attribute("aria-selected") == "true"


def test_hands_free_streams_and_rests_when_nobody_sees_it(room: Room, agent: StubAgent, browser: Browser) -> None:
    with visiting(browser, agent.url, {**FREE, "hidden_s": 0.5}) as visit:
        visit.online()
        visit.page.get_by_text("Hands-free is not listening yet").wait_for()
        assert microphones(room) == 0  # a page takes no sound before somebody has touched it
        visit.page.get_by_role("button", name="Listen").click()
        until_said(visit, "hey jarvis")
        agent.wait(lambda heard: len(heard.frames) > 20)
        assert agent.heard.of(Listen) == []
        visit.page.evaluate(COVERED)
        agent.wait(lambda heard: [said.on for said in heard.of(MicSwitched)] == [True, False])
        visit.page.get_by_text("The page was out of sight").wait_for()
        visit.page.wait_for_timeout(300)
        assert microphones(room) == 0
        visit.page.get_by_role("button", name="Go on").click()
        agent.wait(lambda heard: [said.on for said in heard.of(MicSwitched)] == [True, False, True])
        visit.page.get_by_text("The page was out of sight").wait_for(state="detached")
        assert visit.complaints == []


def test_hands_free_rests_after_long_idleness(agent: StubAgent, browser: Browser) -> None:
    with visiting(browser, agent.url, {**FREE, "idle_minutes": 0.01}) as visit:
        visit.online()
        visit.page.get_by_role("button", name="Listen").click()
        agent.wait(lambda heard: [said.on for said in heard.of(MicSwitched)] == [True, False])
        visit.page.get_by_text("Nothing happened for").wait_for()


def test_leaving_the_page_lets_the_microphone_go_at_once(room: Room, agent: StubAgent, browser: Browser) -> None:
    with visiting(browser, agent.url, FREE) as visit:
        visit.online()
        visit.page.get_by_role("button", name="Listen").click()
        agent.wait(lambda heard: len(heard.frames) > 20)
        visit.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
        agent.wait(lambda heard: [said.on for said in heard.of(MicSwitched)] == [True, False])
        visit.page.wait_for_timeout(300)
        assert microphones(room) == 0


def test_a_tap_interrupts_a_reply_and_is_listened_to(agent: StubAgent, visit: Visit) -> None:
    """What ends then is the reply, and not what the tap began."""
    agent.say("state", phase="speaking", turn=1)
    until_said(visit, "Speaking")
    visit.page.locator("#talk-button").click()
    agent.say("state", phase="idle", turn=1)
    agent.wait_for(Listen)
    agent.say("state", phase="listening", turn=2)
    until_said(visit, "Listening…")
    assert [said.on for said in agent.heard.of(MicSwitched)] == [True]


def test_an_agent_without_a_place_gets_no_sound(room: Room, agent: StubAgent, visit: Visit) -> None:
    visit.page.locator("#talk-button").click()
    agent.wait_for(Listen)
    agent.say("error", code="busy", message="the agent talks with others already")
    agent.wait(lambda heard: [said.on for said in heard.of(MicSwitched)] == [True, False])
    visit.page.locator(".notice", has_text="talks with others").wait_for()


def test_a_microphone_is_never_left_on_by_haste(room: Room, agent: StubAgent, visit: Visit) -> None:
    for _ in range(4):
        visit.page.locator("#talk-button").click()
        visit.page.keyboard.press("Escape")
    visit.page.wait_for_timeout(1000)
    visit.page.wait_for_selector('body[data-mic="off"]')
    assert microphones(room) == 0


def test_a_microphone_that_is_not_allowed_is_explained(agent: StubAgent, browser: Browser) -> None:
    with visiting(browser, agent.url, script=DENIED) as visit:
        visit.online()
        visit.page.locator("#talk-button").click()
        alert = visit.page.get_by_role("alert")
        alert.get_by_text("The microphone is not allowed").wait_for()
        assert alert.get_by_role("button", name="Try again").is_visible()
        alert.get_by_role("link", name="What helps").click()
        visit.page.get_by_role("heading", name="When the page gets no microphone").wait_for()
        assert agent.heard.of(Listen) == []


def test_a_page_over_plain_http_says_so_and_takes_typed_questions(agent: StubAgent, browser: Browser) -> None:
    with visiting(browser, agent.url, script=INSECURE) as visit:
        visit.online()
        visit.page.get_by_role("alert").get_by_text("No microphone over plain http").wait_for()
        visit.page.locator("#question").fill("How far is the moon?")
        visit.page.keyboard.press("Enter")
        assert agent.wait_for(Ask).text == "How far is the moon?"
        assert visit.complaints == []
