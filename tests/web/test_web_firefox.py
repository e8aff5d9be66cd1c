"""Firefox before the real agent: a whole turn by every way of sound, speech in and spoken answer out."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from aloud import LOUD, PLAIN, SLT
from firefox import Tab, firefox
from web_house import WebAgent

from agent.lab.room import Room
from agent.lab.visitor import say

pytestmark = [pytest.mark.room, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def tab(room: Room) -> Iterator[Tab]:
    with firefox(room.env) as tab:
        yield tab


@pytest.mark.parametrize("path", ["worklet", "recorder", "script", "webrtc"])
def test_a_question_is_answered_aloud(room: Room, web_agent: WebAgent, tab: Tab, path: str) -> None:
    tab.go()
    web_agent.wait_empty()
    tab.open(web_agent.url, {"path": path, **PLAIN})
    tab.until("document.body.dataset.link === 'online'")
    assert tab.evaluate("crossOriginIsolated")
    began = time.monotonic()
    tab.click("#talk-button")
    tab.until("document.body.dataset.phase === 'listening'")
    room.play(say("what time is it", SLT).samples)
    tab.until("document.querySelector('details.turn') && document.body.dataset.mic === 'off'")
    question, reply = tab.evaluate("[...document.querySelectorAll('.bubble')].map((each) => each.innerText)")
    assert question.lower() == "what time is it?"
    assert reply
    assert tab.evaluate("document.querySelectorAll('.unheard, .speaking').length") == 0
    now = time.monotonic()
    assert room.wait_heard(now)
    assert np.abs(room.record(began, now).agent.astype(np.float64)).max() > LOUD
    assert tab.evaluate("document.body.textContent.match(/Taken by\\s*([a-z]+)/)[1]") == path
    assert tab.complaints == []
