"""Real voices, a player that keeps real time, and a voice that misbehaves on request."""

from __future__ import annotations

import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from player import Player

from agent import clock
from agent.commands import Speak
from agent.config import Config
from agent.events import Event, Health, Status
from agent.models import installed
from agent.process import ChildSpec
from agent.speaking.mouth import Mouth
from agent.speaking.voices import VoiceSpec

WAIT_S = 30.0
HERE = Path(__file__).parent
E = TypeVar("E", bound=Event)


@pytest.fixture(scope="session")
def joe() -> Path:
    """The Piper voice that comes in a wheel."""
    if (path := installed("en_US-joe-medium", "tts-piper")) is None:
        pytest.skip("needs the voice: `voice-agent models install en_US-joe-medium`")
    return path


@pytest.fixture(scope="session")
def espeak_ng() -> str:
    if (path := shutil.which("espeak-ng")) is None:
        pytest.skip("needs espeak-ng: `apt-get install espeak-ng`")
    return path


def fake(*mood: str, name: str = "tts", **changes: object) -> VoiceSpec:
    """A voice of tones that misbehaves on some words; see `misbehaving.py`."""
    env = {"PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent.parent}"}
    child = ChildSpec(name, "misbehaving", mood, env, **changes)  # type: ignore[arg-type]
    return VoiceSpec("espeak", "fake", child)


class Stage:
    """A mouth with its player, and everything it told."""

    def __init__(self, config: Config, specs: tuple[VoiceSpec, ...] | None, speed: float = 1.0) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self.seen: list[Event] = []
        self.fatal: queue.Queue[str] = queue.Queue()
        self.player = Player(speed)
        self.mouth = Mouth(config, self.events.put, clock.now, self.fatal.put, specs)
        self.player.listener = self.mouth

    def start(self) -> None:
        self.player.start()
        self.mouth.start(self.player)

    def stop(self) -> None:
        self.mouth.stop()
        self.player.stop()

    def speak(self, turn: int, *texts: str) -> None:
        for text in texts[:-1]:
            self.mouth.do(Speak(turn, text))
        self.mouth.do(Speak(turn, texts[-1], last=True))

    def until(self, kind: type[E], matches: Callable[[E], bool] = lambda _: True) -> E:
        """The next such event; all events on the way are in `seen`."""
        until = time.monotonic() + WAIT_S
        while True:
            event = self.events.get(timeout=max(0.0, until - time.monotonic()))
            self.seen.append(event)
            if isinstance(event, kind) and matches(event):
                return event

    def until_health(self, status: Status, about: str = "") -> str:
        """Until the voice's health is (or already is) this; its reason."""
        told = self.told(Health)
        if told and told[-1].status == status and about in told[-1].reason:
            return told[-1].reason
        return self.until(Health, lambda health: health.status == status and about in health.reason).reason

    def told(self, kind: type[E]) -> list[E]:
        return [event for event in self.seen if isinstance(event, kind)]


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    """Make and start a stage; all are ended after the test, and no thread is left."""
    before = set(threading.enumerate())
    stages: list[Stage] = []

    def make(*specs: VoiceSpec, config: Config | None = None, speed: float = 1.0, from_config: bool = False) -> Stage:
        made = Stage(config or Config(), None if from_config else specs, speed)
        stages.append(made)
        made.start()
        return made

    yield make
    for made in stages:
        made.stop()
    assert set(threading.enumerate()) <= before
