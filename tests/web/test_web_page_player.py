"""The page's loudspeaker, in a real browser: what the room hears of a reply, and what the page says about it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
from chrome import Visit, visiting
from numpy.typing import NDArray
from page_stub import StubAgent

from agent.audio.pcm import RATE_HZ
from agent.lab.room import Room
from agent.web.protocol import Drained, Frame, Kind, Playing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.room, pytest.mark.timeout(180)]

SPEECH_HZ = 24_000
BLOCK = 2_400
LOUD = 3_000  # of the tone, int16, RMS; what is heard of it is compared with that
WINDOW = RATE_HZ // 100
TRIES = 4


@pytest.fixture
def agent() -> Iterator[StubAgent]:
    with StubAgent(speech_hz=SPEECH_HZ) as agent:
        yield agent


@pytest.fixture
def visit(agent: StubAgent, browser: Browser) -> Iterator[Visit]:
    """A page that was touched, so that it may make sounds, and whose loudspeaker is open."""
    with visiting(browser, agent.url) as visit:
        visit.online()
        visit.page.locator("#agent").click()
        visit.page.locator("#sound", has_text="Out, on its way").get_by_text("ms").first.wait_for()
        visit.page.wait_for_timeout(300)
        yield visit
        assert (visit.complaints, visit.strangers) == ([], [])


def speak(agent: StubAgent, turn: int, seconds: float, rate_hz: int = SPEECH_HZ, begin: int = 0) -> None:
    """A tone, all of it at once, as fast as a synthesis may be."""
    count = round(seconds * rate_hz)
    tone = np.sin(2 * np.pi * 440 * np.arange(begin, begin + count) / rate_hz) * LOUD * 2**0.5
    pcm = tone.astype("<i2")
    for at in range(0, count, BLOCK):
        piece = pcm[at : at + BLOCK].tobytes()
        agent.send(Frame(Kind.SPEECH, piece, rate_hz, turn, float(begin + at)))


def loudness(room: Room, since: float, until: float) -> NDArray[np.float64]:
    """What the loudspeaker gave, RMS, every 10 ms."""
    assert room.wait_heard(until)
    heard = room.record(since, until).agent.astype(np.float64)
    whole = len(heard) // WINDOW * WINDOW
    return np.asarray(np.sqrt((heard[:whole].reshape(-1, WINDOW) ** 2).mean(axis=1)))


def first_report(agent: StubAgent, turn: int) -> Playing:
    return agent.wait(lambda heard: [said for said in heard.of(Playing) if said.turn == turn])[0]


def test_a_reply_is_heard_whole_and_reported_as_it_was_heard(room: Room, agent: StubAgent, visit: Visit) -> None:
    """A browser on a machine too busy for its audio is short of a buffer now and then: it may try again."""
    ahead_s = visit.ahead_s()
    for turn in range(1, TRIES + 1):
        began = time.monotonic()
        speak(agent, turn, 2.0)
        agent.say("end", turn=turn)
        agent.wait(lambda heard, turn=turn: [said.turn for said in heard.of(Drained)][-1:] == [turn])
        drained = time.monotonic()
        levels = loudness(room, began, drained + 0.2)
        sounding = np.flatnonzero(levels > LOUD / 4)
        if len(sounding) == sounding[-1] + 1 - sounding[0]:
            break
    else:
        pytest.fail(f"no reply without a hole in {TRIES} tries")
    first, last = began + sounding[0] / 100, began + (sounding[-1] + 1) / 100
    assert last - first == pytest.approx(2.0, abs=0.03)
    assert levels[sounding[2:-2]].mean() == pytest.approx(LOUD, rel=0.05)
    assert -0.05 <= drained - last < 0.3

    reports = [said for said in agent.heard.of(Playing) if said.turn == turn]
    assert len(reports) == pytest.approx(21, abs=2)
    frames = [said.frames for said in reports]
    assert frames == sorted(frames)
    assert frames[-1] == 2 * SPEECH_HZ
    # So many frames had been heard at `at`: the moment of the tape less what had been heard is when it began.
    begins = [said.at / 1000 + ahead_s - said.frames / SPEECH_HZ for said in reports]
    assert np.ptp(begins) < 0.08
    assert np.median(begins) == pytest.approx(first, abs=0.08)


def test_a_dropped_reply_is_silent_within_100_ms_and_stays_so(room: Room, agent: StubAgent, visit: Visit) -> None:
    speak(agent, 4, 5.0)
    first_report(agent, 4)
    visit.page.wait_for_timeout(500)
    dropped = time.monotonic()
    agent.say("drop", turn=4)
    speak(agent, 4, 1.0, begin=5 * SPEECH_HZ)  # what was on its way
    speak(agent, 3, 1.0)
    visit.page.wait_for_timeout(600)
    levels = loudness(room, dropped - 0.3, dropped + 0.5)
    assert np.median(levels[:28]) > LOUD / 2
    last = np.flatnonzero(levels > 20)[-1]
    assert (last + 1) / 100 - 0.3 < 0.1 + visit_latency_s(visit)
    agent.say("end", turn=4)
    speak(agent, 5, 0.5)
    agent.say("end", turn=5)
    agent.wait(lambda heard: [said.turn for said in heard.of(Drained)][-1:] == [5])
    assert 4 not in [said.turn for said in agent.heard.of(Drained)]


def visit_latency_s(visit: Visit) -> float:
    """How long sound is on its way, as the page has it: a sound server's buffer, which nobody can take back."""
    shown = visit.page.locator("#sound div", has_text="Out, on its way").locator("dd").inner_text()
    return float(shown.removesuffix(" ms")) / 1000


