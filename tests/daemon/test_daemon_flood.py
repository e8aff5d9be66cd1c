"""The whole agent under a flood of messages (M10): a stop is silence at once, and no sound is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from living import WAIT_S, Life, unwanted

from agent.lab.broker import Broker
from agent.lab.flood import Flood
from agent.lab.hushing import answering, hush, speaking
from agent.lab.resident import Resident, Value
from agent.lab.room import Room
from agent.lab.watch import Watcher

pytestmark = pytest.mark.room
Record = Callable[[str, object], None]
ROOT = "voice-agent/flood"
NONSENSE = f"{ROOT}/cmd/nonsense"  # costs what a command does, and disturbs nobody
QUIET_MS, FLOODED_MS = 200.0, 500.0
TRIES = 3


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runtime")


@pytest.fixture(scope="module")
def life(room: Room, broker: Broker, runtime: Path) -> Iterator[Life]:
    watcher = Watcher(broker.host, broker.port, ROOT)
    watcher.start()
    settings: dict[str, Value] = {"mqtt.port": broker.port, "mqtt.device": "flood"}
    try:
        with Resident(settings, {**room.env, "RUNTIME_DIRECTORY": str(runtime)}) as agent:
            agent.wait_online(watcher, WAIT_S)
            agent.wait_parts(watcher, ("mic", "speaker", "tts", "asr"), 2 * WAIT_S)
            yield Life(room, watcher, agent)
            assert unwanted(agent.log) == []
    finally:
        watcher.stop()


def test_a_stop_is_silence_within_200_ms(life: Life, record_property: Record) -> None:
    took = []
    for _ in range(TRIES):
        speaking(life.room, life.agent, life.watcher)
        took.append(hush(life.room, life.agent, life.watcher))
    record_property("silence_ms", max(took))
    assert max(took) <= QUIET_MS


def test_a_stop_among_a_thousand_messages_a_second_is_silence_within_500_ms(
    life: Life, broker: Broker, record_property: Record
) -> None:
    took = []
    for _ in range(TRIES):
        speaking(life.room, life.agent, life.watcher)
        life.begin()
        with Flood(broker.port, NONSENSE, 1_000, 6.0):
            life.wait("result", lambda data: not data["ok"])
            took.append(hush(life.room, life.agent, life.watcher))
    record_property("silence_ms", max(took))
    assert max(took) <= FLOODED_MS
    flood = life.wait("event/error", lambda data: data["code"] == "mqtt.flood")
    assert flood["dropped"] > 100


def test_ten_thousand_messages_a_second_cost_no_sound(
    life: Life, broker: Broker, runtime: Path, record_property: Record
) -> None:
    def counters() -> dict[str, int]:
        counted: dict[str, int] = json.loads((runtime / "health.json").read_text())["counters"]
        return {key: counted[key] for key in ("xruns", "lost_periods", "mic_restarts", "speaker_restarts")}

    before = counters()
    with Flood(broker.port, NONSENSE, 10_000, 5.0) as flood:
        sent = flood.wait()
    record_property("messages", sent)
    fresh = Watcher(broker.host, broker.port, ROOT)  # the other one has the whole flood before it
    fresh.start()
    try:
        answering(life.agent, fresh)
        speaking(life.room, life.agent, fresh)
        hush(life.room, life.agent, fresh)
    finally:
        fresh.stop()
    assert counters() == before
