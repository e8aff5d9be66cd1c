"""A child that misbehaves on request, for the tests of `agent.child`: `python -m moody [MOOD]`."""

import os
import sys
import time

from agent.parent import Parent
from agent.records import Kind, Record

MOOD = sys.argv[1] if len(sys.argv) > 1 else ""

COUNTS: dict[str, int] = {}


def main() -> None:
    if MOOD == "dies":
        sys.exit(3)
    if MOOD == "nonsense":
        os.write(1, b"\xff" * 64)
        time.sleep(60)
    parent = Parent(heartbeat_s=0.1)
    if MOOD == "never ready":
        time.sleep(60)
    os.write(1, b"a native library prints\n")
    parent.message("ready", pid=os.getpid())
    for record in parent.records():
        obey(parent, record)
    if MOOD == "lingers":
        time.sleep(60)


def obey(parent: Parent, record: Record) -> None:
    if record.kind is not Kind.MESSAGE:
        parent.send(record)
        return
    message = record.message()
    match message["type"]:
        case "exit":
            os._exit(message["code"])
        case "busy":
            parent.message("busy")
            time.sleep(message["seconds"])
            parent.message("rested")
        case "flood":
            block = [Record(Kind.AUDIO, bytes(2000), position=n) for n in range(message["n"])]
            taken = sum(parent.offer(each) for each in block)
            with open(message["done"], "w") as fifo:
                fifo.write("done")
            COUNTS.update(taken=taken, dropped=parent.dropped)
        case "count":
            parent.message("count", **COUNTS)
        case _:
            parent.message("echo", turn=record.turn, of=message)


main()
