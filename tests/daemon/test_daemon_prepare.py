"""What a reload checks before anything changes. The rooms are real and not started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent import config_file, engines, models
from agent.config import Config
from agent.daemon.plan import Plan
from agent.daemon.reload import Change, Refused, prepare
from agent.daemon.rooms import House, Wiring, build
from agent.models import ModelMissing
from agent.thinking.intents import Intents

Prepare = Callable[[Callable[[], Config]], Change]
OLD: dict[str, Any] = {"mqtt": {"password": "never-there"}}


@pytest.fixture
def wiring() -> Wiring:
    return Wiring(lambda event: None, pytest.fail, {}, lambda document: None, lambda: pytest.fail("no guests"))


@pytest.fixture
def plan() -> Plan:
    config = Config(**OLD)
    try:
        return Plan(config, engines.choose(config))
    except ModelMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def house(plan: Plan, wiring: Wiring) -> House:
    return build(plan, wiring)


@pytest.fixture
def prepared(plan: Plan, house: House, wiring: Wiring, tmp_path: Path) -> Prepare:
    return lambda load: prepare(load, plan, house, {"en": Intents("en")}, wiring, tmp_path)


def test_where_nothing_changed_every_room_stays(prepared: Prepare, house: House) -> None:
    """Neither is a credential news that was missing at the start."""
    change = prepared(lambda: Config(**OLD))
    assert change.names == frozenset()
    assert change.house == house


def test_rooms_that_change_are_new_and_all_others_the_same(prepared: Prepare, house: House) -> None:
    change = prepared(lambda: Config(**OLD, wake={"threshold": 0.7}))
    assert change.names == {"ear"}
    assert change.house.ear is not house.ear
    assert change.house.capture is house.capture
    assert change.house.session is house.session


def test_a_wake_model_that_does_not_load_is_refused(prepared: Prepare, tmp_path: Path) -> None:
    whole = models.require("wake-openwakeword", "en", "hey_jarvis")
    damaged = tmp_path / "hey_jarvis.onnx"
    damaged.write_bytes(whole.read_bytes()[:-5000])
    with pytest.raises(Refused, match=r"wake\.words: .*hey_jarvis\.onnx"):
        prepared(lambda: Config(**OLD, wake={"words": [{"model": str(damaged)}]}))


def test_all_that_is_missing_is_told_at_once(prepared: Prepare, tmp_path: Path) -> None:
    cloud = {"base_url": "https://example.org/v1", "api_key": "cloud"}
    changed: dict[str, Any] = {
        "mqtt": {"password": "never-there", "tls": True, "ca_file": str(tmp_path / "ca.pem")},
        "llm": {"use": ["cloud"], "profiles": {"cloud": cloud}},
        "tts": {"voice": "nobody"},
    }
    with pytest.raises(Refused) as refused:
        prepared(lambda: Config(**changed))
    keys = [reason.split(": ")[0] for reason in refused.value.reasons]
    assert keys == ["llm.profiles.cloud.api_key", "mqtt.ca_file", "tts"]


def test_files_where_it_may_not_look_are_refused(prepared: Prepare) -> None:
    out_of_reach = f"/{'x' * 300}/file"
    changed: dict[str, Any] = {
        "mqtt": {**OLD["mqtt"], "tls": True, "ca_file": out_of_reach},
        "wake": {"words": [{"model": f"{out_of_reach}.onnx"}]},
    }
    with pytest.raises(Refused) as refused:
        prepared(lambda: Config(**changed))
    keys = [reason.split(": ")[0] for reason in refused.value.reasons]
    assert keys == ["mqtt.ca_file", "wake.words[0].model"]


def test_a_file_that_has_gone_is_refused(prepared: Prepare, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"config\.toml: cannot be read"):
        prepared(lambda: config_file.load(tmp_path / "config.toml"))
