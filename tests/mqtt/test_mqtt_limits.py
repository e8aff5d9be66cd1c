"""Tokens, pauses and silence, with time and chance given; names and addresses."""

from __future__ import annotations

import pytest

from agent.clock import now
from agent.events import Requested
from agent.mqtt.happenings import Received
from agent.mqtt.intake import BURST, Intake
from agent.mqtt.keeper import client_id
from agent.mqtt.limits import Pauses, Retry, Seldom, TokenBucket
from agent.mqtt.link import exposed
from agent.mqtt.repeats import Repeats
from agent.mqtt.topics import Topics
from agent.requests import ListenRequest, StopRequest


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate_hz=10, burst=20)
    assert sum(bucket.take(100.0) for _ in range(50)) == 20
    assert [bucket.take(100.05), bucket.take(100.11), bucket.take(100.11)] == [False, True, False]
    assert sum(bucket.take(1000.0) for _ in range(50)) == 20


def test_time_that_runs_backwards_gives_no_tokens() -> None:
    bucket = TokenBucket(rate_hz=10, burst=1)
    assert [bucket.take(5.0), bucket.take(3.0), bucket.take(3.05), bucket.take(3.2)] == [True, False, False, True]


@pytest.mark.parametrize(("chance", "share"), [(0.0, 0.5), (0.5, 0.75)])
def test_pauses_double_up_to_a_limit_and_begin_anew_after_success(chance: float, share: float) -> None:
    retry = Retry(Pauses(unreachable_s=(1, 4), refused_s=(1, 60), taken_over_s=(60, 60)), lambda: chance)
    assert [retry.after("unreachable") for _ in range(4)] == [share * s for s in (1, 2, 4, 4)]
    retry.succeeded()
    assert [retry.after("refused") for _ in range(2)] == [share, share * 2]
    assert [retry.after("refused") for _ in range(900)][-1] == share * 60


def test_after_a_take_over_the_wait_is_never_shorter() -> None:
    assert Retry(Pauses(), lambda: 0.0).after("taken_over") == 60.0
    assert 60.0 < Retry(Pauses(), lambda: 0.9).after("taken_over") <= 72.0


def test_a_thing_is_said_once_a_period_by_key() -> None:
    seldom = Seldom(60.0)
    assert [seldom.may(key, at) for key, at in (("a", 0), ("a", 59), ("b", 59), ("a", 60))] == [
        True,
        False,
        True,
        True,
    ]


def test_a_flood_of_commands_leaves_room_for_stop() -> None:
    topics = Topics("voice-agent", "kitchen")
    intake = Intake(topics, Repeats())
    at = now()
    listen, stop = (Received(f"voice-agent/kitchen/cmd/{name}", b"", False) for name in ("listen", "stop"))
    taken = [intake.take(listen, at) for _ in range(500)]
    assert taken[:BURST] == [(Requested(at, ListenRequest()),)] * BURST
    assert set(taken[BURST:]) == {()}
    assert intake.take(stop, at) == (Requested(at, StopRequest()),)
    report = intake.report(at)
    assert report is not None
    assert report.data["dropped"] == 500 - BURST
    assert intake.report(at) is None


@pytest.mark.parametrize(
    ("address", "outside"),
    [
        ("127.0.0.1", False),
        ("192.168.1.5", False),
        ("100.64.0.9", False),
        ("fe80::1%eth0", False),
        ("::1", False),
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
    ],
)
def test_which_addresses_are_out_of_the_house(address: str, outside: bool) -> None:
    assert exposed(address) is outside


def test_the_client_id_tells_devices_and_machines_apart_and_stays() -> None:
    ids = {client_id("kitchen", "a"), client_id("bath", "a"), client_id("kitchen", "b")}
    assert len(ids) == 3
    assert client_id("kitchen", "a") in ids
    assert all(len(name) == len("voice-agent-") + 8 for name in ids)
