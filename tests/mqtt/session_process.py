"""A session as a process of its own, to be killed. Prints "up" whenever it is.

Arguments: port, device and, where they are not as usual, version of MQTT and keepalive.
"""

from __future__ import annotations

import sys
import threading

from agent.clock import now
from agent.commands import ShowState
from agent.config import Config
from agent.events import Event, Health
from agent.mqtt.session import Session


def main() -> None:
    protocol, keepalive_s = (*sys.argv[3:], "5")[0], int((*sys.argv[4:], 15)[0])
    where = {"host": "127.0.0.1", "port": int(sys.argv[1]), "device": sys.argv[2]}
    config = Config(mqtt={**where, "protocol": protocol, "keepalive_s": keepalive_s})

    def emit(event: Event) -> None:
        if isinstance(event, Health) and event.status == "ok":
            sys.stdout.write("up\n")
            sys.stdout.flush()

    session = Session(config, emit, now, lambda reason: sys.exit(reason))
    session.show(ShowState("idle", 0))
    session.start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
