"""A store that keeps timers as fast as it can, to be killed; says which revision the disk has acknowledged.

`timer_writer.py FOLDER kill`: revision after revision. `timer_writer.py FOLDER full`: the disk is full in between.
"""

from __future__ import annotations

import queue
import resource
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.clock import now
from agent.commands import KeepTimers
from agent.daemon.store import Store
from agent.events import Event, Health, TimersKept
from agent.timers import MAX_TIMERS, Timer

MOMENT = datetime(2026, 11, 26, 12, tzinfo=UTC)
TOO_SMALL = 4096  # bytes of a file: less than the log of one transaction


def timers(revision: int) -> tuple[Timer, ...]:
    """Another number of them in every revision, all of which know it."""
    count = revision % MAX_TIMERS + 1
    due = MOMENT + timedelta(seconds=revision)
    return tuple(
        Timer(f"{revision}-{n}", "timer", str(revision), "m" * 200, due, None, 60, (), "", MOMENT) for n in range(count)
    )


def main(folder: Path, mode: str) -> None:
    events: queue.Queue[Event] = queue.Queue()
    store = Store(folder, events.put, now, keep_receipts=False)
    first = int(store.kept.timers[0].name) if store.kept.timers else 0
    store.start()
    revision = first
    while mode == "kill":
        revision += 1
        keep(store, events, revision)
    for limit in (resource.RLIM_INFINITY, TOO_SMALL, TOO_SMALL, resource.RLIM_INFINITY):
        revision += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        keep(store, events, revision)
    store.stop()
    while not events.empty():
        tell(events.get())


def keep(store: Store, events: queue.Queue[Event], revision: int) -> None:
    store.timers(KeepTimers(revision, timers(revision)))
    while True:
        event = events.get()
        tell(event)
        if isinstance(event, TimersKept):
            return


def tell(event: Event) -> None:
    match event:
        case TimersKept(revision=revision, ok=ok):
            say("kept" if ok else "failed", str(revision))
        case Health(status=status):
            say("disk", status)
        case _:
            pass


def say(*words: str) -> None:
    sys.stdout.write(f"{' '.join(words)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    main(Path(sys.argv[1]), sys.argv[2])
