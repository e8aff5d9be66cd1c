"""Who may come in: hosts, origins, the token, cookies, and how often one may try."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import Web
from agent.credentials import Secret
from agent.web.access import ALL_TRIES, COOKIE, COOKIE_S, TRIES, TRIES_WITHIN_S, Access, Bucket

TOKEN = Secret("correct horse battery staple")


class Clock:
    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def access(token: Secret | None = TOKEN, clock: Clock | None = None, **config: Any) -> Access:
    given = {"enabled": True, "plaintext": True, "token": "page", **config}
    return Access(Web(**given), token, clock or Clock())


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST:8770", "127.0.0.1", "127.0.0.1:8770", "[::1]", "[::1]:8770", "kitchen.local",
        "Kitchen.Local:443", "[fe80::1]:8770", "192.168.1.5:8770",
    ],
)  # fmt: skip
def test_hosts_that_are_ours(host: str) -> None:
    ours = access(address="192.168.1.5", hosts=("Kitchen.local", "FE80::1"))
    assert ours.our_host(host)


@pytest.mark.parametrize(
    "host",
    [
        None, "", ":8770", "evil.example", "localhost.evil.example", "evil.example:8770", "localhost:", "::1", "[::1",
        "[::1]8770", "127.0.0.2", "0.0.0.0", "localhost:80:80", "localhost/", "user@localhost", "localhost.", "[]", "[",
        " localhost", "localhost\t", "kitchen.local.", "fe80::1",
    ],
)  # fmt: skip
def test_hosts_that_are_not_ours(host: str | None) -> None:
    assert not access(address="0.0.0.0", hosts=("kitchen.local", "fe80::1")).our_host(host)


@given(st.text(max_size=40))
def test_no_host_and_no_origin_is_an_error(text: str) -> None:
    ours = access()
    assert isinstance(ours.our_host(text), bool)
    assert not ours.our_page(text, "localhost:8770", secure=False) or text.lower().endswith("localhost:8770")
    assert isinstance(ours.bears(text, "a"), bool)
    assert not ours.admits({COOKIE: text})


@pytest.mark.parametrize(
    ("origin", "host", "secure", "ours"),
    [
        ("http://localhost:8770", "localhost:8770", False, True),
        ("https://localhost:8770", "localhost:8770", False, True),
        ("https://localhost:8770", "localhost:8770", True, True),
        ("http://localhost:8770", "localhost:8770", True, False),
        ("HTTP://LOCALHOST:8770", "localhost:8770", False, True),
        ("http://localhost:3000", "localhost:8770", False, False),
        ("http://localhost", "localhost:8770", False, False),
        ("http://localhost:8770.evil.example", "localhost:8770", False, False),
        ("http://user@localhost:8770", "localhost:8770", False, False),
        ("http://evil.example", "localhost:8770", False, False),
        ("http://127.0.0.1:8770", "localhost:8770", False, False),
        ("http://[::1]:8770", "[::1]:8770", False, True),
        ("http://[::1]:8771", "[::1]:8770", False, False),
        ("http://[::1", "[::1", False, False),
        ("http://[", "[", False, False),
        ("ftp://localhost:8770", "localhost:8770", False, False),
        ("file://", "", False, False),
        ("null", "localhost:8770", False, False),
        ("", "", False, False),
        (None, "localhost:8770", False, False),
    ],
)
def test_origins(origin: str | None, host: str, secure: bool, ours: bool) -> None:
    assert access().our_page(origin, host, secure) is ours


def test_a_ticket_admits_until_its_date_and_outlives_a_restart() -> None:
    clock = Clock()
    ticket = access(clock=clock).ticket()
    later = access(clock=clock)
    assert later.admits({COOKIE: ticket})
    clock.now += COOKIE_S - 1
    assert later.admits({COOKIE: ticket})
    clock.now += 1
    assert not later.admits({COOKIE: ticket})


def test_a_new_token_ends_all_tickets() -> None:
    ticket = access().ticket()
    assert not access(Secret("another")).admits({COOKIE: ticket})


@pytest.mark.parametrize(
    "forge",
    [
        lambda until, signature: "",
        lambda until, signature: until,
        lambda until, signature: f"{until}.",
        lambda until, signature: f".{signature}",
        lambda until, signature: f"{int(until) + 1}.{signature}",
        lambda until, signature: f"{until}.{signature[:-1]}",
        lambda until, signature: f"{until}.{signature}0",
        lambda until, signature: f"{until}.{signature.upper()}",
        lambda until, signature: f"0{until}.{signature}",
        lambda until, signature: f"-{until}.{signature}",
        lambda until, signature: f"{until[:-1]}\u0663.{signature}",
        lambda until, signature: f"{'9' * 4000}.{signature}",
        lambda until, signature: f"{until}.\udcff{signature}",
        lambda until, signature: f"{until}.ÿ",
    ],
)
def test_forged_tickets_admit_nobody(forge: Any) -> None:
    ours = access()
    until, _, signature = ours.ticket().partition(".")
    assert not ours.admits({COOKIE: forge(until, signature)})
    assert ours.admits({COOKIE: f"{until}.{signature}"})


def test_a_ticket_says_nothing_of_the_token_and_all_are_of_one_length() -> None:
    tickets = [access(Secret(token)).ticket() for token in ("a", "b" * 5000, "ü")]
    assert len({len(ticket) for ticket in tickets}) == 1
    assert len(set(tickets)) == 3
    assert not any(token in ticket for ticket in tickets for token in ("b" * 20, "ü"))


@pytest.mark.parametrize(
    ("header", "admitted"),
    [
        (f"Bearer {TOKEN.reveal()}", True),
        (f"bearer   {TOKEN.reveal()} ", True),
        (f"Basic {TOKEN.reveal()}", False),
        ("Bearer", False),
        ("Bearer ", False),
        (f"Bearer {TOKEN.reveal()}x", False),
        ("Bearer \udcff", False),
        ("", False),
        (None, False),
    ],
)
def test_programs_show_the_token(header: str | None, admitted: bool) -> None:
    assert access().bears(header, "10.0.0.1") is admitted


def test_whoever_guesses_waits_and_nobody_else_does() -> None:
    clock = Clock()
    ours = access(clock=clock)
    for _ in range(TRIES):
        assert not ours.too_many("10.0.0.1")
        assert not ours.right("wrong", "10.0.0.1")
        clock.now += 1
    assert ours.too_many("10.0.0.1")
    assert not ours.right(TOKEN.reveal(), "10.0.0.1"), "the right one is not looked at either"
    assert ours.right(TOKEN.reveal(), "10.0.0.2")
    clock.now += TRIES_WITHIN_S - TRIES - 0.5
    assert ours.too_many("10.0.0.1")
    clock.now += 1
    assert ours.right(TOKEN.reveal(), "10.0.0.1"), "the first try is a minute ago"


def test_many_addresses_together_have_few_tries_and_little_memory() -> None:
    clock = Clock()
    ours = access(clock=clock)
    for address in range(10_000):
        assert not ours.right("wrong", str(address))
    assert ours.too_many("somebody")
    assert len(ours._wrong) == ALL_TRIES
    clock.now += TRIES_WITHIN_S + 1
    assert ours.right(TOKEN.reveal(), "somebody")


def test_without_a_token_everybody_may_come_in() -> None:
    ours = access(None)
    assert ours.open
    assert ours.admits({})
    assert ours.ticket() == ""
    assert not access().open


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 20)), max_size=50))
def test_a_bucket_never_gives_more_than_it_was_filled_with(steps: list[tuple[float, int]]) -> None:
    clock = Clock(0.0)
    bucket, taken = Bucket(10.0, 30.0, clock), 0
    for pause, amount in steps:
        clock.now += pause
        taken += amount if bucket.take(amount) else 0
        assert taken <= 30.0 + 10.0 * clock.now + 1e-6


def test_a_bucket_fills_up_again_and_no_further() -> None:
    clock = Clock(0.0)
    bucket = Bucket(10.0, 30.0, clock)
    assert bucket.take(30)
    assert not bucket.take(1)
    clock.now = 0.1
    assert bucket.take(1)
    clock.now = 1000.0
    assert not bucket.take(31)
    assert bucket.take(30)
