"""The broker's worst days, lived through by the whole agent in a room.

`reconnects` times the broker is killed (and stays away for a while); `recovered`: after how many of them everything was
there again within `LIMIT_S`. `reconnect_p50_ms reconnect_p99_ms`: from the broker listening again until it has
`online`, which comes last. `stop_quiet_ms`, `stop_under_flood_ms`: from publishing `stop` until the last sound was in
the room, the worst of `n_stops`, without and with `flood_hz` other messages a second. `storm_hz` messages a second for
`storm_s` seconds: `storm_lost_periods` of the microphone and `storm_xruns` meanwhile. `rss_growth_kib`, `fds_delta`,
`threads_delta` of the main process, over all of it, after some of each to warm up.
"""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.lab.bench import usage
from agent.lab.bench.report import Bar, Figures, Progress, percentiles
from agent.lab.broker import Broker
from agent.lab.flood import Flood
from agent.lab.hushing import answering, hush, speaking
from agent.lab.resident import Resident, Value
from agent.lab.room import Room
from agent.lab.watch import Watcher

ROOT = "voice-agent/bench"
SETTINGS: dict[str, Value] = {"mqtt.device": "bench"}
BARS = (
    Bar("reconnect_p99_ms", 5000),
    Bar("stop_quiet_ms", 200),
    Bar("stop_under_flood_ms", 500, 200),
    Bar("storm_xruns", 0),
    Bar("rss_growth_kib", 1024),
)
KILLS, STOPS = 50, 5
WARM_UP = 3
FLOOD_HZ, FLOOD_S = 1_000, 6.0
STORM_HZ, STORM_S = 10_000, 5.0
NONSENSE = f"{ROOT}/cmd/nonsense"  # costs what a command does, and disturbs nobody
AWAY_S = (0.0, 0.1, 0.3, 0.8, 2.0)
BETWEEN_S = 1.5
LIMIT_S = 15.0
START_S = 90.0


def run(progress: Progress) -> Figures:
    with Room() as room, Broker() as broker, tempfile.TemporaryDirectory(prefix="runtime-") as folder:
        env = {**room.env, "RUNTIME_DIRECTORY": folder}
        with Resident({**SETTINGS, "mqtt.port": broker.port}, env) as agent:
            progress("starting the agent")
            with watching(broker) as watcher:
                agent.wait_online(watcher, START_S)
                agent.wait_parts(watcher, ("mic", "speaker", "tts", "asr"), START_S)
            scene = Scene(room, broker, agent, Path(folder) / "health.json")
            scene.stops(WARM_UP, progress)
            scene.kills(WARM_UP, progress)
            scene.storm(1.0)
            before = usage.held(agent.pid)
            figures = {**scene.stops(STOPS, progress), **scene.storm(STORM_S), **scene.kills(KILLS, progress)}
            after = usage.held(agent.pid)
    names = ("rss_growth_kib", "fds_delta", "threads_delta")
    growth = dict(zip(names, (now - then for now, then in zip(after, before, strict=True)), strict=True))
    return {**figures, **growth, "config": SETTINGS}


@contextmanager
def watching(broker: Broker) -> Iterator[Watcher]:
    """A watcher of its own: one that has lost its broker comes back late."""
    watcher = Watcher(broker.host, broker.port, ROOT)
    watcher.start()
    try:
        yield watcher
    finally:
        watcher.stop()


@dataclass(frozen=True, slots=True)
class Scene:
    """An agent that is up. `report`: what it writes about itself."""

    room: Room
    broker: Broker
    agent: Resident
    report: Path

    def stops(self, count: int, progress: Progress) -> Figures:
        """From `stop` to silence. Raises ResidentFailed."""
        quiet, flooded = [], []
        with watching(self.broker) as watcher:
            for number in range(count):
                progress(f"stop {number + 1} of {count}, without and with a flood")
                speaking(self.room, self.agent, watcher)
                quiet.append(hush(self.room, self.agent, watcher))
                speaking(self.room, self.agent, watcher)
                mark = watcher.mark()
                with Flood(self.broker.port, NONSENSE, FLOOD_HZ, FLOOD_S):
                    watcher.wait(lambda n: n.topic == "result", LIMIT_S, mark, self.agent.check)
                    flooded.append(hush(self.room, self.agent, watcher))
        worst = {"stop_quiet_ms": max(quiet), "stop_under_flood_ms": max(flooded)}
        rounded = {key: round(value, 1) for key, value in worst.items()}
        return {"n_stops": count, "flood_hz": FLOOD_HZ, **rounded}

    def storm(self, seconds: float) -> Figures:
        """Too many messages for anybody; what the microphone lost meanwhile."""
        before = self._counters()
        with Flood(self.broker.port, NONSENSE, STORM_HZ, seconds) as storm:
            sent = storm.wait()
        with watching(self.broker) as watcher:
            answering(self.agent, watcher)
        lost = {key: self._counters()[key] - before[key] for key in ("lost_periods", "xruns")}
        hz = round(sent / seconds)
        return {"storm_hz": hz, "storm_s": seconds, **{f"storm_{key}": count for key, count in lost.items()}}

    def kills(self, count: int, progress: Progress) -> Figures:
        """Kill the broker so many times."""
        took, away = [], random.Random(0)
        for number in range(count):
            progress(f"kill {number + 1} of {count}")
            threading.Event().wait(BETWEEN_S)
            self.broker.stop(kill=True)
            threading.Event().wait(away.choice(AWAY_S))
            self.broker.start()
            back = time.monotonic()
            if (online := self._online()) is not None:
                took.append((online - back) * 1000)
            self.agent.check()
        p50, p99 = percentiles(took, 50, 99)
        return {"reconnects": count, "recovered": len(took), "reconnect_p50_ms": p50, "reconnect_p99_ms": p99}

    def _online(self) -> float | None:
        """When the broker, which had forgotten everything, had it all again."""
        with watching(self.broker) as witness:
            online = witness.wait(lambda n: (n.topic, n.data) == ("status", "online"), LIMIT_S)
            known = {notice.topic for notice in witness.notices}
        return online.at if online is not None and {"state", "health"} <= known else None

    def _counters(self) -> dict[str, int]:
        counters: dict[str, int] = json.loads(self.report.read_text())["counters"]
        return counters
