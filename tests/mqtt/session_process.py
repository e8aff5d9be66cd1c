"""A session as a process of its own, to be killed: arguments are port and device; prints "up" when it is."""

from __future__ import annotations

import sys
import threading

from agent.clock import now
from agent.commands import ShowState
from agent.config import Config
from agent.events import Event, Health
from agent.mqtt.session import Session


def main() -> None:
    config = Config(mqtt={"host": "127.0.0.1", "port": int(sys.argv[1]), "device": sys.argv[2]})

    def emit(event: Event) -> None:
        if isinstance(event, Health) and event.status == "ok":
            sys.stdout.write("up\n")
            sys.stdout.flush()

    session = Session(config, emit, now, lambda reason: sys.exit(reason))
    session.show(ShowState("idle", 0))
    session.start()
    threading.Event().wait(120)


if __name__ == "__main__":
    main()
