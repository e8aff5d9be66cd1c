"""The configuration is read anew, checked as at the start, and given to the daemon, or refused as a whole: because of
SIGHUP, or because somebody wishes a setting to be another.

Rules:
- All that takes time (reading, checksums, loading wake words) happens on a thread of its own, while the agent goes on.
  Only the change itself is done by the main loop, between two events.
- systemd is told RELOADING=1 before and READY=1 after SIGHUP, whatever comes out; wishes are none of its business.
- Signals that come while a reload is at work are one more reload after it. Signals during the stop are nothing.
- Wishes are carried out one after the other, since one that is refused must not take others with it, and each is
  answered. One that a newer wish for the same setting has overtaken comes to nothing.
- What was replaced is freed at once, since a small device has no room for two sets of models.
- Refused means that nothing has changed; all reasons are told at once.
"""

from __future__ import annotations

import gc
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from agent import credentials, engines, models
from agent.commands import ChangeSetting
from agent.config import Config
from agent.config_file import ConfigError
from agent.daemon.plan import Plan, RoomName, stale
from agent.daemon.rooms import House, Wiring, build
from agent.daemon.startup import names, understood
from agent.daemon.store import DIGESTS
from agent.engines import Engines
from agent.hearing.wake import WakeModelError
from agent.models import ModelDamaged, ModelMissing
from agent.requests import Value
from agent.thinking.intents import Intents

MAX_WAITING = 32
OVERTAKEN = "a newer value came before this one could be tried"

T = TypeVar("T")


class Refused(Exception):
    """The new configuration cannot be used; one sentence, with its key, for each reason."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Change:
    """A plan that can be carried out at once: `house` has new rooms for the `names`, with the wake words loaded.

    `kept`, `dropped`: the settings that are laid over it, and those that cannot be, with the reasons.
    """

    plan: Plan
    names: frozenset[RoomName]
    house: House
    intents: Mapping[str, Intents]
    asked_at: float  # monotonic seconds
    wish: ChangeSetting | None = None
    kept: Mapping[str, Value] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)


class Reload:
    """`ask` may be called by a signal handler. All that is given is called on the thread: `begin` first where it is a
    SIGHUP, then `prepare`, and one of `carry_out` and `refuse`, which return when all is done."""

    def __init__(
        self,
        begin: Callable[[], None],
        prepare: Callable[[ChangeSetting | None], Change],
        carry_out: Callable[[Change], None],
        refuse: Callable[[Refused, ChangeSetting | None], None],
    ) -> None:
        self._begin = begin
        self._prepare = prepare
        self._carry_out = carry_out
        self._refuse = refuse
        self._asked: queue.SimpleQueue[ChangeSetting | None] = queue.SimpleQueue()
        self._stopping = threading.Event()

    def ask(self) -> None:
        self._asked.put(None)

    def wish(self, wish: ChangeSetting) -> bool:
        """Whether it will be looked at; there may be too many already."""
        if self._asked.qsize() >= MAX_WAITING:
            return False
        self._asked.put(wish)
        return True

    def start(self) -> None:
        threading.Thread(target=self._run, name="reload", daemon=True).start()

    def stop(self) -> None:
        """No reload begins any more. One that is being prepared comes to nothing."""
        self._stopping.set()
        self._asked.put(None)

    def _run(self) -> None:
        while True:
            asked = [self._asked.get()]
            while not self._asked.empty():
                asked.append(self._asked.get())
            wishes = [wish for wish in asked if wish is not None]
            for wish in wishes if None not in asked else (None, *wishes):
                if self._stopping.is_set():
                    return
                newest = wish is None or next(each for each in reversed(wishes) if each.name == wish.name)
                if wish is None or wish is newest:
                    self._do(wish)
                else:
                    self._refuse(Refused(OVERTAKEN), wish)

    def _do(self, wish: ChangeSetting | None) -> None:
        if wish is None:
            self._begin()
        try:
            change = self._prepare(wish)
        except Refused as refused:
            self._refuse(refused, wish)
            return
        self._carry_out(change)
        if change.names:
            del change
            gc.collect()  # rooms and their callbacks refer to each other, so models and descriptors wait for it


def prepare(
    load: Callable[[], Config],
    old: Plan,
    house: House,
    intents: Mapping[str, Intents],
    wiring: Wiring,
    folder: Path,
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
    spoken = understood(plan.config)
    heard, before = ((names(each), each.actions) for each in (plan.config, old.config))
    if (set(spoken), heard) != (set(intents), before):
        intents = spoken
        for each in intents.values():
            each.warm()
    return Change(plan, changed, fresh, intents, asked_at)


def read(load: Callable[[], Config], old: Plan, folder: Path) -> Plan:
    """The configuration and its engines, all of it checked. Raises Refused."""
    config = loaded(load)
    reasons = list(_missing(config, old.config))
    try:
        chosen = engines.choose(config)
    except ModelMissing as error:
        raise Refused(*reasons, *str(error).splitlines()) from error
    reasons += _damaged(chosen, folder)
    if reasons:
        raise Refused(*reasons)
    return Plan(config, chosen)


def loaded(load: Callable[[], T]) -> T:
    """Raises Refused."""
    try:
        return load()
    except ConfigError as error:
        raise Refused(*(str(problem) for problem in error.problems)) from None


def _missing(config: Config, old: Config) -> Iterator[str]:
    """Files that are named now and were not before: what was missing at the start already is no news."""
    before = {**credentials.named_by(old), **credentials.keys_named_by(old)}
    yield from credentials.problems(config, known=before.values())
    for key, file in {**config.mqtt.files(), **config.web.files()}.items():
        # Not is_file(), which fails where the service may not look: below /home.
        if not os.path.isfile(file):
            yield f"{key}: there is no file {file} that the service can reach"


def _damaged(chosen: Engines, folder: Path) -> Iterator[str]:
    for path in chosen.models():
        try:
            models.verify(path, cached=folder / DIGESTS)
        except (ModelDamaged, OSError) as error:
            yield str(error)
