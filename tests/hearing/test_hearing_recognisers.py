"""The recognisers of several personas: which child hears whom, when it is loaded, and when it goes."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hearing_helpers import WAIT_S

from agent.child import ChildSpec
from agent.events import AsrFailed, Event, Final, Health, Instant
from agent.hearing.recogniser import FINAL_S
from agent.hearing.recognisers import LATE_S, Recognisers

PATH = f"{Path(__file__).parent}{os.pathsep}{Path(__file__).parents[2]}"


class Rig:
    """Children of these moods by persona, their events, and a clock that is set by hand."""

    def __init__(self, folder: Path, moods: dict[str, str], **changes: Any) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self.seen: list[Event] = []
        self.mono = 100.0
        env = {**os.environ, "PYTHONPATH": PATH}
        apart = {name: mood.split(":") for name, mood in moods.items()}
        specs = {
            name: ChildSpec("asr", "sick_asr", (mood, str(folder / memory)), env)
            for name, (mood, memory) in apart.items()
        }
        self.asr = Recognisers(specs, self.events.put, self.clock, pytest.fail, **changes)

    def clock(self) -> Instant:
        return Instant(self.mono, datetime(2026, 1, 1, tzinfo=UTC))

    def utter(self, turn: int, persona: str, samples: int = 1600) -> None:
        self.asr.begin(turn, persona=persona)
        self.asr.feed(turn, np.zeros(samples, np.int16))
        self.asr.finish(turn)

    def said(self, turn: int, persona: str) -> str:
        """The final of an utterance, which names the process: "1600 samples, 4711"."""
        self.utter(turn, persona)
        final = self.until(lambda event: isinstance(event, Final) and event.turn == turn)
        assert isinstance(final, Final)
        return final.text

    def until(self, wanted: Callable[[Event], bool]) -> Event:
        while True:
            event = self.events.get(timeout=WAIT_S)
            self.seen.append(event)
            if wanted(event):
                return event

    def until_health(self, status: str) -> Health:
        found = self.until(lambda event: isinstance(event, Health) and event.status == status)
        assert isinstance(found, Health)
        return found

    def wait_pids(self, count: int) -> list[int]:
        ends = time.monotonic() + WAIT_S
        while len(self.asr.pids()) != count:
            assert time.monotonic() < ends, f"{self.asr.pids()} and not {count} of them"
            time.sleep(0.01)
        return self.asr.pids()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []
    before = set(threading.enumerate())

    def make(moods: dict[str, str], **changes: Any) -> Rig:
        rigs.append(Rig(tmp_path, moods, **changes))
        rigs[-1].asr.start()
        return rigs[-1]

    yield make
    for each in rigs:
        each.asr.stop()
    ends = time.monotonic() + WAIT_S
    while not set(threading.enumerate()) <= before:
        assert time.monotonic() < ends, "a thread is left"
        time.sleep(0.01)


def process(text: str) -> int:
    return int(text.rpartition(" ")[2])


TWO = {"": "well:a", "twin": "well:a", "nari": "well:b"}


def test_what_personas_share_is_one_child_and_that_of_another_language_comes_when_it_is_spoken_to(
    rig: Callable[..., Rig],
) -> None:
    r = rig(TWO)
    r.until_health("ok")
    assert len(r.asr.pids()) == 1, "nothing more is loaded for those whom nobody has spoken to"
    main = process(r.said(1, ""))
    assert process(r.said(2, "twin")) == main
    assert process(r.said(3, "gone")) == main
    assert len(r.asr.pids()) == 1
    assert r.said(4, "nari").startswith("1600 samples"), "what was said while it loaded is not lost"
    other = process(r.said(5, "nari"))
    assert other != main
    assert sorted(r.asr.pids()) == sorted((main, other))


def test_a_house_with_one_persona_has_one_child_and_plain_health(rig: Callable[..., Rig]) -> None:
    r = rig({"": "well:a"})
    r.until_health("ok")
    assert [event.status for event in r.seen if isinstance(event, Health)] == ["loading", "ok"]
    assert len(r.asr.pids()) == 1


def test_whoever_is_spoken_to_most_is_loaded_at_the_start(rig: Callable[..., Rig]) -> None:
    r = rig(TWO, first="nari")
    r.until_health("ok")
    assert process(r.said(1, "nari")) == r.asr.pids()[0]
    assert len(r.asr.pids()) == 1
    lazy = rig(TWO, lazy=True)
    assert lazy.asr.pids() == []
    assert lazy.said(1, "")


def test_loading_is_told_and_the_rest_of_the_health_is_the_first_ones(rig: Callable[..., Rig]) -> None:
    r = rig({"": "well:a", "nari": "dies:b"})
    r.until_health("ok")
    r.seen.clear()
    r.utter(1, "nari")  # its process dies at its first end
    r.until(lambda event: isinstance(event, Final))  # what was said is given to the next one
    told = [(event.status, event.reason) for event in r.seen if isinstance(event, Health)]
    assert [status for status, _ in told] == ["loading", "ok", "degraded", "loading", "ok"]
    assert "died" in told[2][1]


def test_one_that_has_to_load_is_given_time(rig: Callable[..., Rig]) -> None:
    r = rig({"": "well:a", "nari": "deaf:b"})
    r.until_health("ok")
    r.utter(1, "nari")
    r.mono += FINAL_S + LATE_S - 1
    r.asr.tick(r.mono)
    r.mono += 2
    r.asr.tick(r.mono)
    failed = r.until(lambda event: isinstance(event, AsrFailed))
    assert failed.at.mono == 100.0 + FINAL_S + LATE_S + 1


def test_a_new_turn_with_another_persona_leaves_nothing_behind(rig: Callable[..., Rig]) -> None:
    r = rig({"": "deaf:a", "nari": "well:b"})
    r.until_health("ok")
    r.utter(1, "")
    assert r.said(2, "nari")
    r.mono += FINAL_S + 1
    r.asr.tick(r.mono)
    assert r.events.empty(), "nobody waits for the first one's final any more"
    assert not any(isinstance(event, AsrFailed) for event in r.seen)


def test_what_only_another_persona_needs_goes_after_a_while_and_comes_again(rig: Callable[..., Rig]) -> None:
    r = rig(TWO, keep_s=60.0)
    r.until_health("ok")
    first = process(r.said(1, "nari"))
    r.mono += 59.0
    r.asr.tick(r.mono)
    assert len(r.asr.pids()) == 2
    r.asr.begin(2, persona="nari")
    r.mono += 61.0
    r.asr.tick(r.mono)
    assert len(r.asr.pids()) == 2, "an utterance goes on"
    r.asr.cancel(2)
    r.mono += 61.0
    r.asr.tick(r.mono)
    (main,) = r.wait_pids(1)
    assert main != first
    assert process(r.said(3, "nari")) != first
    r.mono += 1e6
    r.asr.tick(r.mono)
    assert r.wait_pids(1) == [main], "the first one stays"


def test_where_there_is_room_all_are_there_from_the_start_and_stay(rig: Callable[..., Rig]) -> None:
    r = rig(TWO, keep_s=0.0)
    assert len(r.wait_pids(2)) == 2
    r.said(1, "nari")
    r.mono += 1e6
    r.asr.tick(r.mono)
    assert len(r.wait_pids(2)) == 2
