"""What the agent shows over MQTT: commands of the dialogue -> messages, purely. The whole contract in one place.

Below `<base>/<device>`:

    status        retained, will   `online` | `offline`, the bare word
    state         retained         `idle` | `listening` | `thinking` | `speaking`, the bare word
    health        retained         {at, <part>: {status, reason, since}, …} of all parts
    hearing       retained         `online` | `offline`: whether microphone, wake word and recogniser are well
    setting/NAME  retained         {at, value, changed}
    stats         retained         {at, xruns, …, wakes_today, ttfa_ms}: figures, every ten seconds at most
    timers        retained         {at, next, timers: [{id, kind, name, message, due, seconds, days, ringing}, …]}
    models        retained         {at, installed, latest, outdated, remedy}: the models beside the catalogue
    transcript    momentary        {at, turn, text, final}; partials at QoS 0
    reply         momentary        {at, turn, text, heard}
    event/TYPE    momentary        {at, turn?, …}
    turn          momentary        {at, turn, …}: the receipt
    instance      retained         MQTT 3.1.1 only: a random name of the process, the bare word
    result        momentary        {at, id, ok, error?: {code, message}, data}
    cmd/#         never by us

What the devices of a room say to each other, below `<base>/room`, is in `agent.mqtt.rivals`; what automations of
Rhasspy's read and write, below `hermes`, in `agent.mqtt.hermes`. docs/mqtt.md has examples of all.

`at` is RFC 3339 with the zone's offset. `state` carries `at` and `turn` as user properties of MQTT 5, `status` the
`instance`, a random name of the process. Where `privacy.publish_transcript` is off there is no transcript and no reply,
and receipts have null in their place.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from agent.commands import (
    Answer,
    ShowEvent,
    ShowHealth,
    ShowReply,
    ShowSetting,
    ShowState,
    ShowTimers,
    ShowTranscript,
)
from agent.events import Part, Turn
from agent.timers import DAYS, Timer

Show = ShowState | ShowTranscript | ShowReply | ShowEvent | ShowHealth | ShowSetting | ShowTimers | Answer

ONLINE = "online"
OFFLINE = "offline"
STATUS = "status"
HEARING = "hearing"
EARS: tuple[Part, ...] = ("mic", "wake", "asr")
WORDS = ("transcript", "reply", "heard")  # what was said, in receipts and results
UNSAID: Mapping[str, tuple[str, ...]] = {"timer": ("name", "message"), "intent": ("called", "message")}  # of timers


@dataclass(frozen=True, slots=True)
class Message:
    """`topic` in full; `properties` are user properties; `expiry_s`: when nobody may get it any more, 0: never."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    properties: tuple[tuple[str, str], ...] = ()
    expiry_s: int = 0


