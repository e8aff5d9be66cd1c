"""The theatre: plays the demo's script against a running agent and collects what came of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agent.audio.pcm import RATE_HZ
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.script import Scene
from agent.lab.stage import Stage
from agent.lab.timeline import Notice
from agent.lab.verdict import LOUD, Turn
from agent.lab.watch import Watcher

WAKE_S = 8.0  # from the end of the visitor's words
TURN_S = 90.0
SPEAK_S = 60.0
RING_S = 30.0
RELOAD_S = 30.0
RUNG_S = 2.0  # of ringing before somebody stops it
ANSWER_S = 1.5  # of a long answer before somebody cuts in
BREATH_S = 0.8  # between two turns
PERSON_S = 60.0


NOBODY = "http://127.0.0.1:9/v1"  # the port "discard", which nothing serves any more


class SceneFailed(RuntimeError):
    """The agent did not take its cue, so that the play cannot go on."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """When a visitor spoke: first and last loud sample, monotonic seconds."""

    first: float
    last: float


class Company(Protocol):
    """Those who speak to the agent."""

    patience_s: float

    def speak(self, scene: Scene, status: Callable[[str], None]) -> Spoken | None:
        """Say the scene's words, or ask a person to; None where nobody knows when they were said."""
        ...

    def hear_answer(self, since: float, seconds: float) -> bool:
        """Wait until the agent has been speaking for so long."""
        ...

    def pause(self, seconds: float) -> None: ...


class Visitors:
    """Synthetic voices in the room."""

    patience_s = WAKE_S

    def __init__(self, room: Room) -> None:
        self._room = room

    def speak(self, scene: Scene, status: Callable[[str], None]) -> Spoken:
        said = scene.said()
        status(f"{scene.title}: the visitor speaks ({(scene.waker or scene.voice).name})")
        played = self._room.play(said.samples)
        return Spoken(played.start, played.time_of(said.last_loud))

    def hear_answer(self, since: float, seconds: float) -> bool:
        until = time.monotonic() + SPEAK_S
        while time.monotonic() < until:
            self._room.wait_heard(time.monotonic() + 0.05)
            heard = self._room.record(since).agent
            loud = np.flatnonzero(np.abs(heard.astype(np.int32)) > LOUD)
            if len(loud) and len(heard) - loud[0] >= seconds * RATE_HZ:
                return True
        return False

    def pause(self, seconds: float) -> None:
        self._room.wait_heard(time.monotonic() + seconds)


class Person:
    """Somebody at a real microphone, who is told what to say."""

    patience_s = PERSON_S

    def speak(self, scene: Scene, status: Callable[[str], None]) -> None:
        status(f"{scene.title}: please {scene.prompt()}")

    def hear_answer(self, since: float, seconds: float) -> bool:
        self.pause(seconds)
        return True

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class _Cue:
    """A scene whose turn has begun."""

    scene: Scene
    number: int
    spoken: Spoken | None


def _rings(notice: Notice) -> bool:
    return notice.topic == "event/timer" and notice.data.get("action") == "ringing"


class Theatre:
    def __init__(self, company: Company, agent: Resident, watcher: Watcher, stage: Stage) -> None:
        self._company = company
        self._agent = agent
        self._watcher = watcher
        self._stage = stage
        self.spoken: dict[int, Spoken] = {}  # by turn

    def play(self, scenes: Sequence[Scene]) -> list[Turn]:
        """All scenes, one after the other. Raises SceneFailed, ResidentFailed, SoundLost."""
        turns: list[Turn] = []
        begun: list[_Cue] = []
        for scene, following in zip(scenes, [*scenes[1:], None], strict=True):
            begun.append(self._scene(scene))
            if following is None or not following.cuts_in:
                turns += [self._ended(cue) for cue in begun]
                begun.clear()
                self._stage.status("")
                self._company.pause(BREATH_S)
        return turns

    def _scene(self, scene: Scene) -> _Cue:
        if scene.cuts_in:
            self._wait(
                lambda n: (n.topic, n.data) == ("state", "speaking"), SPEAK_S, "the agent did not begin to answer"
            )
            if not self._company.hear_answer(time.monotonic(), ANSWER_S):
                raise SceneFailed("the answer that was to be interrupted was never heard")
        if scene.rings:
            self._wait(_rings, RING_S, "the timer did not ring")
            self._company.pause(RUNG_S)
        if scene.sick:
            self._make_sick()
        mark = self._watcher.mark()
        self._stage.begin(scene.title, scene.text or "(only the wake word)")
        spoken = self._company.speak(scene, self._stage.status)
        wake = self._wait(
            lambda n: n.topic == "event/wake",
            self._company.patience_s,
            f"“{scene.title}”: the wake word was missed",
            mark,
        )
        number = wake.turn or 0
        if spoken:
            self.spoken[number] = spoken
        return _Cue(scene, number, spoken)

    def _make_sick(self) -> None:
        """From now on the language model's address is one where nobody listens."""
        self._stage.status("taking the language model away")
        mark = self._watcher.mark()
        self._agent.configure({"llm.use": ["away"], "llm.profiles.away.base_url": NOBODY})
        os.kill(self._agent.pid, signal.SIGHUP)
        self._wait(lambda n: n.topic == "event/reload", RELOAD_S, "the new configuration was not taken", mark)

    def _ended(self, cue: _Cue) -> Turn:
        self._stage.status(f"{cue.scene.title}: the agent answers")
        slip = self._receipt(cue.number)
        while slip.data["outcome"] == "continued":  # the visitor had only paused: the next turn has all of it
            slip = self._receipt((slip.turn or 0) + 1)
        own = tuple(notice for notice in self._watcher.notices if notice.turn == slip.turn)
        return Turn(cue.scene, slip.data, own, cue.spoken.last if cue.spoken else None)

    def _receipt(self, turn: int) -> Notice:
        ended = f"turn {turn} did not end in time"
        return self._wait(lambda n: n.topic == "turn" and n.turn == turn, TURN_S, ended)

    def _wait(self, wanted: Callable[[Notice], bool], seconds: float, otherwise: str, after: int = 0) -> Notice:
        notice = self._watcher.wait(wanted, seconds, after, self._agent.check)
        if notice is None:
            raise SceneFailed(f"{otherwise}\n{self._agent.tail()}")
        return notice
