"""SIGHUP: the configuration is read anew, checked as at the start, and given to the daemon, or refused as a whole.

Rules:
- All that takes time (reading, checksums, loading wake words) happens on a thread of its own, while the agent goes on.
  Only the change itself is done by the main loop, between two events.
- systemd is told RELOADING=1 before and READY=1 after it, whatever comes out.
- Signals that come while a reload is at work are one more reload after it. Signals during the stop are nothing.
- What was replaced is freed at once, since a small device has no room for two sets of models.
- Refused means that nothing has changed; all reasons are told at once.
"""

from __future__ import annotations

import gc
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent import credentials, engines, models
from agent.config import Config
from agent.config_file import ConfigError
from agent.credentials import CredentialError
from agent.daemon.plan import Plan, RoomName, stale
from agent.daemon.rooms import House, Wiring, build
from agent.daemon.startup import names
from agent.engines import Engines
from agent.hearing.wake import WakeModelError
from agent.models import ModelDamaged, ModelMissing
from agent.thinking.intents import Intents

DIGESTS = "verified.json"


class Refused(Exception):
    """The new configuration cannot be used; one sentence, with its key, for each reason."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Change:
    """A plan that can be carried out at once: `house` has new rooms for the `names`, with the wake words loaded."""

    plan: Plan
    names: frozenset[RoomName]
    house: House
    intents: Intents
    asked_at: float  # monotonic seconds


class Reload:
    """`ask` may be called by a signal handler. `load` reads the configuration; the others are called on the thread:
    `begin` first, then `prepare`, and one of `carry_out` and `refuse`, which return when all is done."""

    def __init__(
        self,
        begin: Callable[[], None],
        prepare: Callable[[], Change],
        carry_out: Callable[[Change], None],
        refuse: Callable[[Refused], None],
    ) -> None:
        self._begin = begin
        self._prepare = prepare
        self._carry_out = carry_out
        self._refuse = refuse
        self._asked: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._stopping = threading.Event()

    def ask(self) -> None:
        self._asked.put(None)

    def start(self) -> None:
        threading.Thread(target=self._run, name="reload", daemon=True).start()

    def stop(self) -> None:
        """No reload begins any more. One that is being prepared comes to nothing."""
        self._stopping.set()
        self._asked.put(None)

    def _run(self) -> None:
        while True:
            self._asked.get()
            while not self._asked.empty():
                self._asked.get()
            if self._stopping.is_set():
                return
            self._begin()
            try:
                change = self._prepare()
            except Refused as refused:
                self._refuse(refused)
            else:
                self._carry_out(change)
                if change.names:
                    del change
                    gc.collect()  # rooms and their callbacks refer to each other, so models and descriptors wait for it


def prepare(
    load: Callable[[], Config], old: Plan, house: House, intents: Intents, wiring: Wiring, folder: Path
) -> Change:
    """Read, check and make ready. Raises Refused."""
    asked_at = time.monotonic()
    plan = read(load, old, folder)
    changed = stale(old, plan)
    fresh = build(plan, wiring, house, changed)
    if "ear" in changed:
        try:
            fresh.ear.load()
        except WakeModelError as error:
            raise Refused(f"wake.words: {error}") from error
    if (plan.config.persona.language, names(plan.config)) != (old.config.persona.language, names(old.config)):
        intents = Intents(plan.config.persona.language, names(plan.config))
        intents.warm()
    return Change(plan, changed, fresh, intents, asked_at)


def read(load: Callable[[], Config], old: Plan, folder: Path) -> Plan:
    """The configuration and its engines, all of it checked. Raises Refused."""
    try:
        config = load()
    except ConfigError as error:
        raise Refused(*(str(problem) for problem in error.problems)) from None
    reasons = list(_missing(config, old.config))
    try:
        chosen = engines.choose(config)
    except ModelMissing as error:
        raise Refused(*reasons, *str(error).splitlines()) from error
    reasons += _damaged(chosen, folder)
    if reasons:
        raise Refused(*reasons)
    return Plan(config, chosen)


def _missing(config: Config, old: Config) -> Iterator[str]:
    """Files that are named now and were not before: what was missing at the start already is no news."""
    before = credentials.named_by(old).values()
    for key, name in credentials.named_by(config).items():
        if name in before:
            continue
        try:
            credentials.read(name)
        except CredentialError as error:
            yield f"{key}: {error}"
    ca_file = config.mqtt.ca_file if config.mqtt.enabled else None
    # Not is_file(), which fails where the service may not look: below /home.
    if ca_file and not os.path.isfile(ca_file):
        yield f"mqtt.ca_file: there is no file {ca_file} that the service can reach"


def _damaged(chosen: Engines, folder: Path) -> Iterator[str]:
    for path in chosen.models():
        try:
            models.verify(path, cached=folder / DIGESTS)
        except (ModelDamaged, OSError) as error:
            yield str(error)
