"""What the page shows of turns, timers and settings, and what it does with them. In a real browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from chrome import Visit
from page_stub import StubAgent

from agent.web.protocol import Ask, CancelTimer, ChangeDevice, Volume

if TYPE_CHECKING:
    pass

pytestmark = [pytest.mark.room, pytest.mark.timeout(180)]


def test_a_turn_as_it_is_said_and_heard(agent: StubAgent, visit: Visit) -> None:
    page = visit.page
    agent.say("transcript", turn=1, text="how far", final=False)
    page.locator(".bubble.you.partial", has_text="how far").wait_for()
    agent.say("transcript", turn=1, text="How far is the moon?", final=True)
    page.locator(".bubble.you:not(.partial)", has_text="How far is the moon?").wait_for()
    assert page.locator(".bubble.you").count() == 1
    agent.say("saying", turn=1, text="About")
    agent.say("saying", turn=1, text="About 384,000 kilometres.")
    page.locator(".bubble.agent.speaking", has_text="kilometres").wait_for()
    agent.say("reply", turn=1, text="About 384,000 kilometres.\nIt is <b>far</b>.", heard="About 384,000  kilometres.")
    grey = page.locator(".bubble.agent .unheard")
    grey.wait_for()
    assert grey.inner_text().strip() == "It is <b>far</b>."
    assert page.locator("#said").inner_text().startswith("About 384,000")


def test_a_pause_in_a_sentence_leaves_one_sentence(agent: StubAgent, visit: Visit) -> None:
    agent.say("transcript", turn=1, text="Set a timer", final=True)
    agent.say("turn", turn=1, outcome="continued", at_ms={}, stages_ms={}, ttfa_ms=None, blame=None)
    agent.say("transcript", turn=2, text="Set a timer for five minutes", final=True)
    visit.page.locator(".bubble.you", has_text="five minutes").wait_for()
    assert visit.page.locator(".bubble.you").all_inner_texts() == ["Set a timer for five minutes"]


def test_a_typed_question_is_shown_once(agent: StubAgent, visit: Visit) -> None:
    visit.page.locator("#question").fill("What is the time?")
    visit.page.get_by_role("button", name="Ask").click()
    assert agent.wait_for(Ask).text == "What is the time?"
    agent.say("transcript", turn=1, text="What is the time?", final=True)
    agent.say("reply", turn=1, text="Noon.", heard="Noon.")
    visit.page.locator(".bubble.agent", has_text="Noon.").wait_for()
    assert visit.page.locator(".bubble.you").count() == 1


def test_the_receipt_is_drawn_from_where_each_stage_began(agent: StubAgent, visit: Visit) -> None:
    stages = {
        "endpoint": 600,
        "asr_final": 50,
        "llm_first_token": 250,
        "first_clause": 0,
        "tts_first": 130,
        "audible": -30,
    }
    at = {
        "endpoint": 600,
        "asr_final": 650,
        "llm_first_token": 900,
        "first_clause": 880,
        "tts_first": 1030,
        "audible": 1000,
    }
    agent.say(
        "turn", turn=1, outcome="answered", word="hey_jarvis", wake_ms=50, at_ms=at, stages_ms=stages, ttfa_ms=1000,
        blame="endpoint", transcript="how far is the moon",
    )  # fmt: skip
    row = visit.page.locator("details.turn")
    row.wait_for()
    assert "1000 ms" in row.inner_text()
    assert row.locator(".blamed").all_inner_texts() == ["waiting for silence", "600 ms"]
    bars = visit.evaluate(
        "[...document.querySelectorAll('.stages rect')].map((r) => [r.x.baseVal.value, r.width.baseVal.value])"
    )
    assert len(bars) == 6
    assert [x for x, _ in bars] == pytest.approx([0, 582.5, 631, 873.8, 873.8, 996], abs=0.2)
    assert all(width >= 4 and x + width <= 1000.1 for x, width in bars)


def test_timers_count_down_and_are_cancelled(agent: StubAgent, visit: Visit) -> None:
    visit.page.locator("#tab-device").click()
    due = (datetime.now(UTC) + timedelta(seconds=90)).isoformat()
    timer = {"id": "1a2", "kind": "timer", "name": "tea", "message": "", "due": due, "seconds": 300, "ringing": False}
    agent.say("timers", timers=[timer], ringing=[])
    left = visit.page.locator("#timers .left")
    left.get_by_text(re.compile(r"1:(2|3)\d")).wait_for()
    first = left.inner_text()
    visit.page.wait_for_timeout(1200)
    assert left.inner_text() != first
    visit.page.get_by_role("button", name="Cancel Tea").click()
    assert agent.wait_for(CancelTimer).cancel == "1a2"
    agent.say("timers", timers=[timer], ringing=["1a2"])
    visit.page.locator("#timers .ringing").wait_for()
    visit.page.locator(".notice", has_text="Tea is ringing").wait_for()
    agent.say("timers", timers=[], ringing=[])
    visit.page.get_by_text("None is set.").wait_for()


def test_settings_are_set_and_taken_back(agent: StubAgent, visit: Visit) -> None:
    visit.page.locator("#tab-settings").click()
    agent.say(
        "settings",
        settings=[
            {"name": "mute", "label": "Mute", "kind": "bool", "value": False, "changed": False},
            {"name": "silence", "label": "Silence", "kind": "number", "low": 100, "high": 5000, "step": 10,
             "unit": "ms", "value": 700, "changed": True},
            {"name": "voice", "label": "Voice", "kind": "choice", "value": "joe", "choices": ["joe", "amy"],
             "changed": False},
        ],
    )  # fmt: skip
    page = visit.page
    page.get_by_label("Mute").check()
    assert agent.wait_for(ChangeDevice) == ChangeDevice(type="set", name="mute", value=True)
    page.get_by_label("Voice").select_option("amy")
    agent.wait(lambda heard: heard.of(ChangeDevice)[-1].value == "amy")
    page.get_by_label("Silence", exact=True).focus()
    page.keyboard.press("ArrowRight")
    agent.wait(lambda heard: heard.of(ChangeDevice)[-1].value == 710)
    page.get_by_role("button", name="Reset Silence").click()
    agent.wait(lambda heard: heard.of(ChangeDevice)[-1] == ChangeDevice(type="set", name="silence", value=None))
    page.get_by_label("Volume").focus()
    page.keyboard.press("Home")
    assert agent.wait_for(Volume).percent == 0


def test_what_is_refused_is_said(agent: StubAgent, visit: Visit) -> None:
    agent.say("error", code="busy", message="the agent talks with others already")
    notice = visit.page.locator(".notice", has_text="the agent talks with others already")
    notice.wait_for()
    notice.get_by_role("button", name="Close").click()
    notice.wait_for(state="detached")
