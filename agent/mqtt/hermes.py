"""The Hermes protocol, as Rhasspy and Snips spoke it, for automations that were written for them (`mqtt.hermes`).

    hermes/hotword/<word>/detected            out   {modelId, modelVersion, modelType, currentSensitivity, siteId}
    hermes/dialogueManager/sessionStarted     out   {sessionId, siteId, customData}
    hermes/asr/textCaptured                   out   {text, likelihood, seconds, siteId, sessionId}
    hermes/dialogueManager/sessionEnded       out   {termination: {reason}, sessionId, siteId, customData}
    hermes/tts/say                            in    {text, id, siteId, sessionId}; further keys are ignored
    hermes/tts/sayFinished                    out   {id, siteId, sessionId}: heard, cut or refused, as Hermes has it

Rules:
- A mapping and nothing more: nobody is asked for an intent, no sound travels. `siteId` is the name of the device, and
  what is meant for another site is not ours.
- A turn is a session from when it listens or thinks; an announcement is none. Its end is told by its receipt.
- What comes in is held to the rules of `cmd/say` (`agent.mqtt.commands`), and to a rate of its own. Nonsense is dropped
  and counted, since Hermes has no word for it.
- Topics of Hermes belong to no device, so whoever may write there may speak for all. That is why it is off.

Payloads: rhasspy/rhasspy-hermes, rhasspyhermes/{wake,asr,dialogue,tts}.py. Any thread may call.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from itertools import count
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.commands import Answer, ShowEvent, ShowState, ShowTranscript
from agent.events import Instant, Requested, Turn
from agent.mqtt.commands import MAX_BYTES, Accepted, parse
from agent.mqtt.happenings import Received
from agent.mqtt.intake import BURST, RATE_HZ
from agent.mqtt.limits import TokenBucket
from agent.mqtt.payloads import MAX_ID
from agent.mqtt.topics import Message, Show, Topics, level

SAY, SAID = "hermes/tts/say", "hermes/tts/sayFinished"
MAX_SAYS = 64
MAX_SESSIONS = 8
REASONS: Mapping[str, str] = MappingProxyType(
    {
        "answered": "nominal",
        "interrupted": "abortedByUser",
        "yielded": "abortedByUser",
        "continued": "nominal",
        "silence": "timeout",
        "failed": "error",
    }
)
OURS = "hermes".ljust(MAX_ID + 1, "-")  # how our ids begin: longer than one that a sender may choose


class _Say(BaseModel):
    """What a dialogue manager sends. Whether the text is one, `agent.mqtt.commands` judges."""

    model_config = ConfigDict(strict=True)

    text: str
    id: Annotated[str | None, Field(max_length=200)] = ""
    site: Annotated[str, Field(alias="siteId", max_length=MAX_ID)] = "default"
    session: Annotated[str | None, Field(alias="sessionId", max_length=200)] = ""


class Hermes:
    """A reader of `agent.mqtt.connection`. `threshold`: the score from which on a wake word counts."""

    filters = (SAY,)

    def __init__(self, topics: Topics, threshold: float) -> None:
        self.dropped = 0
        self._topics = topics
        self._threshold = threshold
        self._tokens = TokenBucket(RATE_HZ, BURST)
        self._numbers = count(1)
        self._lock = threading.Lock()  # guards all below
        self._sessions: dict[Turn, None] = {}  # that are going on; an interrupted one ends after its successor began
        self._says: dict[str, _Say] = {}  # by our id, the oldest first

    def reads(self, topic: str) -> bool:
        return topic == SAY

    def take(self, received: Received, at: Instant) -> tuple[Requested | Message, ...]:
        """An announcement that somebody asks for."""
        say = None if received.retain or len(received.payload) > MAX_BYTES else _read(received.payload)
        if say is None:
            self.dropped += 1
            return ()
        if say.site != self._topics.device:
            return ()
        if not self._tokens.take(at.mono):
            self.dropped += 1
            return ()
        asked = parse("say", json.dumps({"text": say.text}, ensure_ascii=False).encode(errors="replace"))
        if not isinstance(asked, Accepted):
            self.dropped += 1
            return (self._said(say),)  # or a dialogue manager waits for it
        id = f"{OURS}{next(self._numbers)}"
        with self._lock:
            self._says[id] = say
            while len(self._says) > MAX_SAYS:
                del self._says[next(iter(self._says))]
        return (Requested(at, asked.request, id),)

    def owns(self, command: Show) -> bool:
        """Whether this is an answer to one of our requests, which is nobody else's business."""
        return isinstance(command, Answer) and command.id.startswith(OURS)

    def show(self, command: Show) -> tuple[Message, ...]:
        """What Hermes says of it."""
        match command:
            case ShowEvent(type="wake", data=data):
                return (self._detected(str(data.get("word", ""))),)
            case ShowState(phase="listening" | "thinking", turn=turn):
                return self._begun(turn)
            case ShowTranscript(turn=turn, text=text, final=True):
                return (*self._begun(turn), *self._captured(turn, text))
            case Answer(id=id):
                with self._lock:
                    say = self._says.pop(id, None)
                return () if say is None else (self._said(say),)
            case _:
                return ()

    def ended(self, turn: Turn, receipt: Mapping[str, Any]) -> tuple[Message, ...]:
        """The receipt of a turn."""
        with self._lock:
            if turn not in self._sessions:
                return ()
            del self._sessions[turn]
        reason = REASONS.get(str(receipt.get("outcome")), "error")
        body = {"termination": {"reason": reason}, "customData": "", **self._where(turn)}
        return (_message("hermes/dialogueManager/sessionEnded", body),)

    def _begun(self, turn: Turn) -> tuple[Message, ...]:
        with self._lock:
            if turn in self._sessions:
                return ()
            self._sessions[turn] = None
            while len(self._sessions) > MAX_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
        return (_message("hermes/dialogueManager/sessionStarted", {"customData": "", **self._where(turn)}),)

    def _captured(self, turn: Turn, text: str) -> tuple[Message, ...]:
        if not self._topics.publish_transcript:
            return ()
        # Nobody has measured how sure the recogniser is; all of Hermes takes 1 for "as good as any".
        body = {"text": text, "likelihood": 1.0, "seconds": 0.0, **self._where(turn)}
        return (_message("hermes/asr/textCaptured", body),)

    def _detected(self, word: str) -> Message:
        body = {
            "modelId": word,
            "modelVersion": "",
            "modelType": "universal",
            "currentSensitivity": self._threshold,
            "siteId": self._topics.device,
        }
        return _message(f"hermes/hotword/{level(word)}/detected", body)

    def _said(self, say: _Say) -> Message:
        return _message(SAID, {"id": say.id or "", "siteId": self._topics.device, "sessionId": say.session or ""})

    def _where(self, turn: Turn) -> dict[str, str]:
        """Turns begin anew with each process; sessions do not repeat."""
        device = self._topics.device
        return {"siteId": device, "sessionId": f"{device}-{self._topics.instance}-{turn}"}


def _read(payload: bytes) -> _Say | None:
    try:
        return _Say.model_validate_json(payload)
    except ValidationError:
        return None


def _message(topic: str, body: Mapping[str, Any]) -> Message:
    return Message(topic, json.dumps(body, ensure_ascii=False).encode(errors="replace"))
