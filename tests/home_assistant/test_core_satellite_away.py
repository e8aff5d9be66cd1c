"""A satellite of a Home Assistant that goes away, in whatever way: the agent answers by itself until it is back."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from core import HALL_LIGHT, KITCHEN_LIGHT
from house import WAIT_S
from outpost import Outpost

from agent.lab.scoring import found


@pytest.fixture(scope="module", autouse=True)
def written_down(added: Outpost) -> None:
    """Home Assistant has been stopped once, at which it writes down what it knows: it is about to be killed."""
    times = added.times_there
    added.house.core.stop()
    added.house.core.start()
    added.there(times + 1)


def back(home: Outpost, times: int) -> None:
    """It has come for the so manieth time, and the next turn is its own."""
    home.there(times)
    home.house.api.become(home.satellite, "idle", WAIT_S)
    home.answers("turn on the light")
    home.house.api.become(KITCHEN_LIGHT, "on", 10.0)


def killed(home: Outpost) -> None:
    home.house.core.kill()


def disabled(home: Outpost) -> None:
    home.disable(True)


def started(home: Outpost) -> None:
    home.house.core.start()


def enabled(home: Outpost) -> None:
    home.disable(False)


@pytest.mark.parametrize(("go", "come"), [(killed, started), (disabled, enabled)])
def test_in_the_middle_of_an_utterance(
    home: Outpost, go: Callable[[Outpost], None], come: Callable[[Outpost], None]
) -> None:
    times = home.times_there
    try:
        with home.saying("what time is it") as playing:
            home.become("listening")
            go(home)
            playing.wait()
        assert home.told_time(home.house.wait("turn"))
        assert home.told_time(home.house.spoken("what time is it"))
    finally:
        come(home)
    back(home, times + 1)


def test_stopped_with_a_timer(home: Outpost) -> None:
    """It rings here, although nobody tells that it is over."""
    times = home.times_there
    home.answers("set a timer for fifteen seconds")
    home.timer(lambda timer: timer["seconds"] == 15)
    home.house.core.stop()
    try:
        home.stop_ringing()
        assert home.told_time(home.house.spoken("what time is it"))
    finally:
        home.house.core.start()
    back(home, times + 1)


def test_its_switch_of_mute(home: Outpost) -> None:
    """In Home Assistant the satellite is muted: the agent hears, and answers by itself."""
    times, aways = home.times_there, home.times_away
    home.house.api.act("switch.turn_on", home.entity("mute"))
    try:
        home.away(aways + 1)
        assert home.told_time(home.house.spoken("what time is it"))
    finally:
        home.house.api.act("switch.turn_off", home.entity("mute"))
    back(home, times + 1)


def test_its_recogniser_is_gone(home: Outpost) -> None:
    times = home.times_there
    home.engines.stop("recogniser")
    try:
        assert home.told_time(home.house.spoken("what time is it"))
        home.house.api.become(home.satellite, "idle", WAIT_S)
    finally:
        home.engines.start("recogniser")
    back(home, times)


def test_its_pipeline_has_no_recogniser(home: Outpost) -> None:
    """As Home Assistant is before its owner has chosen one. It is silent then."""
    times = home.times_there
    home.choose("preferred")
    try:
        assert home.told_time(home.house.spoken("what time is it"))
    finally:
        home.choose()
    back(home, times)


def test_its_voice_is_gone(home: Outpost) -> None:
    """It is the agent's voice that answers."""
    times = home.times_there
    home.engines.stop("voice")
    try:
        turn = home.answers("turn on the light in the hall")
        home.house.api.become(HALL_LIGHT, "on", 10.0)
        assert found(turn["reply"], home.heard()[0]) > 0.7
        home.house.api.become(home.satellite, "idle", WAIT_S)
    finally:
        home.engines.start("voice")
    back(home, times)


def test_the_agent_is_killed_and_comes_back(home: Outpost) -> None:
    os.kill(home.house.agent.pid, signal.SIGKILL)
    home.house.agent.stop()
    home.house.restart()
    back(home, 1)
