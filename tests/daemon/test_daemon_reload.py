"""SIGHUP: a new configuration while the agent lives. One daemon lives through all of it, change after change.

How long it took, and how long the sound was away, are properties of the test's report. Bounds that are waited for are
three times those of the contract.
"""

from __future__ import annotations

import itertools
import json
import signal
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from living import PARTS, VISITOR, WAIT_S, Life, kill, now, unwanted
from systemd_ear import SystemdEar

from agent.audio.pcm import RATE_HZ
from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.visitor import say
from agent.lab.watch import Watcher

pytestmark = pytest.mark.room

Record = Callable[[str, object], None]

RELOAD_S, GAP_S = 6.0, 0.3
IDS = itertools.count()
TEXT = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
LOUD = 300


class Reloads:
    """A daemon, its systemd and its runtime folder."""

    def __init__(self, life: Life, systemd: SystemdEar, runtime: Path) -> None:
        self.life = life
        self.systemd = systemd
        self.runtime = runtime

    def reload(self, changes: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        """Change the file, send SIGHUP; how long until READY=1, and what was published about it."""
        self.life.agent.configure(changes)
        self.life.begin()
        mark, told = self.systemd.mark(), time.monotonic()
        kill(self.main, signal.SIGHUP)
        self.systemd.wait(lambda text: text == "RELOADING=1", RELOAD_S, mark)
        self.systemd.wait(lambda text: text.startswith("MONOTONIC_USEC="), RELOAD_S, mark)
        ready = self.systemd.wait(lambda text: text == "READY=1", RELOAD_S, mark)
        return ready - told, self.life.wait("event/reload")

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.runtime / "health.json").read_text())
        return report

    @property
    def main(self) -> psutil.Process:
        return psutil.Process(self.life.agent.pid)

    def shape(self) -> tuple[int, int, int]:
        """Threads, descriptors, children."""
        return self.main.num_threads(), self.main.num_fds(), len(self.main.children())

    def say(self, text: str) -> Any:
        """Say it aloud to the end; the result."""
        self.life.begin()
        return self.result(self.start_saying(text))

    def start_saying(self, text: str) -> str:
        """The id of the command: a new one, since the same twice would be a repetition."""
        id = f"say {next(IDS)}"
        self.life.command("say", id=id, text=text)
        return id

    def result(self, id: str) -> Any:
        return self.life.wait("result", lambda data: data["id"] == id)


@pytest.fixture(scope="module")
def reloads(room: Room, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reloads]:
    with ExitStack() as stack:
        systemd = stack.enter_context(SystemdEar(tmp_path_factory.mktemp("systemd")))
        runtime = tmp_path_factory.mktemp("runtime")
        watcher = Watcher("127.0.0.1", broker.port, "voice-agent/reload")
        stack.callback(watcher.stop)
        watcher.start()
        settings: dict[str, Any] = {"mqtt.port": broker.port, "mqtt.device": "reload"}
        env = room.env | systemd.env() | {"RUNTIME_DIRECTORY": str(runtime)}
        agent = stack.enter_context(Resident(settings, env))
        life = Life(room, watcher, agent)
        # A signal while it starts is nothing but a reload after the start.
        systemd.wait(lambda text: text.startswith("STATUS="), WAIT_S)
        kill(psutil.Process(agent.pid), signal.SIGHUP)
        life.wait("event/reload")
        agent.wait_parts(watcher, (*PARTS, "mqtt"), WAIT_S)
        yield Reloads(life, systemd, runtime)
        assert unwanted(agent.log) == []
        agent.stop()
        assert not (runtime / "health.json").exists(), "the report of a service that has ended"


def test_a_signal_during_the_start_is_a_reload_after_it(reloads: Reloads) -> None:
    heard = reloads.systemd.heard()
    assert [text for text in heard if text in ("READY=1", "RELOADING=1")] == ["READY=1", "RELOADING=1", "READY=1"]
    assert any(text.startswith("EXTEND_TIMEOUT_USEC=") for text in heard[: heard.index("READY=1")])


