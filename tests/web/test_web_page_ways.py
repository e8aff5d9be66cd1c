"""Whole turns in a real browser before the real agent, by every way of sound that the AudioWorklet is not; two browsers
at once; a reply that somebody talks over; an agent that ends and comes back."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from aloud import PLAIN, SLOW_MS, SLT, ask_aloud, listening
from chrome import Visit, visiting
from sick_llm import SickLlm
from web_house import WebAgent, agent_with_page

from agent.lab.broker import Broker
from agent.lab.room import Room
from agent.lab.visitor import say

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.room, pytest.mark.timeout(240)]
# Which way the page took: one that its browser does not know gives way to the worklet, and the turn would pass.
USED = """{
  window.used = [];
  for (const name of ["MediaRecorder", "RTCPeerConnection"]) {
    window[name] = class extends window[name] {
      constructor(...given) {
        super(...given);
        used.push(this.mimeType?.split(";")[0] || name);
      }
    };
  }
  const script = BaseAudioContext.prototype.createScriptProcessor;
  BaseAudioContext.prototype.createScriptProcessor = function (...given) {
    used.push("ScriptProcessorNode");
    return script.apply(this, given);
  };
}"""
ONLY_MP4 = """{
  const supported = MediaRecorder.isTypeSupported.bind(MediaRecorder);
  MediaRecorder.isTypeSupported = (type) => !type.includes("webm") && supported(type);
}"""
DEPRECATED = "ScriptProcessorNode is deprecated"  # says Chromium; it is there to be compared


def ask_for_a_story(visit: Visit) -> None:
    """Typed; returns once it is being told."""
    visit.page.locator("#question").fill("tell me a story")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector('body[data-phase="speaking"]', timeout=SLOW_MS)


@pytest.mark.parametrize(
    ("path", "script", "used"),
    [
        ("script", "", "ScriptProcessorNode"),
        ("webrtc", "", "RTCPeerConnection"),
        ("recorder", "", "audio/webm"),
        ("recorder", ONLY_MP4, "audio/mp4"),
    ],
    ids=["script", "webrtc", "recorder, WebM", "recorder, MP4"],
)
def test_a_question_is_answered_aloud_by_every_way(
    room: Room, web_agent: WebAgent, browser: Browser, path: str, script: str, used: str
) -> None:
    web_agent.wait_empty()
    with visiting(browser, web_agent.url, {"path": path, **PLAIN}, script + USED) as visit:
        visit.online()
        ask_aloud(room, visit)
        assert visit.evaluate("used") == [used]
        assert [said for said in visit.complaints if DEPRECATED not in said] == []
        assert visit.strangers == []


def test_two_browsers_at_once_get_their_own_answers(room: Room, web_agent: WebAgent, browser: Browser) -> None:
    """One is asked aloud while the other, whose microphone is off in the same room, is told a story."""
    web_agent.wait_empty()
    with visiting(browser, web_agent.url, PLAIN) as one, visiting(browser, web_agent.url, PLAIN) as two:
        one.online()
        two.online()
        two.page.locator("#question").fill("what do bees eat")
        two.page.keyboard.press("Enter")
        ask_aloud(room, one)
        two.page.locator("details.turn").wait_for(timeout=SLOW_MS)
        assert two.page.locator(".bubble").all_inner_texts() == ["what do bees eat", "You said: what do bees eat."]
        assert "bees" not in one.page.locator("body").inner_text()
        assert one.page.locator("details.turn").count() == 1
        for visit in (one, two):
            assert (visit.complaints, visit.strangers) == ([], [])


def test_a_wake_word_stops_what_the_page_is_saying(room: Room, web_agent: WebAgent, browser: Browser) -> None:
    """Hands-free, with the browser's own echo canceller off: as much of the story is kept as was heard."""
    web_agent.wait_empty()
    with visiting(browser, web_agent.url, {"mode": "free", **PLAIN}) as visit:
        page = visit.page
        visit.online()
        page.get_by_role("button", name="Listen").click()
        page.locator("#phase", has_text="hey jarvis").wait_for(timeout=SLOW_MS)
        ask_for_a_story(visit)
        while page.locator('body[data-phase="speaking"]').count():  # the ear of this guest is being made
            room.play(say("hey jarvis", SLT).samples)
            page.wait_for_timeout(1000)
        listening(visit)
        page.locator(".bubble.agent .unheard").wait_for()
        heard, whole = (len(page.locator(f".bubble.agent{part}").first.inner_text()) for part in ("", " .unheard"))
        assert 0 < heard - whole < heard
        page.keyboard.press("Escape")
        page.wait_for_selector('body[data-phase="idle"]')
        assert (visit.complaints, visit.strangers) == ([], [])


def test_the_page_finds_an_agent_that_was_started_again(
    room: Room, broker: Broker, llm: SickLlm, browser: Browser
) -> None:
    with ExitStack() as stack:
        with agent_with_page(room, broker, llm) as agent:
            visit = stack.enter_context(visiting(browser, agent.url, PLAIN))
            visit.online()
            ask_for_a_story(visit)
        visit.page.wait_for_selector('body[data-link="offline"]')
        with agent_with_page(room, broker, llm, {"web.port": agent.port}):
            visit.page.wait_for_selector('body[data-link="online"]', timeout=SLOW_MS)
            ask_aloud(room, visit)
