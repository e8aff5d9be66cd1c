"""Too much: messages of 200 MB (M9), ten thousand messages a second (M10), a stop among them, days offline (M12)."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from mqtt_rig import PATIENCE_S, ROOT, Broker, Observer, Rig, configure
from session_child import SessionChild

from agent.commands import ShowEvent, ShowState, ShowTranscript
from agent.lab.flood import Flood
from agent.mqtt.outbox import MAX_MOMENTS, MAX_TOPICS, TTL_S, Outbox
from agent.mqtt.topics import Message
from agent.requests import StopRequest

pytestmark = pytest.mark.room
Rigs = Callable[..., Rig]
Observers = Callable[..., Observer]
FLOOD_S = 5.0


@contextmanager
def living(broker: Broker, protocol: str) -> Iterator[psutil.Process]:
    """A session in a process of its own, so that its memory is nobody else's."""
    with SessionChild(broker.port, protocol) as child:
        child.wait_up(PATIENCE_S)
        yield child.process


def answers(broker: Broker) -> bool:
    """Whether the agent answers nonsense, within thirty attempts of a second: a flood may stand before it."""
    for number in range(30):
        waiting = subprocess.Popen(
            ["mosquitto_sub", "-p", str(broker.port), "-t", f"{ROOT}/result", "-C", "1", "-W", "1"],
            stdout=subprocess.PIPE,
        )
        command = ["mosquitto_pub", "-p", str(broker.port), "-t", f"{ROOT}/cmd/dance", "-q", "1"]
        subprocess.run([*command, "-m", f'{{"id": "{number}"}}'], check=True)
        if waiting.communicate()[0]:
            return True
    return False


# M9
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_message_of_200_mb_costs_no_memory(broker: Broker, tmp_path: Path, protocol: str) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(200_000_000)
    with living(broker, protocol) as process:
        assert answers(broker)
        before = process.memory_info().rss
        command = ["mosquitto_pub", "-p", str(broker.port), "-t", f"{ROOT}/cmd/say", "-q", "1", "-f", str(huge)]
        subprocess.run(command, check=True, timeout=60)
        assert answers(broker)
        assert process.memory_info().rss - before < 1024 * 1024


def flood(broker: Broker, rate_hz: int, seconds: float) -> Flood:
    """Listen, so many times a second, from another process."""
    return Flood(broker.port, f"{ROOT}/cmd/listen", rate_hz, seconds)


# M10
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_ten_thousand_messages_a_second_leave_memory_flat(broker: Broker, protocol: str) -> None:
    with living(broker, protocol) as process:
        with flood(broker, 10_000, 1.0) as first:
            first.wait()
        assert answers(broker)
        before = process.memory_info().rss, process.num_fds(), process.num_threads()
        with flood(broker, 10_000, FLOOD_S) as second:
            sent = second.wait()
        assert sent > 10_000
        assert answers(broker)
        assert process.memory_info().rss - before[0] < 2 * 1024 * 1024
        assert (process.num_fds(), process.num_threads()) == before[1:]


# M10, and "command -> silence <= 500 ms under 1,000 messages a second": the way into the agent
def test_a_stop_gets_through_a_thousand_messages_a_second(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    rig.health("ok")
    took = []
    with flood(broker, 1_000, FLOOD_S):
        rig.wait(lambda _: rig.session.counts()["in"] > 100)
        for _ in range(10):
            rig.forget()
            asked = time.monotonic()
            observer.send("stop")
            rig.request(StopRequest)
            took.append(time.monotonic() - asked)
    assert max(took) < 0.2, took
    report = observer.wait("event/error").json
    assert report["code"] == "mqtt.flood"
    assert 0 < report["dropped"] <= report["total"] <= rig.session.counts()["in"]


# M12
def test_a_day_without_a_broker_leaves_last_values_and_the_last_minute() -> None:
    outbox, day_s = Outbox(), 24 * 3600
    assert MAX_TOPICS < 100
    for second in range(day_s):
        outbox.put(Message(f"setting/{second % 100}", b"%d" % second, retain=True), float(second))
        outbox.put(Message("event/wake", b"%d" % second), float(second))
        outbox.put(Message("transcript", b"%d" % second, qos=0), float(second))
    outbox.connected(Message("status", b"online", retain=True), float(day_s))
    left = []
    while (entry := outbox.take(float(day_s))) is not None:
        outbox.done(entry)
        left.append(entry.message)
    kept = [int(message.payload) for message in left[:-1] if message.retain]
    news = [int(message.payload) for message in left if message.topic == "event/wake"]
    assert len(kept) == MAX_TOPICS
    assert min(kept) >= day_s - 100
    assert news == list(range(day_s - MAX_MOMENTS + 1, day_s)), "a partial takes one place"
    assert day_s - news[0] <= TTL_S
    assert left[-1].payload == b"online"
    assert outbox.empty


# M12
def test_what_was_shown_offline_arrives_in_order_and_nothing_stale(
    broker: Broker, rigs: Rigs, observers: Observers
) -> None:
    broker.kill()
    rig = rigs(configure(broker.port))
    rig.health("failed")
    for number in range(10):
        rig.session.show(ShowState("listening" if number % 2 else "idle", number))
        rig.session.show(ShowEvent("wake", number))
        rig.session.show(ShowTranscript(number, f"part {number}", False))
    broker.start()
    observer = observers(broker.port)
    observer.wait("status", lambda seen: seen.payload == b"online")
    rig.session.show(ShowEvent("last", 10))
    observer.wait("event/last")
    assert [seen.payload for seen in observer.seen if seen.topic == f"{ROOT}/state"] == [b"listening"]
    turns = [seen.json["turn"] for seen in observer.seen if seen.topic == f"{ROOT}/event/wake"]
    assert turns == sorted(turns), "an observer that comes late sees the end of it"