def test_the_report_says_how_the_service_is(reloads: Reloads) -> None:
    report, file = reloads.report(), reloads.runtime / "health.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert (report["pid"], report["phase"]) == (reloads.main.pid, "idle")
    assert {part: health["status"] for part, health in report["health"].items()} == dict.fromkeys(
        (*PARTS, "mqtt", "llm"), "ok"
    )
    assert report["counters"].keys() == {"xruns", "lost_periods", "underruns", "mic_restarts", "speaker_restarts"}
    assert report["mic"] == "default 16000 S16 1"
    assert report["speaker"] == "default 48000 S16 1"
    assert [path.name for path in reloads.runtime.iterdir()] == ["health.json"]


def test_memory_that_runs_out_takes_a_child_and_not_its_parent(reloads: Reloads) -> None:
    scores = {name: oom_score(child.pid) for name, child in reloads.life.children().items()}
    assert len(scores) == 4
    assert min(scores.values()) > oom_score(reloads.main.pid)


def oom_score(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score").read_text())


def test_what_nothing_has_to_be_stopped_for_acts_at_once(reloads: Reloads, record_property: Record) -> None:
    life, before = reloads.life, reloads.life.children()
    took_s, told = reloads.reload({"log.level": "DEBUG", "audio.speaker.volume_percent": 60})
    record_property("took_s", took_s)
    assert (told["ok"], told["changed"]) == (True, "audio.speaker.volume_percent, log.level")
    assert life.wait("setting/volume")["value"] == 60
    assert life.children() == before
    life.command("volume", id="v", percent=65)
    life.wait("result", lambda data: data["id"] == "v")
    life.agent.wait_log("DEBUG", RELOAD_S)
    reloads.reload({"log.level": "INFO", "audio.speaker.volume_percent": 70})
    assert life.heard("setting/volume") == [], "what somebody has set stays"


def test_a_bad_file_changes_nothing_and_names_all_that_is_wrong(reloads: Reloads, record_property: Record) -> None:
    life, before, mark = reloads.life, reloads.life.children(), reloads.systemd.mark()
    bad = {"wake.threshold": 3.0, "endpoint.silence_ms": 5, "mqtt.device": "elsewhere", "tts.rate": 1.5}
    took_s, told = reloads.reload(bad)
    record_property("took_s", took_s)
    assert told["ok"] is False
    log = life.agent.wait_log("[reload.rejected]", RELOAD_S, times=2)
    rejected = [line for line in log.splitlines() if "[reload.rejected]" in line]
    for key in ("wake.threshold", "endpoint.silence_ms"):
        assert key in told["message"]
        assert any(key in line for line in rejected)
    reloads.systemd.wait(lambda text: text.startswith("STATUS=idle (reload refused: "), RELOAD_S, mark)
    assert reloads.reload({"wake.threshold": 0.5, "endpoint.silence_ms": 700, "tts.voice": "nobody"})[1]["ok"] is False
    assert "tts" in life.wait("event/reload")["message"]
    assert life.children() == before
    assert reloads.say("Still here.")["data"]["heard"] == "Still here."

    mark = reloads.systemd.mark()
    _, told = reloads.reload({"tts.voice": None, "mqtt.device": "reload", "tts.rate": 1.0})
    assert (told["ok"], told["changed"]) == (True, "")
    reloads.systemd.wait(lambda text: text == "STATUS=idle", RELOAD_S, mark)


def test_the_microphone_goes_on_while_the_ear_is_replaced(reloads: Reloads, record_property: Record) -> None:
    life, before, lost = reloads.life, reloads.life.children(), reloads.report()["counters"]["lost_periods"]
    took_s, told = reloads.reload({"wake.threshold": 0.45, "endpoint.silence_ms": 800, "log.level": "DEBUG"})
    record_property("took_s", took_s)
    assert told["changed"] == "wake.threshold, endpoint.silence_ms, log.level"
    log = life.agent.wait_log("hearing was changed in", RELOAD_S)
    changed = [line for line in log.splitlines() if "hearing was changed in" in line]
    record_property("ear_ms", changed[-1].split(" in ")[-1])
    life.whole_turn()
    assert life.children() == before
    assert reloads.report()["counters"]["lost_periods"] == lost
    assert reloads.reload({"log.level": "INFO"})[1]["ok"]


def test_a_wake_word_in_the_middle_of_a_reload_is_heard(reloads: Reloads) -> None:
    life = reloads.life
    word = say("hey jarvis", VISITOR).samples
    life.agent.configure({"mqtt.keepalive_s": 20, "persona.name": "Ada"})
    life.begin()
    with life.room.playing(np.concatenate([word, np.zeros(RATE_HZ, np.int16)])):
        kill(reloads.main, signal.SIGHUP)
        assert life.wait("event/reload")["changed"] == "persona.name, mqtt.keepalive_s"
        life.wait("event/wake")
    life.rest()


def test_a_muted_agent_stays_so_behind_a_new_ear(reloads: Reloads) -> None:
    life = reloads.life
    life.command("mute", id="on", on=True)
    life.wait("result", lambda data: data["id"] == "on")
    reloads.reload({"wake.threshold": 0.5})
    life.begin()
    played = life.room.play(say("hey jarvis", VISITOR).samples)
    life.room.wait_heard(played.end + 1.0)
    assert life.heard("event/wake") == []
    life.command("mute", id="off", on=False)
    life.wait("result", lambda data: data["id"] == "off")
    life.woken()


def longest_quiet_s(room: Room, since: float, until: float) -> float:
    """The longest pause within what came out of the speaker."""
    sound = np.abs(room.record(since, until).agent.astype(np.int32))
    loud = np.flatnonzero(sound > LOUD)
    return float(np.diff(loud).max()) / RATE_HZ


def test_speech_goes_on_through_a_reload_that_does_not_touch_it(reloads: Reloads, record_property: Record) -> None:
    life = reloads.life
    pauses, underruns = [], reloads.report()["counters"]["underruns"]
    for changes in ({}, {"wake.threshold": 0.55, "mqtt.keepalive_s": 15, "conversation.history_turns": 3}):
        life.begin()
        said = reloads.start_saying(TEXT)
        at, _ = life.moment("state", lambda phase: phase == "speaking")
        if changes:
            life.room.wait_heard(time.monotonic() + 1.0)
            record_property("took_s", reloads.reload(changes)[0])
        result = reloads.result(said)
        assert result["data"]["heard"] == TEXT
        ended = time.monotonic()
        life.room.wait_heard(ended)
        pauses.append(longest_quiet_s(life.room, at, ended))
    record_property("longest_pause_s", f"{pauses[0]:.3f} without, {pauses[1]:.3f} with a reload")
    record_property("underruns", reloads.report()["counters"]["underruns"] - underruns)
    assert pauses[1] - pauses[0] < GAP_S, pauses


def test_a_new_voice_ends_what_the_old_one_says(reloads: Reloads, record_property: Record) -> None:
    life, old = reloads.life, reloads.life.children()
    life.begin()
    said = reloads.start_saying(TEXT)
    life.wait("state", lambda phase: phase == "speaking")
    life.room.wait_heard(time.monotonic() + 1.0)
    since, asked = now(), time.monotonic()
    took_s, told = reloads.reload({"tts.rate": 1.2, "audio.speaker.latency_ms": 80})
    record_property("took_s", took_s)
    assert told["changed"] == "audio.speaker.latency_ms, tts.rate"
    cut = reloads.result(said)
    assert cut["error"]["code"] == "interrupted"
    assert cut["data"]["heard"].startswith("one two")
    for part in ("tts", "speaker"):
        record_property(f"{part}_back_s", life.wait_renewed(part, "ok", since) - asked)
    assert reloads.say("Faster now.")["data"]["heard"] == "Faster now."
    new = life.children()
    assert {part for part in new if new[part] != old[part]} == {"tts", "speaker"}


def test_another_language_model_is_asked(reloads: Reloads) -> None:
    profile = {"llm.profiles.gone.base_url": "http://127.0.0.1:9/v1", "llm.profiles.gone.model": "m"}
    assert reloads.reload({"llm.use": ["gone"], **profile})[1]["ok"]
    assert "can't reach" in reloads.life.ask("a", "what is the sea like")["heard"]
    assert reloads.reload({"llm.use": []})[1]["changed"] == "llm.use"
    assert "no language model is configured" in reloads.life.ask("b", "what is the sea like")["heard"]


def test_a_microphone_is_opened_anew_for_its_own_settings_only(reloads: Reloads, record_property: Record) -> None:
    life, old, since = reloads.life, reloads.life.children(), now()
    kill(old["mic"], signal.SIGKILL)
    life.wait_renewed("mic", "ok", since)
    old, since = life.children(), now()
    took_s, _ = reloads.reload({"audio.mic.gain_db": 3.0, "audio.mic.rate_hz": 48_000})
    record_property("took_s", took_s)
    life.wait_renewed("mic", "ok", since)
    new = life.children()
    assert {part for part in new if new[part] != old[part]} == {"mic"}
    life.woken()
    report = reloads.report()
    assert report["mic"] == "default 48000 S16 1"
    assert report["counters"]["mic_restarts"] == 1, "counts outlive the room"
    life.agent.wait_log("not by us; if nobody else did, memory ran out", RELOAD_S)


def test_fifty_reloads_in_a_row_leave_nothing_behind(reloads: Reloads, record_property: Record) -> None:
    life, before, rss = reloads.life, reloads.shape(), reloads.main.memory_info().rss
    children, counters = life.children(), reloads.report()["counters"]
    began = time.monotonic()
    for count in range(25):
        reloads.reload({"wake.threshold": 0.5 + count % 2 / 10, "mqtt.keepalive_s": 15 + count % 3})
    record_property("each_s", (time.monotonic() - began) / 25)
    mark = reloads.systemd.mark()
    for _ in range(25):
        kill(reloads.main, signal.SIGHUP)
    assert reloads.reload({"wake.threshold": 0.5, "mqtt.keepalive_s": 15})[1]["ok"]
    reloads.systemd.wait_silence("RELOADING=1", 0.5, WAIT_S)
    done = reloads.systemd.heard()[mark:]
    record_property("reloads_of_26_signals", done.count("RELOADING=1"))
    assert done.count("READY=1") == done.count("RELOADING=1")
    after = reloads.shape()
    record_property("threads_fds_children", f"{before} before, {after} after")
    record_property("rss_growth_mb", (reloads.main.memory_info().rss - rss) / 1e6)
    assert all(abs(new - old) <= 2 for new, old in zip(after, before, strict=True))
    assert life.children() == children
    life.whole_turn()
    assert reloads.report()["counters"] == counters


def test_a_device_with_another_name_leaves_nothing_under_the_old_one(reloads: Reloads, broker: Broker) -> None:
    life = reloads.life
    watcher = Watcher("127.0.0.1", broker.port, "voice-agent/renamed")
    watcher.start()
    try:
        life.agent.configure({"mqtt.device": "renamed"})
        life.begin()
        kill(reloads.main, signal.SIGHUP)
        assert watcher.wait(lambda n: n.topic == "event/reload" and n.data["ok"], WAIT_S)
        assert watcher.wait(lambda n: (n.topic, n.data) == ("status", "online"), WAIT_S)
        life.wait("status", lambda word: word == "offline")
        assert watcher.wait(lambda n: n.topic == "health" and n.data["mic"]["status"] == "ok", WAIT_S)
        assert watcher.wait(lambda n: (n.topic, n.data) == ("state", "idle"), WAIT_S)
    finally:
        watcher.stop()
    late = Watcher("127.0.0.1", broker.port, "voice-agent/reload")
    late.start()
    try:
        late.publish("flushed")
        assert late.wait(lambda n: n.topic == "flushed", WAIT_S)
        assert [n.topic for n in late.notices] == ["flushed"]
    finally:
        late.stop()
