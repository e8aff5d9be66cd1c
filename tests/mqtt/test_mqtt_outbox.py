"""The outbox as a list of puts and takes: order, last values, bounds, and what survives a broken connection."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.mqtt.outbox import MAX_MOMENTS, MAX_PAYLOAD, MAX_TOPICS, PARTIAL_TTL_S, TTL_S, Outbox
from agent.mqtt.topics import Message

ONLINE = Message("status", b"online", retain=True)


def value(topic: str, payload: bytes) -> Message:
    return Message(topic, payload, retain=True)


def news(payload: bytes, topic: str = "event/x") -> Message:
    return Message(topic, payload)


def taken(outbox: Outbox, now: float = 0.0) -> list[bytes]:
    """Everything that leaves now, acknowledged at once."""
    payloads = []
    while (entry := outbox.take(now)) is not None:
        outbox.done(entry)
        payloads.append(entry.message.payload)
    return payloads


def test_the_last_value_wins_and_news_keep_their_order() -> None:
    outbox = Outbox()
    for message in (value("state", b"1"), news(b"a"), value("state", b"2"), news(b"b"), value("health", b"h")):
        assert outbox.put(message, 0.0)
    assert taken(outbox) == [b"a", b"2", b"b", b"h"]


def test_a_new_connection_gets_every_value_and_online_last() -> None:
    outbox = Outbox()
    outbox.put(value("state", b"1"), 0.0)
    outbox.put(value("health", b"h"), 0.0)
    taken(outbox)
    outbox.put(news(b"a"), 1.0)
    outbox.put(value("state", b"2"), 1.0)
    outbox.connected(ONLINE, 2.0)
    assert taken(outbox, 2.0) == [b"a", b"2", b"h", b"online"]
    outbox.put(value("status", b"offline"), 3.0)
    outbox.connected(ONLINE, 4.0)
    assert taken(outbox, 4.0) == [b"2", b"h", b"online"]


def test_a_value_that_changes_before_online_has_left_stays_in_front_of_it() -> None:
    outbox = Outbox()
    outbox.put(value("health", b"loading"), 0.0)
    outbox.put(value("state", b"1"), 0.0)
    outbox.connected(ONLINE, 1.0)
    outbox.put(value("health", b"ok"), 1.1)
    assert taken(outbox, 1.2) == [b"ok", b"1", b"online"]
    outbox.put(value("health", b"failed"), 2.0)
    outbox.put(news(b"a"), 2.0)
    outbox.put(value("health", b"ok again"), 2.1)
    assert taken(outbox, 2.2) == [b"a", b"ok again"]


def test_what_deletes_arrives_once_and_is_not_kept() -> None:
    outbox = Outbox()
    outbox.put(value("config", b"device"), 0.0)
    outbox.put(value("state", b"1"), 0.0)
    outbox.put(value("config", b""), 0.0)
    assert [message.topic for message in outbox.retained()] == ["state"]
    outbox.connected(ONLINE, 100.0)
    assert (first := outbox.take(100.0)) is not None
    assert (first.message.topic, first.message.payload) == ("config", b"")
    outbox.lost()
    outbox.connected(ONLINE, 101.0)
    assert taken(outbox, 101.0) == [b"", b"1", b"online"]
    outbox.connected(ONLINE, 102.0)
    assert taken(outbox, 102.0) == [b"1", b"online"]


def test_news_get_stale_and_values_do_not() -> None:
    outbox = Outbox()
    outbox.put(news(b"old"), 0.0)
    outbox.put(Message("transcript", b"partial", qos=0), TTL_S - PARTIAL_TTL_S - 1)
    outbox.put(news(b"new"), TTL_S - 1)
    outbox.put(value("state", b"1"), 0.0)
    assert taken(outbox, TTL_S + 0.5) == [b"new", b"1"]
    assert outbox.dropped == 2


def test_a_partial_replaces_the_one_before_and_not_the_final() -> None:
    outbox = Outbox()
    for payload, qos in ((b"what", 0), (b"what time", 0), (b"what time is it", 1), (b"tell", 0)):
        outbox.put(Message("transcript", payload, qos=qos), 0.0)
    assert taken(outbox) == [b"what time is it", b"tell"]


def test_of_too_many_news_the_oldest_go() -> None:
    outbox = Outbox()
    for number in range(MAX_MOMENTS + 3):
        outbox.put(news(b"%d" % number), 0.0)
    assert taken(outbox) == [b"%d" % number for number in range(3, MAX_MOMENTS + 3)]
    assert outbox.dropped == 3


def test_too_many_topics_and_too_much_payload_are_refused() -> None:
    outbox = Outbox()
    assert all(outbox.put(value(f"setting/{n}", b"1"), 0.0) for n in range(MAX_TOPICS))
    assert not outbox.put(value("one-more", b"1"), 0.0)
    assert outbox.put(value("setting/0", b"2"), 0.0)
    assert not outbox.put(news(b"x" * (MAX_PAYLOAD + 1)), 0.0)
    assert outbox.dropped == 2


def test_what_was_not_acknowledged_goes_out_once_more_in_its_place() -> None:
    outbox = Outbox()
    for payload in (b"a", b"b", b"c"):
        outbox.put(news(payload), 0.0)
    first = outbox.take(0.0)
    assert first is not None
    outbox.done(first)
    assert outbox.take(0.0) is not None
    assert outbox.in_flight == 1
    outbox.lost()
    outbox.put(news(b"d"), 0.0)
    assert outbox.in_flight == 0
    again = outbox.take(0.0)
    assert again is not None
    assert again.message.payload == b"b"
    outbox.lost()
    assert taken(outbox) == [b"c", b"d"]
    assert outbox.empty


steps = st.lists(
    st.tuples(st.just("put"), st.integers(0, 99), st.booleans(), st.sampled_from([0, 1]))
    | st.tuples(st.sampled_from(["take", "done", "lost", "connected"]), st.just(0), st.just(False), st.just(0)),
    max_size=200,
)


@given(steps)
def test_bounds_and_order_hold_whatever_happens(script: list[tuple[str, int, bool, int]]) -> None:
    outbox, held, sent = Outbox(), [], 0
    for now, (what, topic, retain, qos) in enumerate(script):
        if what == "put":
            outbox.put(Message(f"t{topic}", b"%d" % now, qos=1 if retain else qos, retain=retain), float(now))
        elif what == "take" and (entry := outbox.take(float(now))) is not None:
            held.append(entry)
        elif what == "done" and held:
            outbox.done(held.pop())
        elif what == "lost":
            outbox.lost()
            held.clear()
        elif what == "connected":
            outbox.lost()
            held.clear()
            outbox.connected(ONLINE, float(now))
        assert outbox.in_flight == len(held)
    outbox.lost()
    last: dict[str, int] = {}
    while (entry := outbox.take(float(len(script)))) is not None:
        sent += 1
        number = entry.number
        assert number > last.get(entry.message.topic, -1)
        last[entry.message.topic] = number
    assert sent <= MAX_TOPICS + 2 * MAX_MOMENTS + 100
