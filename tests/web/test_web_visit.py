"""A visit outlives its connections: what waits meanwhile is bounded, and comes in order."""

from __future__ import annotations

import asyncio

from agent.web.protocol import Hello
from agent.web.visit import MAX_WAITING, Visit

HELLO = Hello(type="hello", path="native")


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_what_was_said_meanwhile_comes_first_and_in_order() -> None:
    async def run() -> None:
        visit, got = Visit(1, HELLO, asyncio.get_running_loop()), list[str | bytes]()
        for item in ("a", b"b", "c"):
            visit.send(item)
        await settled()
        assert not visit.connected
        visit.connect(got.append, HELLO)
        visit.send("d")
        await settled()
        assert got == ["a", b"b", "c", "d"]
        assert visit.connected

    asyncio.run(run())


def test_who_is_away_misses_the_oldest_of_too_much() -> None:
    async def run() -> None:
        visit, got = Visit(1, HELLO, asyncio.get_running_loop()), list[str | bytes]()
        for number in range(100):
            visit.send(bytes([number]) * (MAX_WAITING // 50))
        await settled()
        visit.connect(got.append, HELLO)
        assert sum(map(len, got)) <= MAX_WAITING
        assert [item[0] for item in got] == list(range(50, 100))
        assert visit.lost == 50 * (MAX_WAITING // 50)

    asyncio.run(run())


def test_an_older_connection_that_ends_takes_nothing_from_a_newer_one() -> None:
    class Connection:
        def __init__(self) -> None:
            self.got: list[str | bytes] = []

        def put(self, item: str | bytes) -> None:
            self.got.append(item)

    async def run() -> None:
        visit, old, new = Visit(1, HELLO, asyncio.get_running_loop()), Connection(), Connection()
        visit.connect(old.put, HELLO)
        visit.connect(new.put, HELLO)
        assert not visit.disconnect(old.put)
        visit.send("x")
        await settled()
        assert (old.got, new.got) == ([], ["x"])
        assert visit.disconnect(new.put)
        assert not visit.connected
        assert not visit.disconnect(new.put)

    asyncio.run(run())


def test_what_is_said_after_the_end_of_the_server_is_nobodys() -> None:
    loop = asyncio.new_event_loop()
    visit = Visit(1, HELLO, loop)
    loop.close()
    visit.send("too late")
    assert visit.lost == len("too late")


def test_no_two_visits_have_a_key_that_could_be_guessed() -> None:
    loop = asyncio.new_event_loop()
    keys = {Visit(number, HELLO, loop).key for number in range(100)}
    loop.close()
    assert len(keys) == 100
    assert min(map(len, keys)) >= 32
