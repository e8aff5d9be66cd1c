"""The connection: who is trusted, who is let in, what is tried again, and what ends it."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from house import WAIT_S, House

from agent import credentials
from agent.credentials import CredentialError, Secret
from agent.remote.doings import Say, Stream
from agent.remote.link import Closed, Got, Link, LinkEvent, Opened
from agent.remote.outbox import MAX_PERIODS, MAX_TEXTS, Outbox
from agent.remote.target import BadAuthority, BadTarget, Target, target
from agent.web.protocol import message

HELLO = Say(message("hello", path="native"))


class Caller:
    def __init__(self, where: Target) -> None:
        self.events: queue.Queue[LinkEvent] = queue.Queue()
        self.link = Link(where, self.events.put)
        self.link.start()

    def opened(self) -> int:
        event = self.events.get(timeout=WAIT_S)
        assert isinstance(event, Opened), event
        self.link.send(event.line, HELLO)
        assert "welcome" in str(self.got())
        return event.line

    def got(self) -> str | bytes:
        event = self.events.get(timeout=WAIT_S)
        assert isinstance(event, Got), event
        return event.message

    def closed(self) -> Closed:
        event = self.events.get(timeout=WAIT_S)
        assert isinstance(event, Closed), event
        return event


@pytest.fixture
def callers() -> Iterator[list[Caller]]:
    callers: list[Caller] = []
    yield callers
    for caller in callers:
        caller.link.stop()


def at(house: House, scheme: str = "ws", word: str = "", ca: Path | None = None, host: str = "127.0.0.1") -> Target:
    return target(f"{scheme}://{host}:{house.port}", Secret(word) if word else None, ca)


def test_what_is_said_arrives_in_order_and_answers_come_back(house: House, callers: list[Caller]) -> None:
    callers.append(caller := Caller(at(house)))
    line = caller.opened()
    for percent in range(100):
        caller.link.send(line, Say(message("volume", percent=percent)))
    assert [house.hear("volume")["percent"] for _ in range(100)] == list(range(100))
    house.say("state", phase="idle", turn=1)
    assert "idle" in str(caller.got())


def test_tls_with_our_own_authority_and_the_token_in_a_header(
    safe_house: House, papers: Path, callers: list[Caller]
) -> None:
    callers.append(caller := Caller(at(safe_house, "wss", "sesame", papers / "ca.pem", "localhost")))
    caller.opened()
    headers = safe_house.visitors.get(timeout=WAIT_S).headers
    assert headers["Authorization"] == "Bearer sesame"
    assert "sesame" not in repr(at(safe_house, "wss", "sesame", papers / "ca.pem"))


def test_a_stranger_gets_no_token_and_is_not_asked_again(safe_house: House, callers: list[Caller]) -> None:
    callers.append(caller := Caller(at(safe_house, "wss", "sesame")))
    closed = caller.closed()
    assert closed.trouble.code == 78
    assert closed.again_s is None
    assert "--ca names a private authority" in closed.trouble.reason
    assert safe_house.visitors.empty()


@pytest.mark.parametrize("word", ["", "wrong"])
def test_a_wrong_token_is_told_and_not_tried_again(
    safe_house: House, papers: Path, callers: list[Caller], word: str
) -> None:
    callers.append(caller := Caller(at(safe_house, "wss", word, papers / "ca.pem")))
    closed = caller.closed()
    assert (closed.trouble.code, closed.again_s) == (78, None)
    assert "the token is missing or wrong" in closed.trouble.reason


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (404, 78, "404: nothing here"),
        (421, 78, "421"),
        (503, None, "503"),
        (429, None, "429"),
        (302, 78, "302|elsewhere"),
    ],
)
def test_other_answers(house: House, callers: list[Caller], status: int, code: int | None, says: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text="nothing here", headers={"Location": "ws://127.0.0.1:1/ws"})

    house.answer = answer
    callers.append(caller := Caller(at(house)))
    closed = caller.closed()
    assert closed.trouble.code == code
    assert any(part in closed.trouble.reason for part in says.split("|"))


def test_a_server_of_something_else_is_recognised(house: House, callers: list[Caller]) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        return socket

    house.answer = answer
    callers.append(caller := Caller(at(house)))
    assert caller.closed().trouble.code == 78


def test_after_a_cut_it_comes_back_and_what_was_meant_for_the_old_line_is_not_sent(
    house: House, callers: list[Caller]
) -> None:
    callers.append(caller := Caller(at(house)))
    old = caller.opened()
    house.cut()
    closed = caller.closed()
    assert closed.trouble.reason == "the connection is lost"
    assert closed.again_s is not None
    assert closed.again_s < 1.0
    caller.link.send(old, Say(message("volume", percent=1)))
    new = caller.opened()
    assert new == old + 1
    caller.link.send(old, Say(message("volume", percent=2)))
    caller.link.send(new, Say(message("volume", percent=3)))
    assert house.hear("volume")["percent"] == 3


def test_nobody_at_home_is_tried_again_with_growing_pauses_until_there_is(house: House, callers: list[Caller]) -> None:
    port = house.port
    house.close()
    callers.append(caller := Caller(target(f"ws://127.0.0.1:{port}/ws", None)))
    first, second = caller.closed(), caller.closed()
    assert first.again_s is not None
    assert second.again_s is not None
    assert "refused" in first.trouble.reason
    assert second.again_s > first.again_s
    house.start(port)
    caller.opened()


def test_stopping_says_goodbye_at_once(house: House) -> None:
    caller = Caller(at(house))
    caller.opened()
    began = time.monotonic()
    caller.link.stop()
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://x/ws", "wss://HOST"),
        ("wss://", "wss://HOST"),
        ("wss://x:99999/", "no number"),
        ("wss://token@x/ws", "more than host"),
        ("wss://x/ws?token=y", "more than host"),
        ("ws://kitchen:8770/ws", "--insecure-plaintext"),
        ("ws://192.168.1.2/ws", "--insecure-plaintext"),
    ],
)
def test_addresses_that_cannot_be_meant(url: str, says: str) -> None:
    with pytest.raises(BadTarget, match=says):
        target(url, None)


def test_addresses_that_can() -> None:
    assert target("wss://kitchen:8770", None).url == "wss://kitchen:8770/ws"
    assert target("wss://kitchen/agent/ws", None).url == "wss://kitchen:443/agent/ws"
    assert target("ws://[::1]:8770/ws", None).url == "ws://[::1]:8770/ws"
    assert target("ws://localhost:8770/ws", None).tls is None
    assert target("ws://kitchen:8770/ws", None, plaintext=True).host == "kitchen"


def test_an_authority_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(BadAuthority):
            target("wss://kitchen/", None, tmp_path / name)


def test_a_token_is_read_from_a_file_that_nobody_else_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token"
    path.write_text("sesame\n")
    path.chmod(0o644)
    with pytest.raises(CredentialError, match="chmod 600"):
        credentials.read_from(path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert credentials.read_from(path).reveal() == "sesame"
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    path.chmod(0o600)
    assert credentials.read_from(path).reveal() == "sesame"
    for nonsense in ("", "two\nlines"):
        path.write_text(nonsense)
        with pytest.raises(CredentialError, match="one line"):
            credentials.read_from(path)
    with pytest.raises(CredentialError, match="not a file"):
        credentials.read_from(tmp_path)
    with pytest.raises(CredentialError, match="No such file"):
        credentials.read_from(tmp_path / "none")


def test_sound_that_waits_too_long_goes_and_words_stay() -> None:
    outbox = Outbox()
    outbox.put(Stream(b"preroll", 204))
    assert outbox.lost == 0
    outbox.put(HELLO)
    outbox.put(Stream(b"sound", 96))
    assert outbox.lost == 0
    for _ in range(MAX_PERIODS // 2):
        outbox.put(Stream(b"sound", 2))
    assert outbox.lost == 204 + 96
    assert outbox.take() == HELLO
    outbox.close()
    assert outbox.take() is None


def test_a_line_that_takes_no_words_is_dead() -> None:
    outbox = Outbox()
    for _ in range(MAX_TEXTS + 1):
        outbox.put(HELLO)
    assert outbox.take() is None
