"""Strangers before the real server: who has no token, comes from elsewhere, talks nonsense, too much, or not at all."""

from __future__ import annotations

import os
import random
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
from raw import BINARY, TEXT, Raw
from sick_llm import SickLlm
from web_house import WebAgent, agent_with_page

from agent.lab.broker import Broker
from agent.lab.room import Room
from agent.lab.visitor import say, voice
from agent.web.connection import BYTES_AT_ONCE, MESSAGES_AT_ONCE, WISHES_AT_ONCE
from agent.web.crowd import MAX_OPEN
from agent.web.protocol import MAX_BINARY, MAX_TEXT, RATES_HZ, Frame, Kind
from agent.web.visitors import MAX_CONNECTIONS

pytestmark = pytest.mark.room
TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FUZZ_FRAMES = int(os.environ.get("VOICE_AGENT_FUZZ_FRAMES", "3000"))
CONNECTIONS = int(os.environ.get("VOICE_AGENT_GUEST_CONNECTIONS", "1000"))
GROWTH_MB = 12.0
POOL = min(32, (os.cpu_count() or 1) + 4)  # helpers of an asyncio loop, begun one by one as they are needed
SLT = voice("flite slt")
COST = re.compile(r"Traceback|Unhandled|Error handling")


@pytest.fixture(scope="module")
def web_agent(room: Room, broker: Broker, llm: SickLlm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebAgent]:
    """With a token. In the end it has never told it, and has met nothing that it did not expect."""
    folder = tmp_path_factory.mktemp("credentials")
    (folder / "page").write_text(f"{TOKEN}\n")
    env = {"CREDENTIALS_DIRECTORY": str(folder)}
    with agent_with_page(room, broker, llm, {"web.token": "page"}, env) as agent:
        yield agent
        agent.agent.check()
        log = agent.agent.log
    assert TOKEN not in log
    assert not COST.search(log), COST.search(log)


def origin(agent: WebAgent, port: int | None = None) -> dict[str, str]:
    return {"Origin": f"http://127.0.0.1:{port or agent.port}"}


def logged_in(agent: WebAgent) -> dict[str, str]:
    """A browser's headers: of our page, with the cookie."""
    with Raw(agent.port) as browser:
        assert browser.request("/login", {**origin(agent), **FORM}, "POST", f"token={TOKEN}".encode()) == 303
        cookie = re.search(r"Set-Cookie: (voice_agent=[^;]+);(.*)", browser.head)
    assert cookie
    assert "HttpOnly" in cookie[2]
    assert "SameSite=Strict" in cookie[2]
    assert TOKEN not in cookie[1]
    return {**origin(agent), "Cookie": cookie[1]}


def test_who_shows_the_token_may_talk(web_agent: WebAgent) -> None:
    with web_agent.guest(token=TOKEN) as program:
        assert program.welcome["agent"] == web_agent.device
    with Raw(web_agent.port) as browser:
        assert browser.upgrade(logged_in(web_agent)) == 101
        browser.say("hello", path="worklet")
        assert browser.until("welcome")


def test_nobody_else_may(web_agent: WebAgent) -> None:
    cookie = logged_in(web_agent)
    until, _, signature = cookie["Cookie"].removeprefix("voice_agent=").partition(".")
    foreign: dict[str, dict[str, str]] = {
        "no token": {},
        "a wrong token": {"Authorization": "Bearer wrong"},
        "no cookie": origin(web_agent),
        "the token, from a page": {**origin(web_agent), **BEARER},
        "another page of this machine": {**cookie, **origin(web_agent, 3000)},
        "a page elsewhere": {**cookie, "Origin": "http://evil.example"},
        "a page in a sandbox": {**cookie, "Origin": "null"},
        "an origin that is none": {**cookie, "Origin": "http://["},
        "a forged cookie": {**origin(web_agent), "Cookie": f"voice_agent={int(until) + 9}.{signature}"},
        "an unsigned cookie": {**origin(web_agent), "Cookie": f"voice_agent={until}."},
        "an expired cookie": {**origin(web_agent), "Cookie": f"voice_agent=1.{signature}"},
        "a strange cookie": {**origin(web_agent), "Cookie": f"voice_agent={until}.\udcff\udcfe"},
        "another name of ours": {**cookie, "Host": "evil.example", "Origin": "http://evil.example"},
        "a name with our port": {**BEARER, "Host": f"evil.example:{web_agent.port}"},
    }
    for who, headers in foreign.items():
        with Raw(web_agent.port, "127.0.0.2") as stranger:
            assert stranger.upgrade(headers) in (401, 403, 421), who
    with web_agent.guest(token=TOKEN) as program:
        assert program.welcome


