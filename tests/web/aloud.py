"""Somebody taps the page's button, speaks into the room, and listens to the answer in it."""

from __future__ import annotations

import time

import numpy as np
import pytest
from chrome import Visit

from agent.lab.room import Room
from agent.lab.visitor import say, voice

SLT = voice("flite slt")
PLAIN = {"echo": False, "noise": False, "gain": False}  # what the page remembers: the room's sound as it is
SLOW_MS = 40_000
LOUD = 1000


def listening(visit: Visit) -> None:
    """Wait until the page says so; if it does not, the test fails with what it says instead."""
    from playwright.sync_api import TimeoutError

    try:
        visit.page.wait_for_selector('body[data-phase="listening"]', timeout=SLOW_MS)
    except TimeoutError as error:
        shown = visit.evaluate("JSON.stringify(document.body.dataset) + document.body.innerText")
        pytest.fail(f"{error}\n{shown}\n{visit.complaints}")


def ask_aloud(room: Room, visit: Visit) -> None:
    """Ask what time it is; returns once the answer was heard, whole, and the microphone is off again."""
    page, began = visit.page, time.monotonic()
    turns = page.locator("details.turn").count()
    page.locator("#talk-button").click()
    listening(visit)
    room.play(say("what time is it", SLT).samples)
    page.locator("details.turn").nth(turns).wait_for(timeout=SLOW_MS)
    page.wait_for_selector('body[data-mic="off"]')
    assert page.locator(".bubble.you").last.inner_text().lower() == "what time is it?"
    answer = page.locator(".bubble").last
    assert set((answer.get_attribute("class") or "").split()) == {"bubble", "agent"}, "it is still being said"
    assert answer.locator(".unheard").count() == 0
    now = time.monotonic()
    assert room.wait_heard(now)
    assert np.abs(room.record(began, now).agent.astype(np.float64)).max() > LOUD
