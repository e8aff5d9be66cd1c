"""Agents of one group: who is there, what they may say, and a contest over a real broker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_rig import MOSQUITTO, PATIENCE_S, Broker, Observer, Rig, configure, wait_until

from agent.clock import now
from agent.commands import Bid, Claim
from agent.dialogue.contest import DECIDE, PATIENCE, SAME_WORD
from agent.events import Instant, PeersChanged, RivalClaimed, RivalWoke
from agent.lab.contender import Contender
from agent.mqtt.happenings import Received
from agent.mqtt.rivals import BIDS, CLAIMS, MAX_BYTES, MAX_MEMBERS, Rivals
from agent.mqtt.topics import Topics

ROOM = "voice-agent/room/home"
WAKE = f"{ROOM}/wake"
GROUP = {"group": "home"}


def at(mono: float = 0.0) -> Instant:
    return Instant(mono, now().wall)


def member(device: str, present: bool = True) -> Received:
    return Received(f"{ROOM}/member/{device}", b"{}" if present else b"", retain=True)


def status(device: str, word: str = "online") -> Received:
    return Received(f"voice-agent/{device}/status", word.encode(), retain=True)


def said(device: str = "hall", kind: str = "wake", quality: Any = 30.0, **more: Any) -> Received:
    return Received(
        WAKE, json.dumps({"device": device, "kind": kind, "quality": quality, **more}).encode(), retain=False
    )


def in_group(*peers: str) -> Rivals:
    rivals = Rivals(Topics("voice-agent", "kitchen"), "home")
    rivals.take(member("kitchen"), at())
    for peer in peers:
        rivals.take(member(peer), at())
        rivals.take(status(peer), at())
    return rivals


# ---------------------------------------------------------------- who is there


def test_a_peer_is_a_member_that_is_online() -> None:
    rivals = Rivals(Topics("voice-agent", "kitchen"), "home")
    assert not rivals.take(member("hall"), at())
    assert not rivals.take(status("hall"), at()), "we do not belong yet"
    (joined,) = rivals.take(member("kitchen"), at())
    assert (joined.device, joined.peers) == ("kitchen", 1)  # type: ignore[union-attr]
    assert not rivals.take(status("office"), at()), "no member"
    (more,) = rivals.take(member("office"), at())
    assert isinstance(more, PeersChanged)
    assert more.peers == 2
    (crashed,) = rivals.take(status("hall", "offline"), at())
    assert isinstance(crashed, PeersChanged)
    assert crashed.peers == 1
    (left,) = rivals.take(member("office", present=False), at())
    assert isinstance(left, PeersChanged)
    assert left.peers == 0


def test_a_lost_connection_leaves_nobody() -> None:
    rivals = in_group("hall", "office")
    (alone,) = rivals.lost(at())
    assert (alone.device, alone.peers) == ("", 0)
    assert not rivals.belongs
    assert not rivals.lost(at()), "said once"


def test_no_more_members_are_kept_than_a_house_has() -> None:
    rivals = in_group(*(f"device-{number}" for number in range(MAX_MEMBERS * 2)))
    (alone,) = [e for e in rivals.take(status("device-0", "offline"), at()) if isinstance(e, PeersChanged)]
    assert alone.peers == MAX_MEMBERS - 1


# ---------------------------------------------------------------- what they may say


def test_what_we_say_is_what_others_understand() -> None:
    kitchen, hall = in_group("hall"), Rivals(Topics("voice-agent", "hall"), "home")
    for device in ("hall", "kitchen"):
        hall.take(member(device), at())
    hall.take(status("kitchen"), at())
    for command, event in (
        (Bid(7, 31.234), RivalWoke(at(), "kitchen", 31.23)),
        (Claim(7, 31.0), RivalClaimed(at(), "kitchen", 31.0)),
        (Claim(7, -3.0, answering=True), RivalClaimed(at(), "kitchen", -3.0, answering=True)),
    ):
        message = kitchen.wish(command, now().wall)
        assert (message.topic, message.qos, message.retain) == (WAKE, 0, False)
        (heard,) = hall.take(Received(message.topic, message.payload, retain=False), event.at)
        assert heard == event
        assert not kitchen.take(Received(message.topic, message.payload, retain=False), at()), "our own echo"


@pytest.mark.parametrize(
    "word",
    [
        Received(WAKE, b"", retain=False),
        Received(WAKE, b"\xff\xfe", retain=False),
        Received(WAKE, b"[]", retain=False),
        Received(WAKE, b"[" * 400, retain=False),
        Received(WAKE, b'{"device":"hall","kind":"wake","quality":NaN}', retain=False),
        Received(WAKE, b'{"device":"hall","kind":"wake","quality":1e999}', retain=False),
        Received(WAKE, said().payload + b" " * MAX_BYTES, retain=False),
        Received(WAKE, said().payload, retain=True),
        said(quality="30"),
        said(quality=True),
        said(quality=1e6),
        said(quality=None),
        said(kind="shout"),
        said(kind="claim", answering="yes"),
        said(device="nobody"),
        said(device="hall/../x"),
        said(device="a" * 65),
    ],
)
def test_nonsense_is_nothing_and_counted(word: Received) -> None:
    rivals = in_group("hall")
    assert rivals.take(word, at()) == ()
    assert rivals.dropped == 1
    assert rivals.take(said(), at()), "the next one is heard"


@settings(max_examples=2000, deadline=None)
@given(st.sampled_from([WAKE, f"{ROOM}/member/x", f"{ROOM}/member/", "voice-agent/x/status"]), st.binary(max_size=600))
def test_whatever_comes_it_raises_nothing(topic: str, payload: bytes) -> None:
    rivals = in_group("hall")
    assert all(isinstance(event, PeersChanged) for event in rivals.take(Received(topic, payload, retain=False), at()))


def test_a_rival_that_claims_always_is_heard_now_and_then() -> None:
    rivals = in_group("hall", "office")
    heard = sum(len(rivals.take(said(kind="claim"), at(tenth / 10))) for tenth in range(600))
    assert heard <= CLAIMS[1] + 60 * CLAIMS[0]
    assert rivals.take(said("office", "claim"), at(60.0)), "the others are heard as ever"
    heard = sum(len(rivals.take(said(), at(100 + tenth / 10))) for tenth in range(600))
    assert heard <= BIDS[1] + 60 * BIDS[0]


# ---------------------------------------------------------------- over a real broker


@pytest.fixture
def house(broker: Broker) -> Iterator[list[Contender]]:
    """Three agents that know each other."""
    names = ("hall", "kitchen", "office")
    agents = [Contender(configure(broker.port, mqtt={"device": name}, room=GROUP)) for name in names]
    for agent in agents:
        agent.start()
    wait_until(lambda: all(agent.state.group.peers == 2 for agent in agents), "all to know each other")
    yield agents
    for agent in agents:
        agent.stop()


def test_three_agents_agree_over_a_real_broker(house: list[Contender]) -> None:
    for best in range(3):
        since = time.monotonic()
        for number, agent in enumerate(house):
            agent.wake(40.0 if number == best else 30.0 + number)
        wait_until(lambda since=since: all(agent.decided(since) for agent in house), "all to decide")  # type: ignore[misc]
        listening = [agent.listening for agent in house]
        assert listening == [number == best for number in range(3)]
        decided = house[best].decided(since)
        assert decided is not None
        assert decided - since < DECIDE + 0.1, "the margin is for a busy machine"
        wait_until(lambda since=since: time.monotonic() - since > SAME_WORD + 0.1, "the word to be over")  # type: ignore[misc]
        house[best].rest()


def test_who_is_gone_is_not_waited_for(house: list[Contender], broker: Broker) -> None:
    hall, kitchen, office = house
    office.stop()
    wait_until(lambda: hall.state.group.peers == kitchen.state.group.peers == 1, "the office to be missed")
    since = time.monotonic()
    broker.kill()
    wait_until(lambda: hall.state.group.device == "", "the hall to miss the broker")
    hall.wake(1.0)
    wait_until(lambda: hall.listening, "the hall to listen")
    assert time.monotonic() - since < PATIENCE + 5.0
    assert not any(isinstance(command, Bid) for _, command in hall.commands)


def test_membership_is_retained_and_cleared(
    broker: Broker, rigs: Callable[..., Rig], observers: Callable[[int], Observer]
) -> None:
    rig = rigs(configure(broker.port, room=GROUP))
    rig.wait(lambda event: event == PeersChanged(event.at, "kitchen", 0))
    observer = observers(broker.port)
    wait_until(lambda: any(s.topic == f"{ROOM}/member/kitchen" and s.payload for s in observer.seen), "the membership")
    rig.session.stop(PATIENCE_S)
    late = observers(broker.port)
    late.wait("status")
    assert not any(s.topic.startswith(ROOM) for s in late.seen)


def test_without_a_group_nothing_is_said_of_rooms(
    broker: Broker, rigs: Callable[..., Rig], observers: Callable[[int], Observer]
) -> None:
    rig = rigs(configure(broker.port))
    observer = observers(broker.port)
    observer.wait("status", lambda seen: seen.payload == b"online")
    rig.session.contend(Claim(1, 30.0))
    observer.send("listen")
    observer.flush()
    assert not any(s.topic.startswith("voice-agent/room") for s in observer.seen)
    assert not any(isinstance(event, PeersChanged) for event in rig.events)


ACL = """
user hall
topic readwrite voice-agent/hall/#
topic readwrite voice-agent/room/home/wake
topic write voice-agent/room/home/member/hall
topic read voice-agent/room/home/member/+
topic read voice-agent/+/status
user kitchen
topic readwrite voice-agent/kitchen/#
topic readwrite voice-agent/room/home/wake
topic write voice-agent/room/home/member/kitchen
topic read voice-agent/room/home/member/+
topic read voice-agent/+/status
user office
topic readwrite voice-agent/office/#
"""


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_the_acl_of_the_documentation_is_enough_and_without_it_each_answers(
    broker: Broker, rigs: Callable[..., Rig], tmp_path: Path
) -> None:
    acl = tmp_path / "acl"
    acl.write_text(ACL)
    acl.chmod(0o644)
    tmp_path.chmod(0o755)
    broker.stop()
    broker.extra = f"allow_anonymous true\nacl_file {acl}"
    broker.start()

    def device(name: str) -> Rig:
        return rigs(
            configure(
                broker.port, mqtt={"device": name, "username": name}, home_assistant={"discovery": False}, room=GROUP
            )
        )

    hall, kitchen, office = device("hall"), device("kitchen"), device("office")
    for rig, name in ((hall, "hall"), (kitchen, "kitchen")):
        rig.wait(lambda event, name=name: event == PeersChanged(event.at, name, 1))  # type: ignore[misc]
        hall.health("ok")
    office.health("degraded", "voice-agent/room/home/member/office")
    hall.session.contend(Bid(1, 33.0))
    kitchen.wait(lambda event: event == RivalWoke(event.at, "hall", 33.0))
    assert not any(isinstance(event, PeersChanged) for event in office.events)
