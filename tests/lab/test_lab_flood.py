"""The flood really floods: a broker gets what it says it sent, at the rate that was asked for."""

from __future__ import annotations

import os
import subprocess

import pytest

from agent.lab.bench import usage
from agent.lab.broker import Broker
from agent.lab.flood import Flood, publish_packet
from agent.lab.watch import Watcher


def test_a_packet_as_the_specification_has_it() -> None:
    assert publish_packet(b"a/b", b"{}") == b"\x30\x07\x00\x03a/b{}"
    with pytest.raises(ValueError, match="too long"):
        publish_packet(b"x" * 130, b"")


@pytest.mark.room
def test_the_broker_passes_on_what_was_sent(broker: Broker) -> None:
    watcher = Watcher(broker.host, broker.port, "flood-of-a-test")
    watcher.start()
    try:
        with Flood(broker.port, "flood-of-a-test/cmd/x", 500, 1.0) as flood:
            sent = flood.wait()
        assert 300 <= sent <= 500
        assert watcher.wait(lambda _: watcher.mark() >= sent, 10.0) is not None
        assert watcher.mark() == sent
    finally:
        watcher.stop()


def test_what_a_process_holds() -> None:
    """Of a process of our own: this one's threads, which other tests have started, may end meanwhile."""
    found = []
    with open(os.devnull) as more:
        for given in ((), (more.fileno(),)):
            with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=given) as cat:
                assert cat.stdin is not None
                assert cat.stdout is not None
                os.write(cat.stdin.fileno(), b"up")
                assert os.read(cat.stdout.fileno(), 2) == b"up"
                found.append(usage.held(cat.pid))
                cat.stdin.close()
    (kib, descriptors, threads), (_, one_more, _) = found
    assert 100 < kib < 100_000
    assert (descriptors, one_more, threads) == (3, 4, 1)
