"""A broker that talks nonsense, is silent, or says things twice: it is left, and tried again (M8, M11, M16, M17)."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_rig import PATIENCE_S, Rig, configure

from agent.events import Health
from agent.mqtt import connection
from agent.mqtt.limits import Pauses
from agent.mqtt.link import Bell, Link
from agent.mqtt.topics import Message

Rigs = Callable[..., Rig]

CONNACK = b"\x20\x03\x00\x00\x00"


class Babbler:
    """A server that takes every connection, says `words` and listens on."""

    def __init__(self, words: bytes) -> None:
        self.visits = threading.Semaphore(0)
        self._words = words
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        for visitor in self.open:
            visitor.close()

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._server.accept()
            except OSError:
                return
            self.open.append(visitor)
            visitor.recv(4096)
            try:
                visitor.sendall(self._words)
            except OSError:
                continue
            self.visits.release()


@pytest.fixture
def babbler() -> Iterator[Callable[[bytes], Babbler]]:
    made: list[Babbler] = []

    def make(words: bytes) -> Babbler:
        made.append(Babbler(words))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.mark.parametrize(
    "words",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\x02\x00\x01",
        b"\x20\x03\x00\x63\x00",
        CONNACK + b"\xf0\x00",
        CONNACK + b"\x90\x01\x00",
        CONNACK + b"\x30\x04\x00\xff\x00\x00",
        CONNACK + b"\x40\x02\x00\x07" + b"\xff" * 64,
        CONNACK + bytes(range(256)),
        b"\x20\xff\xff\xff\xff\x7f",
    ],
)
def test_a_broker_that_talks_nonsense_is_left_and_tried_again(
    rigs: Rigs, babbler: Callable[[bytes], Babbler], words: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_S", 0.5)
    server = babbler(words)
    rig = rigs(configure(server.port))
    rig.health("failed")
    assert server.visits.acquire(timeout=PATIENCE_S)
    assert server.visits.acquire(timeout=PATIENCE_S)
    assert rig.session.alive()


def test_a_broker_that_says_nothing_is_left_and_tried_again(
    rigs: Rigs, babbler: Callable[[bytes], Babbler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_S", 0.1)
    monkeypatch.setattr(connection, "TICK_S", 0.05)
    server = babbler(b"")
    rigs(configure(server.port)).health("failed", "does not answer")
    assert server.visits.acquire(timeout=PATIENCE_S)
    assert server.visits.acquire(timeout=PATIENCE_S)


# M17
@pytest.mark.parametrize(
    "words",
    [
        CONNACK + CONNACK + b"\xe0\x00",
        CONNACK + b"\xe0\x02\x8e\x00",
        CONNACK + b"\xe0\x00" + CONNACK + b"\xe0\x00",
    ],
)
def test_one_connection_is_lost_once_however_often_it_is_said(
    rigs: Rigs, babbler: Callable[[bytes], Babbler], words: bytes
) -> None:
    server = babbler(words)
    rig = rigs(configure(server.port), Pauses(unreachable_s=(60, 60), refused_s=(60, 60), taken_over_s=(60, 60)))
    rig.wait(lambda event: isinstance(event, Health) and event.status in ("failed", "degraded"))
    lost = [event for event in rig.events if isinstance(event, Health) and event.status != "loading"]
    assert len(lost) == 1
    assert server.visits.acquire(timeout=PATIENCE_S)
    assert not server.visits.acquire(blocking=False), "it waits, once"


# M17
def test_an_answer_that_comes_after_we_have_left_concerns_nobody(
    rigs: Rigs, babbler: Callable[[bytes], Babbler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_S", 0.1)
    monkeypatch.setattr(connection, "TICK_S", 0.05)
    server = babbler(b"")
    rig = rigs(configure(server.port))
    assert server.visits.acquire(timeout=PATIENCE_S)
    assert server.visits.acquire(timeout=PATIENCE_S)
    for visitor in server.open:
        with contextlib.suppress(OSError):
            visitor.sendall(CONNACK)
    rig.health("failed", "does not answer")
    assert server.visits.acquire(timeout=PATIENCE_S)
    assert rig.session.alive()


PACKETS = st.lists(
    st.tuples(st.integers(0x10, 0xFF), st.binary(max_size=40)).map(
        lambda packet: bytes([packet[0], len(packet[1])]) + packet[1]
    ),
    max_size=6,
).map(b"".join)


# M11, M16: the library never gets a thread, so there is none that could die unseen. Nor may it raise in ours.
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_no_packet_of_a_broker_ends_our_thread(protocol: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = configure(server.getsockname()[1], mqtt={"protocol": protocol}).mqtt
        greeting = CONNACK if protocol == "5" else b"\x20\x02\x00\x00"

        @settings(max_examples=400, deadline=None)
        @given(st.booleans(), PACKETS, PACKETS)
        def try_it(greet: bool, first: bytes, second: bytes) -> None:
            link = Link(config, "us", Message("will", b""), Bell())
            link.open(None)
            visitor = server.accept()[0]
            with visitor:
                visitor.sendall((greeting if greet else b"") + first)
                happened = link.pump(1.0) if greet or first else []
                link.subscribe("x/#")
                link.publish(Message("a", b"b"))
                with contextlib.suppress(OSError):
                    visitor.sendall(second)
                happened += link.pump(0.0)
            link.close()
            assert happened or not greet

        try_it()
