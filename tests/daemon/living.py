"""A daemon that lives in a room, and what visitors, automations and evil spirits can do with it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psutil

from agent.audio.pcm import Samples
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.visitor import say, voice
from agent.lab.watch import Watcher

VISITOR = voice("flite slt")
WAIT_S = 30.0
LOUD = 1000
PARTS = ("mic", "speaker", "wake", "asr", "tts")
MODULES = {
    "mic": "agent.audio.mic",
    "speaker": "agent.audio.speaker",
    "asr": "agent.hearing.asr_child",
    "tts": "agent.speaking.tts_child",
}
UNWANTED = re.compile(r"Traceback|^[\w.]*(Error|Exception): |\wWarning: ")


class Life:
    """An agent that is watched over MQTT. `begin` makes what was published so far the past."""

    def __init__(self, room: Room, watcher: Watcher, agent: Resident) -> None:
        self.room = room
        self.watcher = watcher
        self.agent = agent
        self.mark = 0

    def begin(self) -> None:
        self.mark = self.watcher.mark()

    def wait(self, topic: str, wanted: Callable[[Any], bool] = lambda data: True, timeout_s: float = WAIT_S) -> Any:
        """The first such message since `begin`: its content."""
        return self.moment(topic, wanted, timeout_s)[1]

    def moment(
        self, topic: str, wanted: Callable[[Any], bool] = lambda data: True, timeout_s: float = WAIT_S
    ) -> tuple[float, Any]:
        """The same, with the moment at which it was written."""
        watcher = self.watcher
        found = watcher.wait(lambda n: n.topic == topic and wanted(n.data), timeout_s, self.mark)
        assert found is not None, f"no {topic}; there were {self.heard()}\n{self.agent.tail()}"
        return found.at, found.data

    def heard(self, topic: str | None = None) -> list[tuple[str, Any]]:
        """What was published since `begin`."""
        return [(n.topic, n.data) for n in self.watcher.notices[self.mark :] if topic in (None, n.topic)]

    def wait_part(self, part: str, status: str, timeout_s: float = WAIT_S) -> float:
        """When this part's health became so, since `begin`."""
        return self.moment("health", lambda data: data.get(part, {}).get("status") == status, timeout_s)[0]

    def wait_renewed(self, part: str, status: str, since: datetime, timeout_s: float = WAIT_S) -> float:
        """When this part's health became so after `since`. (What it was in between may never be published.)"""

        def renewed(data: Any) -> bool:
            health = data.get(part, {})
            return health.get("status") == status and datetime.fromisoformat(health["since"]) > since

        return self.moment("health", renewed, timeout_s)[0]

    def command(self, name: str, **body: Any) -> None:
        self.watcher.publish(f"cmd/{name}", body)

    def ask(self, id: str, text: str) -> Any:
        """Ask by MQTT; the receipt of the turn."""
        self.begin()
        self.command("ask", id=id, text=text)
        self.wait("result", lambda data: data["id"] == id)
        return self.wait("turn")

    def whole_turn(self) -> Any:
        """A visitor asks for the time and is answered aloud; the receipt."""
        self.begin()
        self.room.play(question())
        receipt = self.wait("turn")
        assert (receipt["outcome"], receipt["word"]) == ("answered", "hey_jarvis"), f"{receipt}\n{self.agent.tail()}"
        assert self.wait("event/intent")["name"] == "time"
        return receipt

    def children(self) -> dict[str, psutil.Process]:
        return children(self.agent.pid)

    def woken(self) -> None:
        """A visitor says the wake word, and the agent hears it; then it is left in peace."""
        self.begin()
        self.room.play(say("hey jarvis", VISITOR).samples)
        self.wait("event/wake")
        self.rest()

    def rest(self) -> None:
        """Whatever goes on ends."""
        self.command("stop", id="rest")
        self.wait("result", lambda data: data["id"] == "rest")


def question(text: str = "what time is it") -> Samples:
    samples: Samples = say("hey jarvis", VISITOR).then(say(text, VISITOR), 0.45).samples
    return samples


def children(pid: int) -> dict[str, psutil.Process]:
    """The daemon's children by what they are; one that is just coming or going may be missing."""
    found = {}
    for child in psutil.Process(pid).children():
        with contextlib.suppress(psutil.Error):
            command = child.cmdline()
            found |= {name: child for name, module in MODULES.items() if module in command}
    return found


def loudest(room: Room, since: float, until: float | None = None) -> int:
    """The peak of what came out of the speaker."""
    return int(np.abs(room.record(since, until).agent.astype(np.int32)).max(initial=0))


def now() -> datetime:
    """To the millisecond below, as the agent writes it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def unwanted(log: str) -> list[str]:
    """Lines of a log that no fault of the outside world may cause."""
    return [line for line in log.splitlines() if UNWANTED.search(line)]


def kill(process: psutil.Process, signal: int) -> None:
    os.kill(process.pid, signal)