@dataclass(frozen=True, slots=True)
class Topics:
    """Where messages go: everything below `<base>/<device>`. `instance` tells this process from all others."""

    base: str
    device: str
    publish_transcript: bool = True
    instance: str = ""

    @property
    def root(self) -> str:
        return f"{self.base}/{self.device}"

    @property
    def commands(self) -> str:
        """All that may be commanded. `status` is the one thing of ours that we also read: so we notice a double."""
        return f"{self.root}/cmd/#"

    def command(self, topic: str) -> str | None:
        """What stands below `cmd/` in the topic of a received message."""
        prefix = f"{self.root}/cmd/"
        return topic.removeprefix(prefix) if topic.startswith(prefix) else None

    def status(self, word: str) -> Message:
        return Message(f"{self.root}/{STATUS}", word.encode(), retain=True, properties=(("instance", self.instance),))

    def show(self, command: Show, at: datetime, parts: Mapping[Part, ShowHealth]) -> Message | None:
        """The message of one command; None where it is nobody's business. `parts`: the health of all so far."""
        match command:
            case ShowState(phase, turn):
                properties = (("at", _rfc3339(at)), ("turn", str(turn)))
                return Message(f"{self.root}/state", phase.encode(), retain=True, properties=properties)
            case ShowTranscript() | ShowReply():
                return self._said(command, at) if self.publish_transcript else None
            case ShowEvent(kind, of, data):
                return self._momentary(f"event/{level(kind)}", at, of, self._unsaid(kind, data))
            case ShowHealth():
                return self._health(at, {**parts, command.part: command})
            case ShowSetting(name, value):
                return self._kept(f"setting/{level(name)}", at, {"value": value, "changed": command.changed})
            case ShowTimers():
                return self._kept("timers", at, self._timers(command))
            case Answer():
                return self.result(at, command.id, command.ok, command.code, command.message, command.data)
            case _:
                assert_never(command)

    def _said(self, command: ShowTranscript | ShowReply, at: datetime) -> Message:
        match command:
            case ShowTranscript(turn, text, final):
                return self._momentary("transcript", at, turn, {"text": text, "final": final}, qos=1 if final else 0)
            case ShowReply(turn, text, heard):
                return self._momentary("reply", at, turn, {"text": text, "heard": heard})

    def _timers(self, shown: ShowTimers) -> dict[str, Any]:
        """What they are called and what they remind of are words that somebody has said."""
        timers = [_timer(timer, timer.id in shown.ringing) for timer in shown.timers]
        following = [each["due"] for each in timers if not each["ringing"]]
        return {"next": following[0] if following else None, "timers": [self._unsaid("timer", each) for each in timers]}

    def _unsaid(self, kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        hidden = () if self.publish_transcript else UNSAID.get(kind, ())
        return {key: value for key, value in data.items() if key not in hidden}

    def hearing(self, parts: Mapping[Part, ShowHealth]) -> Message:
        """Whether the agent hears: a part that nobody has told of is not well."""
        well = all(part in parts and parts[part].status in ("ok", "degraded") for part in EARS)
        return Message(f"{self.root}/{HEARING}", (ONLINE if well else OFFLINE).encode(), retain=True)

    def stats(self, figures: Mapping[str, int | None], at: datetime) -> Message:
        """Figures that change all the time; whoever calls this sees to it that it is seldom."""
        return self._kept("stats", at, figures)

    def models(self, stand: Mapping[str, Any], at: datetime) -> Message:
        """The installed models beside those of the catalogue."""
        return self._kept("models", at, stand)

    def receipt(self, turn: Turn, data: Mapping[str, Any], at: datetime) -> Message:
        """The receipt of a turn, without the words where privacy forbids them."""
        return self._momentary("turn", at, turn, self._public(data))

    def _public(self, data: Mapping[str, Any]) -> dict[str, Any]:
        told = {key: value for key, value in data.items() if self.publish_transcript or key not in WORDS}
        if "timers" in told:
            told["timers"] = [self._unsaid("timer", each) for each in told["timers"]]
        return told

    def result(
        self, at: datetime, id: str | None, ok: bool, code: str = "", message: str = "", data: Mapping[str, Any] = {}
    ) -> Message:
        body: dict[str, Any] = {"at": _rfc3339(at), "id": id, "ok": ok, "data": self._public(data)}
        if not ok:
            body["error"] = {"code": code, "message": message}
        return Message(f"{self.root}/result", _json(body))

    def _momentary(
        self, name: str, at: datetime, turn: Turn | None, fields: Mapping[str, Any], qos: int = 1
    ) -> Message:
        body = {**fields, "at": _rfc3339(at)} | ({} if turn is None else {"turn": turn})
        return Message(f"{self.root}/{name}", _json(body), qos=qos)

    def _kept(self, name: str, at: datetime, fields: Mapping[str, Any]) -> Message:
        return Message(f"{self.root}/{name}", _json({"at": _rfc3339(at), **fields}), retain=True)

    def _health(self, at: datetime, parts: Mapping[Part, ShowHealth]) -> Message:
        told: dict[str, Any] = {
            part: {"status": shown.status, "reason": shown.reason, "since": _rfc3339(shown.since)}
            for part, shown in parts.items()
        }
        return self._kept("health", at, told)


def level(name: str) -> str:
    """A name as one level of a topic: no separator, wildcard or control character survives."""
    return re.sub(r"[^\w.-]", "-", name) or "-"


def _timer(timer: Timer, ringing: bool) -> dict[str, Any]:
    return {
        "id": timer.id,
        "kind": timer.kind,
        "name": timer.name,
        "message": timer.message,
        "due": timer.due.isoformat(timespec="seconds"),
        "seconds": timer.seconds,
        "days": [DAYS[day] for day in timer.days],
        "ringing": ringing,
    }


def _rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _json(body: Mapping[str, Any]) -> bytes:
    # A lone surrogate has no UTF-8, and infinities no JSON: a receipt must not fail for one.
    return json.dumps(_finite(body), ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value
