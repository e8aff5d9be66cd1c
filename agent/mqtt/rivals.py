"""The other agents of the house, where the devices of one group agree who answers a wake word.

Below `<base>/room/<group>`, with nothing of a device's own:

    wake            momentary, QoS 0   {at, turn, device, kind: "wake" | "claim", quality, answering}
    member/DEVICE   retained           {device}; empty once the device has left

Rules:
- A peer is a member whose `<base>/<device>/status` is `online`: a membership outlives a crash, the will tells of it.
- We belong to the group once our own membership came back from the broker, so writing and reading there work; until
  then, and as soon as the connection is lost, nobody is waited for.
- QoS 0, since what comes later than a sixth of a second is worth nothing: no acknowledgement, nothing is sent twice.
- Others are not trusted. Words that are too large, malformed, out of range, retained, or of somebody who is no peer are
  nothing; each peer has `BIDS` and `CLAIMS`, and what is over is dropped. So the worst that one of them can do is to
  take a turn within its first second, twelve a minute at most, and we say in `event/yielded` who did it.
- The time that others write is for people; ours counts.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.commands import Bid, Claim
from agent.events import Instant, PeersChanged, RivalClaimed, RivalWoke
from agent.identity import MEETING
from agent.mqtt.happenings import Received
from agent.mqtt.limits import Seldom, TokenBucket
from agent.mqtt.topics import ONLINE, STATUS, Message, Topics

MAX_BYTES = 512
MAX_MEMBERS = 32
MAX_ONLINE = 1024  # devices of all groups
BIDS, CLAIMS = (1.0, 6), (0.2, 6)  # a second in the long run, at once
COMPLAIN_S = 60.0

_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,64}")

log = logging.getLogger(__name__)


class _Word(BaseModel):
    """What another agent says on `wake`; more keys than these may come with a later version."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    device: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    kind: Literal["wake", "claim"]
    quality: Annotated[float, Field(ge=-200, le=200)]
    answering: bool = False


@dataclass(frozen=True, slots=True)
class _Tokens:
    """How much one peer may say."""

    bids: TokenBucket
    claims: TokenBucket


class Rivals:
    """A reader of `agent.mqtt.connection`, for the session's thread; `wish` and `belongs` are for any thread."""

    def __init__(self, topics: Topics, group: str | None) -> None:
        """`group`: None where the device is in none; then this reads and says nothing."""
        base, self._device = topics.base, topics.device
        self._room = f"{base}/{MEETING}/{group}"
        self._wake = f"{self._room}/wake"
        self._members_of = f"{self._room}/member/"
        self._status = re.compile(rf"{re.escape(base)}/([^/]+)/{STATUS}")
        membership = Message(f"{self._members_of}{self._device}", _json({"device": self._device}), retain=True)
        self.filters: tuple[str, ...] = ()
        self.joining: tuple[Message, ...] = ()
        self.leaving: tuple[Message, ...] = ()
        if group is not None:
            self.filters = (self._wake, f"{self._members_of}+", f"{base}/+/{STATUS}")
            self.joining, self.leaving = (membership,), (replace(membership, payload=b""),)
        self.belongs = False
        self.dropped = 0
        self._members: set[str] = set()
        self._online: set[str] = set()
        self._tokens: dict[str, _Tokens] = {}
        self._told = 0
        self._seldom = Seldom(COMPLAIN_S)

    def wish(self, command: Bid | Claim, at: datetime) -> Message:
        """The message of a command."""
        kind = "wake" if isinstance(command, Bid) else "claim"
        body = {
            "at": at.isoformat(timespec="milliseconds"),
            "turn": command.turn,
            "device": self._device,
            "kind": kind,
            "quality": round(command.quality, 2),
            "answering": isinstance(command, Claim) and command.answering,
        }
        return Message(self._wake, _json(body), qos=0)

    def reads(self, topic: str) -> bool:
        if not self.filters:
            return False
        whose = topic.startswith(self._members_of) or self._status.fullmatch(topic) is not None
        return whose or topic == self._wake

    def take(self, received: Received, at: Instant) -> tuple[PeersChanged | RivalWoke | RivalClaimed, ...]:
        if received.topic == self._wake:
            return self._heard(received, at)
        if received.topic.startswith(self._members_of):
            return self._member(received.topic.removeprefix(self._members_of), bool(received.payload), at)
        status = self._status.fullmatch(received.topic)
        if status is not None:
            _note(self._online, status[1], received.payload == ONLINE.encode(), MAX_ONLINE)
        return self._counted(at)

    def lost(self, at: Instant) -> tuple[PeersChanged, ...]:
        """The connection is gone: nobody can be asked."""
        self._members.clear()
        self._online.clear()
        told, self.belongs, self._told = self.belongs, False, 0
        return (PeersChanged(at, "", 0),) if told else ()

    def _member(self, device: str, present: bool, at: Instant) -> tuple[PeersChanged, ...]:
        if device == self._device:
            return self._ourselves(present, at)
        _note(self._members, device, present, MAX_MEMBERS)
        return self._counted(at)

    def _ourselves(self, present: bool, at: Instant) -> tuple[PeersChanged, ...]:
        if present == self.belongs:
            return ()
        self.belongs = present
        self._told = len(self._members & self._online) if present else 0
        return (PeersChanged(at, self._device if present else "", self._told),)

    def _counted(self, at: Instant) -> tuple[PeersChanged, ...]:
        peers = self._members & self._online
        for gone in self._tokens.keys() - self._members:
            del self._tokens[gone]
        if not self.belongs or len(peers) == self._told:
            return ()
        self._told = len(peers)
        return (PeersChanged(at, self._device, self._told),)

    def _heard(self, received: Received, at: Instant) -> tuple[RivalWoke | RivalClaimed, ...]:
        word = None if received.retain else _parse(received.payload)
        if word is None:
            self.dropped += 1
            return ()
        if word.device == self._device:
            return ()
        if word.device not in self._members & self._online or not self._may(word, at.mono):
            self.dropped += 1
            return ()
        if word.kind == "wake":
            return (RivalWoke(at, word.device, word.quality),)
        return (RivalClaimed(at, word.device, word.quality, word.answering),)

    def _may(self, word: _Word, now: float) -> bool:
        tokens = self._tokens.setdefault(word.device, _Tokens(TokenBucket(*BIDS), TokenBucket(*CLAIMS)))
        if (tokens.bids if word.kind == "wake" else tokens.claims).take(now):
            return True
        if self._seldom.may(word.device, now):
            text = "%s talks too much about wake words and is not listened to for a while"
            log.warning(text, word.device, extra={"code": "mqtt.rival"})
        return False


def _note(names: set[str], name: str, present: bool, limit: int) -> None:
    """A name that comes or goes; what is no name, or one too many, is not noted."""
    if not present:
        names.discard(name)
    elif len(names) < limit and _DEVICE.fullmatch(name):
        names.add(name)


def _parse(payload: bytes) -> _Word | None:
    if len(payload) > MAX_BYTES:
        return None
    try:
        return _Word.model_validate_json(payload)
    except ValidationError:
        return None


def _json(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
