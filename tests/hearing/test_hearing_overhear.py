"""Who speaks while the agent does: voices over an echo, the wake word beneath it, and own words."""

from __future__ import annotations

import numpy as np
import pytest

from agent.audio.pcm import PERIOD, RATE_HZ, Block
from agent.config import Config
from agent.hearing import wakewords
from agent.hearing.echo import Cancelled
from agent.hearing.overhear import CLUSTER, LASTS, OVER_DB, PATIENCE, Overhear, VoiceOver
from agent.hearing.wake import Detection
from agent.lab.acoustics import EchoPath, at_level
from agent.lab.duet import Duet, Scene
from agent.lab.visitor import say, voice

REPLY = (
    "the harvest was late this year because of the rain, but the ferry still leaves the island every day at noon, "
    "and there is a service station at the next junction"
)
NOBODY = np.zeros(0, np.int16)


class Silence:
    """A speaker that says something, of which the microphone hears nothing."""

    turn = 3

    def __init__(self, until: float = 1e9) -> None:
        self.until = until

    def playing(self, at: float) -> bool:
        return at < self.until

    def read(self, at: float, count: int) -> np.ndarray:
        return np.zeros(count, np.float32)


class Guarded:
    def __init__(self, *windows: tuple[float, float]) -> None:
        self.windows = windows

    def guarded(self, at: float) -> bool:
        return any(start <= at <= end for start, end in self.windows)


def period(residual_db: float, expected_db: float = 40.0) -> Cancelled:
    return Cancelled(np.zeros(PERIOD, np.float32), 60.0, residual_db, 60.0, expected_db)


def feed(detector: VoiceOver, residual_db: float, count: int) -> list[int]:
    return [detector.feed(period(residual_db)) for _ in range(count)]


def settled() -> VoiceOver:
    detector = VoiceOver()
    feed(detector, 38.0, 100)
    assert not detector.active
    return detector


def test_a_voice_is_noticed_after_a_few_periods() -> None:
    assert feed(settled(), 40.0 + OVER_DB + 5, 20).index(1) == CLUSTER - 1


def test_a_click_is_no_voice() -> None:
    assert not any(feed(settled(), 70.0, CLUSTER - 1))


def test_a_voice_goes_on_through_the_pauses_between_syllables_and_ends() -> None:
    detector = settled()
    feed(detector, 60.0, 20)
    assert all(feed(detector, 38.0, LASTS))
    feed(detector, 38.0, 10)
    assert not detector.active


def test_what_a_filter_that_has_not_settled_leaves_is_no_voice() -> None:
    detector = VoiceOver()
    assert not any(detector.feed(period(60.0, expected_db=60.0)) for _ in range(50))


def test_what_goes_on_for_long_is_what_is_usual_here() -> None:
    """A television in the room: news for some seconds, and then no more; who is louder still is noticed."""
    detector = settled()
    feed(detector, 56.0, PATIENCE + 1500)
    assert not detector.active
    assert any(feed(detector, 75.0, 20))


def over(config: Config, guard: Guarded, reference: Silence | None = None) -> Overhear:
    return Overhear(wakewords.load(config), config.wake, reference or Silence(), guard)


def test_a_wake_word_is_heard_once_though_it_is_found_twice() -> None:
    config = Config()
    overhear = over(config, Guarded())
    sound = np.pad(say("hey jarvis", voice("kal_diphone")).samples, (RATE_HZ, RATE_HZ))
    found: list[Detection] = []
    for at in range(0, len(sound) - PERIOD, PERIOD):
        block = Block(sound[at : at + PERIOD], at, at / RATE_HZ)
        raw = [Detection("hey_jarvis", 0.9, at + PERIOD)] if at == 2 * RATE_HZ else []
        found += overhear.feed(block, raw)[1]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("share", "windows", "count"),
    [(0.0, (), 0), (0.1, (), 0), (0.3, (), 1), (0.3, ((0.0, 9.0),), 0), (0.5, ((0.0, 9.0),), 1)],
)
def test_a_word_that_is_left_without_a_voice_is_nobodys(
    monkeypatch: pytest.MonkeyPatch, share: float, windows: tuple[tuple[float, float], ...], count: int
) -> None:
    """What is left of an echo may be like anything; where we say the word ourselves, more of a voice is asked for."""
    monkeypatch.setattr(VoiceOver, "share", share)
    overhear = over(Config(), Guarded(*windows))
    sound = np.pad(say("hey jarvis", voice("kal_diphone")).samples, (RATE_HZ, RATE_HZ))
    blocks = (Block(sound[at : at + PERIOD], at, at / RATE_HZ) for at in range(0, len(sound) - PERIOD, PERIOD))
    assert sum(len(overhear.feed(block, [])[1]) for block in blocks) == count


