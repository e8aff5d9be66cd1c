"""What a living daemon records is what tuning finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent import config_file
from agent.config import Config
from agent.fitting import recorded
from agent.hearing import scores
from agent.hearing.scores import Histogram
from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.visitor import say, voice
from agent.lab.watch import Watcher

DEVICE = "fitting"
SETTINGS = {"tts.engine": "espeak", "mqtt.device": DEVICE, "mqtt.host": Broker.host}


@pytest.mark.room
def test_the_daemons_scores_are_found(room: Room, broker: Broker, tmp_path: Path) -> None:
    settings = {**SETTINGS, "mqtt.port": broker.port}
    watcher = Watcher(broker.host, broker.port, f"voice-agent/{DEVICE}")
    watcher.start()
    try:
        with Resident(settings, room.env, tmp_path) as agent:
            agent.wait_online(watcher, 30)
            agent.wait_parts(watcher, ("mic", "wake"), 30)
            room.play(say("hey jarvis", voice("flite rms")).samples)
            assert watcher.wait(lambda notice: notice.topic == "event/wake", 20)
    finally:
        watcher.stop()
    config = config_file.load(Path("/dev/null"), settings)
    known, remark = recorded.load(config, "hey_jarvis", tmp_path / "wake_scores.json")
    assert remark == ""
    assert known
    assert sum(known.histogram.woke) == 1
    assert 0 < known.histogram.heard_s < 120
    assert (tmp_path / "wake_scores.json").stat().st_size < 1000


def stored(path: Path, **changes: str) -> Path:
    histogram = Histogram(scores.setting(Config()), "2026-11-25", 0.5, 7200.0)
    document = scores.write({"hey_jarvis": histogram})
    document["words"]["hey_jarvis"] |= changes
    path.write_text(json.dumps(document))
    return path


def test_only_with_the_same_settings(tmp_path: Path) -> None:
    known, remark = recorded.load(Config(), "hey_jarvis", stored(tmp_path / "a"))
    assert known
    assert (known.histogram.heard_s, remark) == (7200.0, "")
    known, remark = recorded.load(Config(), "hey_jarvis", stored(tmp_path / "b", setting="another microphone"))
    assert known is None
    assert "another microphone" in remark


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"version": 1, "words": {"hey_jarvis": {"heard_s": "x"}}}'])
def test_a_damaged_file_is_no_trouble(tmp_path: Path, content: str) -> None:
    (tmp_path / "scores").write_text(content)
    assert recorded.load(Config(), "hey_jarvis", tmp_path / "scores")[0] is None


def test_no_file(tmp_path: Path) -> None:
    assert recorded.load(Config(), "hey_jarvis", tmp_path / "none") == (None, "")