def test_a_reply_is_turned_down_and_up_again(room: Room, agent: StubAgent, visit: Visit) -> None:
    speak(agent, 1, 4.0)
    first_report(agent, 1)
    visit.page.wait_for_timeout(800)
    began = time.monotonic()
    agent.say("duck", db=-17, ramp_ms=40)
    visit.page.wait_for_timeout(700)
    agent.say("duck", db=0, ramp_ms=350)
    visit.page.wait_for_timeout(900)
    levels = loudness(room, began, began + 1.5)
    assert levels[35:65].mean() == pytest.approx(LOUD * 10 ** (-17 / 20), rel=0.1)
    assert levels[-10:].mean() == pytest.approx(LOUD, rel=0.1)
    # Up in a ramp, and not at once.
    rising = np.flatnonzero((levels > LOUD * 0.3) & (levels < LOUD * 0.9))
    assert np.count_nonzero(rising > 65) > 15


def test_the_volume_is_as_people_feel_it(room: Room, agent: StubAgent, visit: Visit) -> None:
    agent.say("volume", percent=50)
    speak(agent, 1, 1.0)
    agent.say("end", turn=1)
    began = time.monotonic()
    agent.wait(lambda heard: heard.of(Drained))
    levels = loudness(room, began, time.monotonic())
    assert np.percentile(levels, 80) == pytest.approx(LOUD / 8, rel=0.1)


def test_a_sound_is_mixed_over_speech_and_counts_as_none(room: Room, agent: StubAgent, visit: Visit) -> None:
    rng = np.random.default_rng(1)
    chime = (rng.standard_normal(SPEECH_HZ // 2) * LOUD).astype("<i2")
    speak(agent, 1, 2.0)
    first_report(agent, 1)
    began = time.monotonic()
    agent.send(Frame(Kind.SOUND, chime.tobytes(), SPEECH_HZ))
    agent.say("end", turn=1)
    agent.wait(lambda heard: heard.of(Drained))
    levels = loudness(room, began, time.monotonic())
    both = np.count_nonzero(levels > LOUD * 1.15)
    assert both == pytest.approx(50, abs=12)
    assert agent.heard.of(Playing)[-1].frames == 2 * SPEECH_HZ


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 48_000])
def test_speech_of_another_rate_takes_as_long_as_it_should(
    room: Room, agent: StubAgent, visit: Visit, rate_hz: int
) -> None:
    began = time.monotonic()
    speak(agent, 1, 1.0, rate_hz)
    agent.say("end", turn=1)
    agent.wait(lambda heard: heard.of(Drained))
    levels = loudness(room, began, time.monotonic() + 0.1)
    sounding = np.flatnonzero(levels > LOUD / 2)
    assert len(sounding) == pytest.approx(99, abs=4)  # a busy machine may be short of a buffer in between
    assert agent.heard.of(Playing)[-1].frames == rate_hz


def test_escape_silences_before_the_agent_says_so(room: Room, agent: StubAgent, visit: Visit) -> None:
    agent.say("state", phase="speaking", turn=2)
    speak(agent, 2, 5.0)
    first_report(agent, 2)
    visit.page.wait_for_timeout(400)
    visit.page.keyboard.press("Escape")
    stopped: float = agent.wait(lambda heard: [at for said, at in heard.messages if said.type == "stop"])[0]
    visit.page.wait_for_timeout(500)
    levels = loudness(room, stopped - 0.2, stopped + 0.4)
    assert levels[20 + round((0.1 + visit_latency_s(visit)) * 100) :].max() < 20
