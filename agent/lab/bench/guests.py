"""What guests of the page cost: all processes of the agent, with recogniser and voice loaded, for 0, 1 and 2 guests.

Each guest has asked aloud and been answered before it is counted, and stays. `pss_mb` and `tasks` (threads of all
processes, which systemd's TasksMax= counts) by number of guests; `guest_mb`, `guest_tasks`: what one more of them took,
on average; `guest_ready_ms`: from the button that the first guest presses to the end of its answer, engines loaded in
between. `pss_by_process_mb`: who takes what in the end.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from agent.audio.pcm import PERIOD, RATE_HZ, Samples
from agent.lab.bench import usage
from agent.lab.bench.report import Bar, Figures, Progress
from agent.lab.bench.ttfa import ROOT
from agent.lab.broker import Broker
from agent.lab.resident import Resident, ResidentFailed, Value
from agent.lab.room import Room
from agent.lab.visitor import VOICES, say
from agent.lab.watch import Watcher
from agent.web.protocol import SUBPROTOCOL, Frame, Kind, decode, message

BARS: tuple[Bar, ...] = ()
GUESTS = 2
QUESTION = "What time is it?"
QUIET_S = 2.0
PIECE = 10  # periods
START_S, TURN_S = 90.0, 60.0


def run(progress: Progress) -> Figures:
    port = _free_port()
    settings: dict[str, Value] = {
        "mqtt.device": ROOT.rsplit("/", maxsplit=1)[-1],
        "web.enabled": True,
        "web.guests": GUESTS,
    }
    with Room() as room, Broker() as broker:
        watcher = Watcher(broker.host, broker.port, ROOT)
        watcher.start()
        try:
            with Resident({**settings, "mqtt.port": broker.port, "web.port": port}, room.env) as agent:
                progress("starting the agent")
                agent.wait_online(watcher, START_S)
                agent.wait_parts(watcher, ("mic", "speaker", "asr", "tts"), START_S)
                figures = _measure(agent, f"ws://127.0.0.1:{port}/ws", progress)
        finally:
            watcher.stop()
    return {**figures, "config": settings}


def _measure(agent: Resident, url: str, progress: Progress) -> Figures:
    pss, tasks, took = [_pss(agent)], [_tasks(agent)], 0.0
    question = say(QUESTION, VOICES[0]).samples
    with ExitStack() as stack:
        for number in range(1, GUESTS + 1):
            progress(f"guest {number} asks")
            line = stack.enter_context(connect(url, proxy=None, subprotocols=[Subprotocol(SUBPROTOCOL)]))
            ready = Guest(line, agent.check).converse(question)
            took = took or ready
            pss.append(_pss(agent))
            tasks.append(_tasks(agent))
        by_process = [(usage.name(pid), usage.pss_mb(pid)) for pid in usage.tree(agent.pid)]
    return {
        "pss_mb": [round(mb, 1) for mb in pss],
        "tasks": tasks,
        "guest_mb": round((pss[-1] - pss[0]) / GUESTS, 1),
        "guest_tasks": round((tasks[-1] - tasks[0]) / GUESTS, 1),
        "guest_ready_ms": round(took * 1000),
        "pss_by_process_mb": sorted(({name: round(mb, 1)} for name, mb in by_process), key=str),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _pss(agent: Resident) -> float:
    return sum(map(usage.pss_mb, usage.tree(agent.pid)))


def _tasks(agent: Resident) -> int:
    return sum(usage.held(pid)[2] for pid in usage.tree(agent.pid))


class Guest:
    """Somebody at a page, with a microphone and a loudspeaker. `check` raises where the agent has ended."""

    def __init__(self, line: ClientConnection, check: Callable[[], None]) -> None:
        self._line = line
        self._check = check

    def converse(self, question: Samples) -> float:
        """Press the button, ask, hear the answer to its end; the seconds that took. Raises ResidentFailed."""
        began = time.monotonic()
        self._say("hello", path="native")
        self._say("listen")
        self._await("state", phase="listening")
        self._speak(question)
        return self._answered(self._await("turn"), time.monotonic() - began)

    def _await(self, type: str, **fields: object) -> Any:
        """The next such message; speech is played meanwhile. Raises ResidentFailed."""
        until = time.monotonic() + TURN_S
        while time.monotonic() < until:
            self._check()
            got = self._line.recv(TURN_S)
            if isinstance(got, bytes):
                self._play(decode(got))
                continue
            said = json.loads(got)
            if said["type"] == "end":
                self._say("drained", turn=said["turn"])
            if said["type"] == type and fields.items() <= said.items():
                return said
        raise ResidentFailed(f"a guest was not told {type}")

    def _answered(self, receipt: Any, took: float) -> float:
        if receipt["outcome"] != "answered":
            raise ResidentFailed(f"a guest's turn ended otherwise: {receipt}")
        return took

    def _speak(self, sound: Samples) -> None:
        """As a microphone does: no faster than time, and going on for a while behind the last word."""
        began = time.monotonic()
        periods = len(sound) // PERIOD + round(QUIET_S * RATE_HZ / PERIOD)
        whole = sound.tobytes().ljust(periods * PERIOD * 2, b"\0")
        for number in range(0, periods, PIECE):
            payload = whole[number * PERIOD * 2 : (number + PIECE) * PERIOD * 2]
            time.sleep(max(0.0, began + (number + PIECE) / 100 - time.monotonic()))
            self._line.send(Frame(Kind.PERIODS, payload, RATE_HZ, number, number * 10.0).encode())

    def _play(self, frame: Frame) -> None:
        if frame.kind is Kind.SPEECH:
            frames = round(frame.time) + len(frame.samples())
            self._say("playing", turn=frame.number, frames=frames, at=time.monotonic() * 1000)

    def _say(self, type: str, **fields: object) -> None:
        self._line.send(message(type, **fields))
