"""Connections: TLS, look-ups, and servers that send any bytes at all."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sick_llm import DONE, SickLlm, Visit, event

from agent.events import LlmFailed, ReplyDone


def test_unknown_certificate_is_refused(rig, tls):
    with SickLlm(tls=tls) as llm:
        end = rig(llm.base_url).ask()
        assert isinstance(end, LlmFailed)
        assert (end.code, end.detail) == ("unreachable", "a: TLS certificate refused: self-signed certificate")
        assert llm.requests == []


def test_certificate_of_the_system_is_accepted(rig, tls, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with SickLlm(tls=tls) as llm:
        r = rig(f"https://localhost:{llm.port}")
        assert isinstance(r.ask(), ReplyDone)
        assert r.text() == "Hello."


def test_certificate_of_another_name_is_refused(rig, tls, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with SickLlm(tls=tls) as llm:
        end = rig(f"https://ip6-localhost.localhost:{llm.port}", f"https://127.0.0.2:{llm.port}").ask()
        assert isinstance(end, LlmFailed)
        assert "127.0.0.1" not in end.detail


def test_plain_server_behind_https_is_a_failure(rig):
    with SickLlm() as llm:
        end = rig(f"https://127.0.0.1:{llm.port}", connect_timeout_s=0.5).ask()
        assert isinstance(end, LlmFailed)
        assert end.code == "unreachable"


@pytest.fixture
def silent_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Look-ups that take until the end of the test. Set once one has begun."""
    begun, over = threading.Event(), threading.Event()

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        begun.set()
        over.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield begun
    over.set()
    for thread in threading.enumerate():
        if thread.name == "look-up":
            thread.join()


def test_hanging_look_up_counts_as_connecting(rig, silent_resolver):
    end = rig("http://pi.local/v1", connect_timeout_s=0.3).ask()
    assert isinstance(end, LlmFailed)
    assert (end.code, end.detail) == ("unreachable", "a: no connection in time")


def test_hanging_look_up_holds_nothing_up(rig, silent_resolver):
    r = rig("http://pi.local/v1", connect_timeout_s=60)
    r.tell(1)
    r.thinker.warm()
    assert silent_resolver.wait(5)
    assert r.stop() < 1.0 * 3


HEADS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 40\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.0 204 No Content\r\n\r\n",
        b"HTTP/1.1 999 ?\r\nRetry-After: 9999-99-99\r\n\r\n",
        b"HTTP/2 200\r\n",
        b"",
    ]
)
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + event("Hello") + DONE
BODIES = st.one_of(
    st.binary(max_size=40), st.sampled_from([event("x"), DONE, b"5\r\n", b"ffffffffffff\r\n", b"0\r\n\r\n"])
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HEADS, st.lists(BODIES, max_size=4).map(b"".join))
@example(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: \xff\r\n\r\n", b"")
def test_any_bytes_end_in_one_event(sick, head, rest):
    r, replies, turns = sick
    replies.put(GOOD)
    assert isinstance(r.ask(next(turns)), ReplyDone), "which closes the circuit"
    replies.put(head + rest)
    replies.put(head + rest)  # for the retry
    assert isinstance(r.ask(next(turns)), ReplyDone | LlmFailed)
    while not replies.empty():
        replies.get()


@pytest.fixture
def sick(rig):
    """A thinker, a queue of what the server is going to send, and turn numbers."""
    replies: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    async def symptom(visit: Visit) -> None:
        await visit.send(replies.get())
        await visit.close()

    with SickLlm(symptom) as llm:
        yield rig(llm.base_url), replies, iter(range(1, 10_000))