@pytest.mark.parametrize(("window", "count"), [((0.0, 0.5), 1), ((0.5, 1.5), 0)])
def test_a_word_in_our_own_is_ours(window: tuple[float, float], count: int) -> None:
    """Also without echo cancellation, which the guard does not need."""
    config = Config()
    overhear = Overhear(wakewords.load(config), config.wake, None, Guarded(window))
    block = Block(np.zeros(PERIOD, np.int16), RATE_HZ - PERIOD, 1.0 - PERIOD / RATE_HZ)
    assert len(overhear.feed(block, [Detection("hey_jarvis", 0.9, RATE_HZ)])[1]) == count


def test_nothing_is_computed_while_nothing_sounds() -> None:
    overhear = over(Config(), Guarded(), Silence(until=1.0))
    for number in range(200):
        overhear.feed(Block(np.full(PERIOD, 50, np.int16), number * PERIOD, number / 100), [])
        assert overhear.on is (number < 100)
    assert overhear.residual.end == 0


def test_in_a_hurry_nothing_is_computed_and_own_words_are_guarded_all_the_same() -> None:
    overhear = over(Config(), Guarded((0.0, 0.5)), Silence())
    for number in range(200):
        hurried = number >= 50
        found = [Detection("hey_jarvis", 0.9, (number + 1) * PERIOD)] if number in (49, 99) else []
        block = Block(np.full(PERIOD, 50, np.int16), number * PERIOD, number / 100)
        assert len(overhear.feed(block, found, hurried)[1]) == (number == 99)
        assert overhear.on is not hurried
    assert overhear.residual.end == 0


@pytest.fixture(scope="module")
def duet() -> Duet:
    config = Config()
    return Duet(wakewords.load(config), config.wake)


@pytest.fixture(scope="module")
def reply() -> np.ndarray:
    return at_level(say(REPLY, voice("cmu_us_slt_arctic_hts")).samples, -23)


ROOM = EchoPath(t60_s=0.2, clip_dbfs=-6.0, drift_ppm=100.0)


def test_nobody_speaks_and_nothing_happens(duet: Duet, reply: np.ndarray) -> None:
    outcome = duet.perform(Scene(reply, NOBODY, 0.0, 0.0, ROOM))
    assert (outcome.wakes, outcome.silent) == ([], None)
    assert len(outcome.ducked) <= 1  # a false alarm now and then costs a second of softness


@pytest.mark.parametrize("echo_db", [-10.0, 6.0])
def test_the_reply_becomes_softer_and_then_falls_silent(duet: Duet, reply: np.ndarray, echo_db: float) -> None:
    word = say("hey jarvis", voice("kal_diphone"))
    outcome = duet.perform(Scene(reply, word.samples, 2.5, echo_db, ROOM))
    ended = 2.5 + word.last_loud / RATE_HZ
    assert 2.5 < outcome.ducked[0] < 3.0
    assert len(outcome.wakes) == 1
    assert outcome.silent is not None
    assert outcome.silent < ended + 0.4


def test_other_words_make_it_softer_for_a_while(duet: Duet, reply: np.ndarray) -> None:
    outcome = duet.perform(Scene(reply, say("oh well", voice("kal_diphone")).samples, 2.5, -4.0, ROOM))
    assert outcome.wakes == []
    assert outcome.silent is None
    assert len(outcome.ducked) == 1
    assert 1.0 < outcome.loud[0] - outcome.ducked[0] < 3.0


def test_the_agents_own_name_does_not_wake_it(duet: Duet) -> None:
    own = at_level(say("if you want me to listen just say hey jarvis at any time", voice("rms")).samples, -23)
    assert duet.perform(Scene(own, NOBODY, 0.0, -10.0, ROOM)).wakes == []
    assert duet.perform(Scene(own, NOBODY, 0.0, -10.0, ROOM, guarded=False)).wakes != []
