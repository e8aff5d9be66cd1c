"""Settings over MQTT, on a daemon that lives: changed, refused, taken back, and what of them outlives a restart.

The examination and the restart by command are here, too.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from living import PARTS, VISITOR, WAIT_S, Life, kill, unwanted
from systemd_ear import SystemdEar

from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.visitor import say
from agent.lab.watch import Watcher
from agent.settings import SETTINGS

pytestmark = pytest.mark.room

DEVICE = "settings"
EXAMINED_S = 120.0
RESTART = 100


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@contextmanager
def living(room: Room, broker: Broker, state: Path, more: Mapping[str, str] = {}, **settings: Any) -> Iterator[Life]:
    """A daemon that hears."""
    with ExitStack() as stack:
        watcher = Watcher("127.0.0.1", broker.port, f"voice-agent/{DEVICE}")
        stack.callback(watcher.stop)
        watcher.start()
        given = {"mqtt.port": broker.port, "mqtt.device": DEVICE, "endpoint.silence_ms": 700, **settings}
        agent = stack.enter_context(Resident(given, {**room.env, **more}, state))
        life = Life(room, watcher, agent)
        agent.wait_online(watcher, WAIT_S, watcher.mark())
        agent.wait_parts(watcher, (*PARTS, "mqtt"), WAIT_S)
        yield life
        assert unwanted(agent.log) == []


@pytest.fixture(scope="module")
def life(room: Room, broker: Broker, state: Path) -> Iterator[Life]:
    with living(room, broker, state) as life:
        yield life


def change(life: Life, name: str, value: object) -> dict[str, Any]:
    """Ask for it; the result."""
    life.begin()
    life.command(f"setting/{name}", id=name, value=value)
    result: dict[str, Any] = life.wait("result", lambda data: data["id"] == name)
    return result


def shown(life: Life, name: str) -> tuple[object, bool]:
    data = life.wait(f"setting/{name}")
    return data["value"], data["changed"]


def kept(state: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((state / "settings.json").read_text())
    return document


def test_all_settings_are_shown_from_the_start(life: Life) -> None:
    life.mark = 0
    found = {name: shown(life, name) for name in SETTINGS}
    assert found["silence"] == (700, False)
    assert found["wake_word"] == ("hey_jarvis", False)
    assert found["volume"] == (70, False)
    assert not any(changed for _, changed in found.values())


def test_a_setting_changes_what_is_done_and_is_told_apart_from_the_files(life: Life) -> None:
    children = life.children()
    assert change(life, "wake_word", "alexa")["ok"]
    assert shown(life, "wake_word") == ("alexa", True)
    life.room.play(say("alexa", VISITOR).samples)
    assert life.wait("event/wake")["word"] == "alexa"
    life.rest()
    new = life.children()
    assert {part for part in new if new[part] != children[part]} == {"asr"}, "which drops the wake word from commands"


def test_a_live_setting_acts_without_a_reload(life: Life) -> None:
    assert change(life, "volume", 40.0)["ok"]
    assert shown(life, "volume") == (40, True)
    assert change(life, "do_not_disturb", True)["ok"]
    assert shown(life, "do_not_disturb") == (True, True)


def test_what_cannot_be_is_refused_and_the_agent_goes_on(life: Life) -> None:
    children = life.children()
    for name, value, code in (
        ("wake_word", "hey_nobody", "refused"),
        ("voice", "nobody", "refused"),
        ("language", "xx", "refused"),
        ("silence", 99, "bad_payload"),
        ("silense", 900, "unknown_setting"),
    ):
        result = change(life, name, value)
        assert (result["ok"], result["error"]["code"]) == (False, code), result
        assert result["error"]["message"]
    assert [topic for topic, _ in life.heard() if topic.startswith("setting/")] == []
    assert life.children() == children


def test_several_changes_in_a_row_are_each_answered(life: Life) -> None:
    life.begin()
    for at, (name, value) in enumerate([("silence", 800), ("wake_word", "nobody"), ("silence", 900)]):
        life.command(f"setting/{name}", id=str(at), value=value)
    assert life.wait("result", lambda data: data["id"] == "0")
    assert not life.wait("result", lambda data: data["id"] == "1")["ok"]
    assert life.wait("result", lambda data: data["id"] == "2")["ok"]
    assert life.wait("setting/silence", lambda data: data["value"] == 900)["changed"]


def test_null_takes_it_back(life: Life, state: Path) -> None:
    assert change(life, "night_volume", 5)["ok"]
    assert shown(life, "night_volume") == (5, True)
    assert change(life, "night_volume", None)["ok"]
    assert shown(life, "night_volume") == (30, False)
    assert change(life, "do_not_disturb", None)["ok"]
    assert shown(life, "do_not_disturb") == (False, False)


def test_the_file_may_change_meanwhile_and_the_setting_stays(life: Life) -> None:
    life.agent.configure({"endpoint.silence_ms": 750, "conversation.follow_up": True, "conversation.follow_up_ms": 600})
    life.begin()
    kill(psutil.Process(life.agent.pid), signal.SIGHUP)
    assert life.wait("event/reload")["ok"]
    assert shown(life, "follow_up") == (True, False)
    assert change(life, "silence", None)["ok"]
    assert shown(life, "silence") == (750, False)
    assert change(life, "silence", 900)["ok"]


def test_the_doctor_looks_and_tells(life: Life, record_property: Any) -> None:
    life.begin()
    life.command("doctor", id="doctor")
    life.command("doctor", id="another")
    assert life.wait("result", lambda data: data["id"] == "another")["error"]["code"] == "busy"
    result = life.wait("result", lambda data: data["id"] == "doctor", EXAMINED_S)
    assert result["ok"], result
    data = result["data"]
    record_property("found", {key: data[key] for key in ("failures", "warnings", "notes", "passed")})
    assert data["passed"] > 3
    assert len(data["findings"]) == data["failures"] + data["warnings"] + data["notes"] - data["left_out"]
    assert len(json.dumps(data)) < 8192
    assert life.wait("event/examined")["passed"] == data["passed"]


def test_without_systemd_nobody_would_start_it_again(life: Life) -> None:
    life.begin()
    life.command("restart", id="restart")
    result = life.wait("result", lambda data: data["id"] == "restart")
    assert (result["ok"], result["error"]["code"]) == (False, "unsupported")


def test_settings_outlive_a_restart_and_what_makes_no_sense_any_more_keeps_nobody_from_it(
    life: Life, room: Room, broker: Broker, state: Path, tmp_path: Path
) -> None:
    """Last of all: the module's agent ends."""
    assert life.agent.stop() == 0
    assert kept(state) == {"wake_word": "alexa", "volume": 40, "silence": 900}
    (state / "settings.json").write_text(json.dumps({**kept(state), "voice": "uninstalled", "llm_profile": "gone"}))
    with SystemdEar(tmp_path) as systemd, living(room, broker, state, systemd.env()) as again:
        again.mark = 0
        assert shown(again, "wake_word") == ("alexa", True)
        assert shown(again, "silence") == (900, True)
        assert shown(again, "volume") == (40, True)
        assert not shown(again, "voice")[1]
        log = again.agent.wait_log("settings left out", WAIT_S)
        left_out = next(line for line in log.splitlines() if "settings left out" in line)
        assert "voice (voice: there is no such choice" in left_out
        assert "llm_profile (llm_profile: there is nothing to choose from)" in left_out
        again.begin()
        again.command("restart", id="restart")
        assert again.wait("result", lambda data: data["id"] == "restart")["ok"]
        assert again.agent.wait_ended(WAIT_S) == RESTART
        assert again.wait("status") == "offline"
    (tmp_path / "2").mkdir()
    with SystemdEar(tmp_path / "2") as systemd, living(room, broker, state, systemd.env()) as third:
        third.begin()
        third.command("restart", id="restart")
        assert third.wait("result", lambda data: data["id"] == "restart")["error"]["code"] == "refused"
    assert kept(state)["voice"] == "uninstalled", "it may come back"
