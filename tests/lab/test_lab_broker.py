"""The broker is there, forgets, comes back on its port, and goes."""

import subprocess

import psutil
import pytest

from agent.lab.broker import Broker, BrokerFailed

pytestmark = pytest.mark.room


def sent_and_got(broker: Broker, text: str) -> str:
    where = ["-h", broker.host, "-p", str(broker.port), "-t", "lab/said"]
    subprocess.run(["mosquitto_pub", *where, "-r", "-m", text], check=True)
    return subprocess.run(
        ["mosquitto_sub", *where, "-C", "1", "-W", "10"], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_it_carries_messages(broker: Broker) -> None:
    assert sent_and_got(broker, "hello") == "hello"


def test_it_comes_back_on_its_port_and_remembers_nothing() -> None:
    with Broker() as broker:
        sent_and_got(broker, "old")
        port, pid = broker.port, broker.pid
        broker.stop(kill=True)
        assert pid is not None
        assert not psutil.pid_exists(pid)
        broker.start()
        assert broker.port == port
        where = ["-h", broker.host, "-p", str(port), "-t", "#"]
        got = subprocess.run(["mosquitto_sub", *where, "-W", "1"], capture_output=True, text=True, check=False)
        assert got.stdout == ""


def test_nonsense_in_its_settings_is_told() -> None:
    broker = Broker(settings="no_such_setting 1")
    with pytest.raises(BrokerFailed, match="no_such_setting"):
        broker.start()
    assert broker.pid is None
