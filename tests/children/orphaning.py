"""A parent for the tests of `agent.child`: keeps a child busy, writes its process id and waits to be killed."""

import sys
import threading

from agent.child import Child, ChildSpec, ChildState
from agent.records import Kind, Record, split_message

BUSY = threading.Event()


def on_record(record: Record) -> None:
    if record.kind is Kind.MESSAGE and record.message()["type"] == "busy":
        BUSY.set()


def on_state(state: ChildState, reason: str) -> None:
    """Not of interest."""


child = Child(ChildSpec("moody", "moody", silent_s=60.0), on_record, on_state, lambda reason: None)
child.start()
child.send(*split_message({"type": "busy", "seconds": 600}))
BUSY.wait()
sys.stdout.write(f"{child.pid}\n")
sys.stdout.flush()
threading.Event().wait()
