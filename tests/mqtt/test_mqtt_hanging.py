"""A connection that is there and dead (M4): with the usual keepalive of 15 s either side notices within 30 s."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mqtt_rig import MOSQUITTO, PATIENCE_S, Broker, Observer, Rig, configure
from session_child import SessionChild

pytestmark = pytest.mark.room
KEEPALIVE_S = 15
NOTICED_S = 30.0
WILL_S = 1.5 * KEEPALIVE_S


@pytest.mark.timeout(300)
def test_either_side_notices_in_time(
    broker: Broker,
    tmp_path: Path,
    rigs: Callable[..., Rig],
    observers: Callable[..., Observer],
    record_property: Callable[[str, object], None],
) -> None:
    """Both at once, since each takes its time: our broker hangs; and we hang, at another broker."""
    assert MOSQUITTO is not None
    other = Broker(tmp_path / "other")
    other.start()
    try:
        observer = observers(other.port)
        rig = rigs(configure(broker.port))
        assert configure(broker.port).mqtt.keepalive_s == KEEPALIVE_S
        with SessionChild(other.port) as child:
            child.wait_up(PATIENCE_S)
            rig.health("ok")
            broker.freeze()
            child.process.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            observer.wait("status", lambda seen: seen.payload == b"offline", 3 * WILL_S)
            will_s = time.monotonic() - began
            rig.wait(lambda event: getattr(event, "status", "") == "failed", 3 * NOTICED_S)
            noticed_s = time.monotonic() - began
            child.process.send_signal(signal.SIGCONT)
            child.wait_up(3 * NOTICED_S)
            observer.forget()
    finally:
        other.stop()
    record_property("noticed_s", round(noticed_s, 1))
    record_property("will_s", round(will_s, 1))
    assert noticed_s <= NOTICED_S
    assert will_s <= WILL_S + 1.0  # mosquitto looks at its clock once a second
    broker.kill()
    broker.start()
    rig.forget()
    rig.health("ok")


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_hanging_broker_is_noticed_and_left(broker: Broker, rigs: Callable[..., Rig], protocol: str) -> None:
    rig = rigs(configure(broker.port, mqtt={"keepalive_s": 5, "protocol": protocol}))
    rig.health("ok")
    broker.freeze()
    began = time.monotonic()
    rig.health("failed", "connection lost")
    assert time.monotonic() - began <= 2 * 5
    broker.kill()
    broker.start()
    rig.forget()
    rig.health("ok")
