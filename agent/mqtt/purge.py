"""Deleting everything that a broker keeps of a device: its topics, its place in its room, its announcement.

Rules:
- What is kept is asked of the broker, so that what an older version left goes too; retained commands also, which nobody
  obeys. Then it is asked again, until nothing is left.
- Where a broker lets us write but not read, all that this version publishes is deleted unseen. Whether it lets us read
  our own topics shows in a message that we send to ourselves.
- A device that is online would say much of it again, so its topics are left alone unless that is forced. `online` is
  what the broker keeps: one that lost power together with its broker may seem to be there.
- A client id of its own is used, and the will would delete a message that nobody keeps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.config import Config
from agent.identity import MEETING, device_id
from agent.mqtt import discovery
from agent.mqtt.happenings import Connected, Happening, Lost, Published, Received, Subscribed
from agent.mqtt.keeper import client_id, machine_id
from agent.mqtt.link import Bell, Link
from agent.mqtt.topics import HEARING, ONLINE, STATUS, Message, Topics
from agent.settings import SETTINGS

ANSWER_S = 5.0
QUIET_S = 0.5  # after which a broker has told all that it keeps
ROUNDS = 5
PROBE = "event/purge"
KNOWN = (STATUS, HEARING, "state", "health", "stats", "models", "timers", "instance")


class PurgeFault(Exception):
    """The broker went away, or refuses; str() says so."""


class StillOnline(Exception):
    """The device is there and would say it all again."""


@dataclass(frozen=True, slots=True)
class Purged:
    """Topics, in order. `unseen`: deleted without having been read. `left`: there all the same."""

    removed: tuple[str, ...]
    unseen: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def filters(topics: Topics, prefix: str) -> tuple[str, ...]:
    """Where a device may have left something; the first one is its own root."""
    name = device_id(topics.device)
    return (
        f"{topics.root}/#",
        f"{topics.base}/{MEETING}/+/member/{topics.device}",
        discovery.topic(prefix, topics.device),
        f"{prefix}/+/{name}/config",
        f"{prefix}/+/{name}/+/config",
    )


class Purge:
    """One visit to the broker of this configuration, for the topics of `device`; use it as a context manager.

    Entering raises LinkFault, PurgeFault and CredentialError; the methods raise PurgeFault.
    """

    def __init__(self, config: Config, device: str, password: str | None) -> None:
        self._topics = Topics(config.mqtt.base, device)
        self._prefix = config.home_assistant.prefix
        self._password = password
        name = client_id(f"{device}/purge", machine_id())
        self._link = Link(config.mqtt, name, Message(f"{self._topics.root}/{PROBE}", b""), Bell())
        self._happened: list[Happening] = []
        self._readable = False

    def __enter__(self) -> Purge:
        try:
            self._link.open(self._password)
            self._await(lambda each: isinstance(each, Connected))
        except BaseException:
            self._link.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._link.disconnect()
        self._link.pump(0.1)
        self._link.close()

    def kept(self) -> dict[str, bytes]:
        """What the broker keeps, by topic."""
        self._happened.clear()  # what was deleted comes back to us, empty
        self._link.subscribe(*filters(self._topics, self._prefix))
        answer = self._await(lambda each: isinstance(each, Subscribed))
        if isinstance(answer, Subscribed) and answer.refusal:
            raise PurgeFault(f"the broker does not let us read {self._topics.root}/#: {answer.refusal}")
        probe = Message(f"{self._topics.root}/{PROBE}", b"{}")
        self._link.publish(probe)
        kept: dict[str, bytes] = {}
        while (received := self._next(lambda each: isinstance(each, Received), QUIET_S)) is not None:
            if isinstance(received, Received) and received.retain:
                kept[received.topic] = received.payload
            elif isinstance(received, Received) and received.topic == probe.topic:
                self._readable = True
        return {topic: kept[topic] for topic in sorted(kept) if kept[topic]}

    def run(self, force: bool = False) -> Purged:
        """Delete it. Raises StillOnline, unless forced."""
        kept = self.kept()
        if not force and kept.get(f"{self._topics.root}/{STATUS}") == ONLINE.encode():
            raise StillOnline(f"{self._topics.device} is online")
        unseen = tuple(topic for topic in self._known() if topic not in kept)
        removed = dict.fromkeys(kept)
        for _ in range(ROUNDS):
            for topic in (*kept, *unseen):
                self._delete(topic)
            kept = self.kept()
            if not kept:
                break
            removed |= dict.fromkeys(kept)
        return Purged(tuple(sorted(removed)), unseen, tuple(kept))

    def _known(self) -> tuple[str, ...]:
        """What may be there though it cannot be read."""
        announcement = discovery.topic(self._prefix, self._topics.device)
        names = () if self._readable else (*KNOWN, *(f"setting/{name}" for name in SETTINGS))
        return (announcement, *(f"{self._topics.root}/{name}" for name in names))

    def _delete(self, topic: str) -> None:
        number = self._link.publish(Message(topic, b"", retain=True))
        answer = self._await(lambda each: isinstance(each, Published) and each.mid == number)
        if isinstance(answer, Published) and answer.refusal:
            raise PurgeFault(f"the broker does not let us delete {topic}: {answer.refusal}")

    def _await(self, wanted: Callable[[Happening], bool]) -> Happening:
        happening = self._next(wanted, ANSWER_S)
        if happening is None:
            raise PurgeFault("the broker does not answer")
        return happening

    def _next(self, wanted: Callable[[Happening], bool], patience_s: float) -> Happening | None:
        """The first such happening; None where none comes in time. The others wait for whoever wants them."""
        until = time.monotonic() + patience_s
        while True:
            for happening in self._happened:
                if isinstance(happening, Lost):
                    raise PurgeFault(happening.reason)
                if wanted(happening):
                    self._happened.remove(happening)
                    return happening
            left_s = until - time.monotonic()
            if left_s <= 0:
                return None
            self._happened += self._link.pump(left_s)