@pytest.mark.parametrize(
    "target",
    [
        "/../access.py", "/..%2faccess.py", "/%2e%2e/access.py", "/page/../../access.py", "//etc/passwd", "/etc/passwd",
        "/index.html/", "/index", "/.html", "/a.b.c", "/INDEX.HTML", "/index.html%00.js", "/%", "/%ff", "/\x7f",
        "/index.html?x=../../y", "/nonsense.js", "*", "http://evil.example/", "/ws/", "/login", "/favicon.ico",
        "/" + "a" * 9000, "/index.html;x", "/..", "/./index.html", "/..;/access.py",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_page(web_agent: WebAgent, target: str) -> None:
    with Raw(web_agent.port) as stranger:
        status = stranger.request(target, {"Connection": "close"})
        rest = stranger._left
        while more := stranger._more():
            rest = stranger._left + more[:0]
    assert status in (200, 400, 401, 404, 405, 421), status
    assert b"our_host" not in rest
    assert b"root:" not in rest
    if target in ("/index.html?x=../../y", "/./index.html"):
        assert status in (200, 404)


def test_every_answer_has_the_same_headers(web_agent: WebAgent) -> None:
    requests = [("/", {}), ("/app.js", {}), ("/nonsense.js", {}), ("/healthz", {}), ("/", {"Host": "evil.example"})]
    for target, headers in requests:
        with Raw(web_agent.port) as stranger:
            stranger.request(target, headers)
            head = stranger.head.lower()
        for name in (
            "content-security-policy: default-src 'self'",
            "x-content-type-options: nosniff",
            "referrer-policy",
        ):
            assert name in head, f"{target} {headers}"
    with Raw(web_agent.port) as stranger:
        assert stranger.request("/") == 401
    with Raw(web_agent.port) as known:
        assert known.request("/", logged_in(web_agent)) == 200


def test_forms_that_are_none(web_agent: WebAgent) -> None:
    here = origin(web_agent)
    forms: list[tuple[dict[str, str], bytes, tuple[int, ...]]] = [
        ({**here, **FORM}, b"token=" + b"x" * 100_000, (413,)),
        ({**here, **FORM}, b"\xff\xfe=%ff&token=%ff", (303, 400)),
        ({**here, "Content-Type": "application/x-www-form-urlencoded; charset=nonsense"}, b"token=x", (400,)),
        ({**here, "Content-Type": "multipart/form-data"}, b"token", (400,)),
        ({**here, "Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\n\r\nx", (303, 400)),
        ({**here, "Content-Type": "text/plain"}, f"token={TOKEN}".encode(), (303, 400, 415)),
        ({**FORM}, f"token={TOKEN}".encode(), (403,)),
        ({**FORM, "Origin": "http://evil.example"}, f"token={TOKEN}".encode(), (403,)),
    ]
    for number, (headers, body, statuses) in enumerate(forms):
        with Raw(web_agent.port, f"127.0.1.{number}") as stranger:
            status = stranger.request("/login", headers, "POST", body)
            assert status in statuses, f"{status}: {headers} {body[:20]!r}"
            assert "voice_agent=" not in stranger.head
    with Raw(web_agent.port) as stranger:
        assert stranger.request("/logout", {}, "POST") == 403


def test_requests_that_are_no_http_are_no_news(web_agent: WebAgent) -> None:
    logged = len(web_agent.agent.log)
    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 100,
        f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\0\r\n\r\n".encode(),
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 3000 + b"\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ):  # fmt: skip
        with Raw(web_agent.port) as stranger:
            stranger.socket.sendall(nonsense)
            stranger.socket.shutdown(1)
            stranger.ended()
    time.sleep(0.1)  # nothing is told of what is not written
    assert web_agent.agent.log[logged:] == ""


class Talking(Raw):
    key = ""


def talking(agent: WebAgent, resume: str = "") -> Talking:
    """Somebody who may talk, and has said hello."""
    raw = Talking(agent.port)
    assert raw.upgrade(BEARER) == 101
    raw.say("hello", path="native", resume=resume)
    welcome = raw.until("welcome")
    assert welcome
    raw.key = str(welcome["key"])
    return raw


@pytest.mark.parametrize(
    ("abuse", "code"),
    [
        (lambda raw: [raw.send(BINARY, bytes(17)) for _ in range(2)], "bad_message"),
        (lambda raw: raw.send(TEXT, b"[]"), "bad_message"),
        (lambda raw: raw.send(TEXT, b"x" * (MAX_TEXT + 1)), "bad_message"),
        (lambda raw: raw.say("hello", path="native"), "bad_message"),
        (lambda raw: raw.send(BINARY, Frame(Kind.SPEECH, bytes(320), 16_000).encode()), "bad_message"),
        (lambda raw: raw.send(BINARY, Frame(Kind.CONTAINER, bytes(320)).encode()), "bad_message"),
        (lambda raw: [raw.say("ping", at=1.0) for _ in range(2 * MESSAGES_AT_ONCE)], "too_fast"),
        (lambda raw: [raw.say("volume", percent=5) for _ in range(2 * WISHES_AT_ONCE)], "too_fast"),
        (lambda raw: flood(raw, 2 * BYTES_AT_ONCE), "too_fast"),
    ],
    ids=[
        "no-frame", "no-message", "too-long", "hello-twice", "the-agents-kind", "unannounced", "messages", "wishes",
        "bytes",
    ],
)  # fmt: skip
def test_who_talks_nonsense_or_too_much_is_told_why_and_sent_away(
    web_agent: WebAgent, abuse: Callable[[Raw], None], code: str
) -> None:
    with talking(web_agent) as raw:
        with suppress(ConnectionError):  # it may have been sent away already
            abuse(raw)
        bye = raw.until("bye")
        assert bye is None or bye["code"] == code
        assert bye is not None or code == "too_fast", "what was still on its way resets the connection"
        assert raw.ended()


def flood(raw: Raw, size: int) -> None:
    count = 60_000 // 320
    for number in range(0, size // 60_000):
        raw.send(BINARY, Frame(Kind.PERIODS, bytes(320 * count), 16_000, number * count, number * 1e3).encode())


@pytest.mark.parametrize(
    "first", [b'{"type": "stop"}', b"nonsense", b"", None], ids=["other", "no-json", "empty", "binary"]
)
def test_hello_comes_first(web_agent: WebAgent, first: bytes | None) -> None:
    with Raw(web_agent.port) as raw:
        assert raw.upgrade(BEARER) == 101
        if first is None:
            raw.send(BINARY, Frame(Kind.PERIODS, bytes(320), 16_000).encode())
        else:
            raw.send(TEXT, first)
        bye = raw.until("bye")
        assert bye is not None
        assert bye["code"] == "bad_message"


def test_who_leaves_before_a_word_is_no_news(web_agent: WebAgent) -> None:
    settled(web_agent)
    logged = len(web_agent.agent.log)
    for farewell in (False, True):
        with Raw(web_agent.port) as raw:
            assert raw.upgrade(BEARER) == 101
            if farewell:
                raw.send(8, struct.pack("!H", 1000))
                assert raw.ended()
    settled(web_agent)
    assert "[web.refused]" not in web_agent.agent.log[logged:]


def test_who_leaves_before_it_was_let_in_is_no_news(web_agent: WebAgent) -> None:
    """A page that says another hello gives up the connection that it has just begun."""
    lines = ["GET /ws HTTP/1.1", f"Host: 127.0.0.1:{web_agent.port}", f"Authorization: Bearer {TOKEN}"]
    lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    request = "\r\n".join([*lines, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]).encode()
    for _ in range(50):
        with Raw(web_agent.port) as hasty:
            hasty.socket.sendall(request)
            hasty.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with Raw(web_agent.port) as other:
        assert other.upgrade(BEARER) == 101
    assert not COST.search(web_agent.agent.log)


def test_who_says_nothing_is_sent_away(web_agent: WebAgent) -> None:
    with Raw(web_agent.port) as raw:
        assert raw.upgrade(BEARER) == 101
        bye = raw.until("bye")
        assert bye is not None
        assert bye["code"] == "too_late"


def test_a_frame_of_any_size_costs_no_memory(web_agent: WebAgent) -> None:
    with talking(web_agent) as raw:
        before = web_agent.process().memory_info().rss
        with suppress(ConnectionError):
            raw.send(BINARY, bytes(64 << 20))
        assert raw.ended()
        assert web_agent.process().memory_info().rss - before < 16 << 20
    with talking(web_agent) as raw:
        raw.send(BINARY, bytes(MAX_BINARY + 1))
        assert raw.ended()


def test_a_seventeenth_connection_is_refused_and_the_others_stay(web_agent: WebAgent) -> None:
    settled(web_agent)
    with ExitStack() as stack:
        guests = [stack.enter_context(talking(web_agent)) for _ in range(MAX_CONNECTIONS)]
        with Raw(web_agent.port) as late:
            assert late.upgrade(BEARER) == 503
            assert "Retry-After" in late.head
        for guest in guests:
            guest.say("ping", at=1.0)
            assert guest.until("pong")


def test_connections_that_say_nothing_do_not_keep_others_out(web_agent: WebAgent) -> None:
    before = settled(web_agent)
    with ExitStack() as stack:
        guest = stack.enter_context(talking(web_agent))
        for _ in range(3 * MAX_OPEN):
            stack.enter_context(Raw(web_agent.port))
        with Raw(web_agent.port) as late:
            assert late.request("/healthz") == 200
        guest.say("ping", at=1.0)
        assert guest.until("pong"), "who is being served is left alone"
        assert web_agent.process().num_fds() - before["fds"] <= MAX_OPEN + 40, "and those that are just accepted"


def test_whoever_guesses_waits(web_agent: WebAgent) -> None:
    statuses = []
    for _ in range(7):
        with Raw(web_agent.port, "127.0.0.3") as stranger:
            statuses.append(stranger.request("/login", {**origin(web_agent), **FORM}, "POST", b"token=wrong"))
    assert statuses[-1] == 429
    assert 303 in statuses
    with Raw(web_agent.port, "127.0.0.3") as stranger:
        assert stranger.upgrade(BEARER) in (401, 429), "also the right one, for a minute"
    with Raw(web_agent.port) as other:
        assert other.upgrade(BEARER) == 101


def noise(chance: random.Random) -> tuple[int, bytes]:
    """A frame that is nearly right."""
    if chance.random() < 0.5:
        rate = chance.choice(RATES_HZ)
        payload = bytes(chance.randrange(0, 1000))
        number, at = chance.randrange(2**32), struct.unpack("<d", chance.randbytes(8))[0]
        data = Frame(chance.choice(list(Kind)), payload, rate, number, at).encode()
        return BINARY, data if chance.random() < 0.7 else chance.randbytes(len(data))
    turn, frames, at = chance.randrange(-3, 2**33), chance.randrange(2**33), 10.0 ** chance.randrange(-300, 300)
    value = chance.choice(["NaN", "1e999", '"x"', "[]", "-1", "{}", "9" * 400])
    timer = chance.choice(["", "\\ud800", "x" * 101, "1"])
    offer = chance.choice(["", "v=0", "nonsense" * 50])
    fields = [
        f'"type":"playing","turn":{turn},"frames":{frames},"at":{at}',
        f'"type":"drained","turn":{turn}',
        f'"type":"ping","at":{at}',
        f'"type":"set","name":"volume","value":{value}',
        f'"type":"timer","cancel":"{timer}"',
        f'"type":"offer","sdp":"{offer}"',
        f'"type":"{chance.choice(["stop", "hello", "mic", "Listen", ""])}"',
    ]
    text = "{" + chance.choice(fields) + chance.choice(["}", "}", "}", "", "}}", ',"on":false}'])
    return TEXT, text.encode()


def test_nonsense_of_every_kind_ends_a_connection_at_most(web_agent: WebAgent) -> None:
    """`VOICE_AGENT_FUZZ_FRAMES` sets how many frames are tried."""
    chance, sent, connections = random.Random(7), 0, 0
    while sent < FUZZ_FRAMES:
        connections += 1
        with talking(web_agent) as raw, suppress(ConnectionError):
            for _ in range(chance.randrange(1, 60)):
                raw.send(*noise(chance))
                sent += 1
            raw.say("ping", at=1.0)
            raw.until("pong")
    web_agent.agent.check()
    with web_agent.guest(token=TOKEN, speed=4.0) as guest:
        guest.say("ask", text="still there")
        assert guest.wait("turn")["outcome"] == "answered"


def test_sound_of_any_dates_and_numbers_does_not_end_the_ear(web_agent: WebAgent) -> None:
    """One visit, whose connections end with what cannot follow."""
    web_agent.wait_empty()
    chance, key = random.Random(11), ""
    for _ in range(30):
        with talking(web_agent, key) as raw:
            key = raw.key
            raw.say("mic", on=True)
            number = chance.choice([0, 2**32 - 1000, chance.randrange(2**31)])
            with suppress(ConnectionError):
                for _ in range(20):
                    rate = chance.choice([16_000, 16_000, 8_000, 48_000])
                    at = chance.choice([0.0, 1e300, -1e300, 5e-324, number * 10.0, chance.random() * 1e9])
                    payload = chance.randbytes(rate // 50 * 2)
                    raw.send(BINARY, Frame(Kind.PERIODS, payload, rate, min(number, 2**32 - 1), at).encode())
                    number += chance.choice([2, 2, 2, 3, 350_000, 400_000])
                raw.say("ping", at=1.0)
                raw.until("pong")
    web_agent.agent.check()
    with web_agent.guest(token=TOKEN, resume=key, speed=4.0) as guest:
        assert guest.welcome["resumed"] is True
        guest.say("mic", on=True)
        guest.begin()
        guest.speak(say("hey jarvis", SLT).samples)
        guest.wait("wake")
        guest.say("ask", text="still there")
        assert guest.wait("turn", lambda said: said["outcome"] == "answered")


def test_a_guest_that_does_not_read_holds_up_nobody(web_agent: WebAgent) -> None:
    web_agent.wait_empty()
    with Raw(web_agent.port, recv_bytes=4096) as deaf:
        assert deaf.upgrade(BEARER) == 101
        deaf.say("hello", path="native")
        before = web_agent.process().memory_info().rss
        deaf.say("ask", text="tell me a story")
        for step in range(800):
            deaf.say("ping", at=float(step))
        deaf.say("playing", turn=(1 << 24) + 1, frames=2**32 - 1, at=1.0)
        with web_agent.guest(token=TOKEN, speed=4.0) as guest:
            for text in ("one", "two"):
                guest.begin()
                guest.say("ask", text=text)
                assert guest.wait("turn")["reply"] == f"You said: {text}."
        grown = web_agent.process().memory_info().rss - before
    assert grown < 48 << 20, f"{grown >> 20} MB, of which two conversations are most"


def figures(agent: WebAgent) -> dict[str, int]:
    process = agent.process()
    with process.oneshot():
        return {
            "threads": process.num_threads(),
            "fds": process.num_fds(),
            "children": len(process.children()),
            "rss": process.memory_info().rss,
        }


def visits(agent: WebAgent, count: int) -> None:
    """Every second one leaves without a word; every tenth is refused."""
    for number in range(count):
        with Raw(agent.port) as raw:
            if number % 10 == 9:
                raw.upgrade()
                continue
            assert raw.upgrade(BEARER) == 101
            raw.say("hello", path="native")
            assert raw.until("welcome")
            if number % 2:
                raw.send(8, struct.pack("!H", 1000))
                raw.ended()


def settled(agent: WebAgent) -> dict[str, int]:
    """When all connections are closed."""
    agent.wait_empty()
    until = time.monotonic() + 10.0
    while True:
        now = figures(agent)
        sockets = [each for each in agent.process().net_connections("tcp") if each.status == "ESTABLISHED"]
        if not [each for each in sockets if each.laddr.port == agent.port]:
            return now
        assert time.monotonic() < until, sockets
        time.sleep(0.05)


def kept(agent: WebAgent, before: dict[str, int]) -> dict[str, int]:
    """What is left for good: a file that something else has just opened is closed again soon."""
    until = time.monotonic() + 10.0
    while True:
        now = settled(agent)
        if now["fds"] <= before["fds"] or time.monotonic() > until:
            return now
        time.sleep(0.1)


def test_a_thousand_visits_leave_nothing_behind(
    web_agent: WebAgent, record_property: Callable[[str, object], None]
) -> None:
    """Measured: see the properties of the test; `VOICE_AGENT_GUEST_CONNECTIONS` sets how many come."""
    visits(web_agent, 100)
    before = settled(web_agent)
    began = time.monotonic()
    visits(web_agent, CONNECTIONS)
    took = time.monotonic() - began
    after = kept(web_agent, before)
    grown = (after["rss"] - before["rss"]) / (1 << 20)
    record_property("visits_per_s", round(CONNECTIONS / took))
    for name in before:
        record_property(name, f"{before[name]} -> {after[name]}")
    assert after["threads"] <= before["threads"] + POOL
    assert after["fds"] <= before["fds"]
    assert after["children"] == before["children"]
    assert grown < GROWTH_MB, f"{grown:.1f} MB"
