"""The agent as Home Assistant's satellite: added as its owner does it, with a pipeline of published engines."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
from api import Change
from engines import PORTS, Engines
from house import SAID_TIMES, VISITOR, WAIT_S, House, addressed

from agent.audio.pcm import RATE_HZ
from agent.lab.listener import Listener
from agent.lab.playing import Playing
from agent.lab.scoring import word_error_rate
from agent.lab.verdict import LOUD
from agent.lab.visitor import say, voice

PORT = 10_700
PIPELINE = "Bigger machine"
THERE, AWAY = "Home Assistant is there", "Home Assistant is away"  # in the agent's log
RECONNECT_S = 30.0
SPEAKER = voice("festival cmu_us_slt_arctic_hts")  # whom so small a recogniser understands best, of fifteen
A_TURN = ("listening", "processing", "responding", "idle")
ENGINES = {"stt_engine": "stt.faster_whisper", "tts_engine": "tts.piper"}
LANGUAGES = {"language": "en", "conversation_language": "en", "stt_language": "en", "tts_language": "en_US"}


class Outpost:
    """`entry`: Home Assistant's configuration entry; `device`: its device."""

    def __init__(self, house: House, engines: Engines, listener: Listener) -> None:
        self.house = house
        self.engines = engines
        self._listener = listener
        self._pipeline = ""
        self._entries: list[str] = []
        self.entry: dict[str, Any] = {}
        self.device: dict[str, Any] = {}
        self.mark = 0
        self.began = 0.0

    # ------------------------------------------------------------ its owner

    def add(self) -> None:
        """Both engines, a pipeline of them, the satellite, and this pipeline for it."""
        for port in PORTS.values():
            self._entries.append(self.flow(port)["entry_id"])
        call = self.house.api.call
        fields: dict[str, Any] = {**ENGINES, **LANGUAGES, "name": PIPELINE, "wake_word_entity": None}
        fields |= {"conversation_engine": "conversation.home_assistant", "wake_word_id": None, "tts_voice": None}
        self._pipeline = call("assist_pipeline/pipeline/create", **fields)["id"]
        self.entry = self.flow(PORT)
        (self.device,) = [
            each for each in call("config/device_registry/list") if self.entry["entry_id"] in each["config_entries"]
        ]
        self.house.api.become(self.satellite, "idle", WAIT_S)
        self.choose()

    def remove(self) -> None:
        """All that was added."""
        for entry in (*self._entries, self.entry["entry_id"]):
            self.house.core.config(f"config_entries/entry/{entry}", None)
        self.house.api.call("assist_pipeline/pipeline/delete", pipeline_id=self._pipeline)

    def flow(self, port: int) -> dict[str, Any]:
        """Add integration, Wyoming Protocol, host and port: the entry that comes of it."""
        flows = "config_entries/flow"
        asked = self.house.core.config(flows, {"handler": "wyoming"})
        assert (asked["type"], asked["step_id"]) == ("form", "user"), asked
        done = self.house.core.config(f"{flows}/{asked['flow_id']}", {"host": "127.0.0.1", "port": port})
        assert done["type"] == "create_entry", done
        made: dict[str, Any] = done["result"]
        return made

    def choose(self, pipeline: str = PIPELINE) -> None:
        """A pipeline for the satellite; "preferred" is Home Assistant's first, which has no recogniser."""
        self.house.api.act("select.select_option", self.entity("pipeline"), option=pipeline)
        self.house.api.become(self.entity("pipeline"), pipeline, WAIT_S)

    def disable(self, off: bool) -> None:
        by = "user" if off else None
        self.house.api.call("config_entries/disable", entry_id=self.entry["entry_id"], disabled_by=by)

    # ---------------------------------------------------- its entities, its runs

    @property
    def satellite(self) -> str:
        return self.entity("assist_satellite")

    def entity(self, key: str) -> str:
        """Its id in Home Assistant: "assist_satellite", "pipeline", "mute", …"""
        entities = self.house.api.entities(self.device["id"])
        found: str = entities[f"{self.entry['entry_id']}-{key}"]["entity_id"]
        return found

    def run(self) -> dict[str, Any]:
        """What its assistant notes of the last turn that it heard: event -> data."""
        call = self.house.api.call
        listed = call("assist_pipeline/pipeline_debug/list", pipeline_id=self._pipeline)["pipeline_runs"]
        last = max(listed, key=lambda run: run["timestamp"])["pipeline_run_id"]
        told = call("assist_pipeline/pipeline_debug/get", pipeline_id=self._pipeline, pipeline_run_id=last)
        return {event["type"]: event["data"] for event in told["events"]}

    # ------------------------------------------------------------ in the room

    def begin(self) -> None:
        """What was so far is the past."""
        self.house.begin()
        self.mark, self.began = self.house.api.mark(), time.monotonic()

    def say(self, text: str) -> None:
        """Somebody says it after the wake word; it has been said when this returns."""
        self.house.room.play(addressed(text, SPEAKER))

    def saying(self, text: str) -> AbstractContextManager[Playing]:
        """The same, beside what is done meanwhile."""
        return self.house.room.playing(addressed(text, SPEAKER))

    def answers(self, text: str) -> dict[str, Any]:
        """Said aloud, understood, and answered by Home Assistant: the receipt. What so small a recogniser has taken for
        something else ("can't sell my timer") is said again."""
        for _ in range(SAID_TIMES):
            turn: dict[str, Any] = self.house.spoken(text, SPEAKER)
            who = turn["outcome"], turn["engines"].get("llm")
            assert who == ("answered", "home_assistant"), f"{turn}\n{self.house.agent.tail()}"
            if word_error_rate(text, turn["transcript"]) == 0:
                return turn
        raise AssertionError(f"nobody understands it\n{self.house.agent.tail()}")

    def told_time(self, turn: dict[str, Any]) -> bool:
        """The agent has answered by itself, as it tells the time."""
        assert turn["reply"].startswith("It's "), f"{turn}\n{self.house.agent.tail()}"
        return "llm" not in turn["engines"]

    def announce(self, text: str) -> None:
        """It returns when Home Assistant says that this is done."""
        self.house.api.act("assist_satellite.announce", self.satellite, message=text)

    def timer(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """One that the agent keeps, and that is so."""
        told = self.house.wait("timers", lambda data: any(map(wanted, data["timers"])))
        return next(filter(wanted, told["timers"]))

    def stop_ringing(self) -> None:
        """When it rings; with the wake word alone. Nobody speaks afterwards."""
        self.house.wait("event/timer", lambda data: data["action"] == "ringing")
        self.house.room.play(say("hey jarvis", VISITOR).samples)
        self.house.wait("event/timer", lambda data: data["action"] == "stopped")
        self.house.command("stop")

    def become(self, state: str, timeout_s: float = WAIT_S) -> Change:
        """Of the satellite, since `begin`."""
        return self.house.api.become(self.satellite, state, timeout_s, self.mark)

    def passes(self, states: Sequence[str]) -> list[Change]:
        """The satellite becomes each of these, one after the other, since `begin`."""
        found: list[Change] = []
        for state in states:
            wanted = partial(_becomes, state, found[-1].at if found else 0.0)
            found.append(self.house.api.wait(self.satellite, wanted, WAIT_S, self.mark))
        return found

    def there(self, times: int) -> None:
        """Home Assistant has come for the so manieth time in the agent's life."""
        self.house.agent.wait_log(THERE, RECONNECT_S, times=times)

    def away(self, times: int) -> None:
        """It has gone for the so manieth time."""
        self.house.agent.wait_log(AWAY, RECONNECT_S, times=times)

    @property
    def times_there(self) -> int:
        return self.house.agent.log.count(THERE)

    @property
    def times_away(self) -> int:
        return self.house.agent.log.count(AWAY)

    def heard(self) -> tuple[str, float]:
        """What the agent's speaker said since `begin`, as another recogniser hears it, and when its last sound was."""
        self.house.room.wait_heard(time.monotonic() + 0.3)
        sound = self.house.room.record(self.began).agent
        loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > LOUD)
        last = self.began + loud[-1] / RATE_HZ if len(loud) else 0.0
        return self._listener.hear(sound), last


def _becomes(state: str, since: float, change: Change) -> bool:
    return change.state == state and change.at >= since
