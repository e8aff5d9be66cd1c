"""Examples for the topic reference: a few minutes in a kitchen, enacted by the dialogue itself, as messages.

Nothing is made up but what happens: which commands the dialogue gives, how they become messages, and what a receipt
holds is decided by the code that decides it on a device.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.commands import (
    Answer,
    Bid,
    Claim,
    Command,
    ShowEvent,
    ShowHealth,
    ShowReply,
    ShowSetting,
    ShowState,
    ShowTimers,
    ShowTranscript,
)
from agent.daemon.checkup import summary
from agent.daemon.receipts import Receipts
from agent.daemon.statistics import Statistics
from agent.dialogue.state import State
from agent.dialogue.step import step
from agent.events import (
    Audible,
    ClauseReady,
    Endpoint,
    Event,
    Final,
    Health,
    Instant,
    LlmFailed,
    Part,
    Partial,
    PeersChanged,
    Pressed,
    ReplyDelta,
    ReplyDone,
    Requested,
    RivalClaimed,
    SettingChanged,
    SpeechDone,
    SpeechStarted,
    TimersKept,
    ToolUsed,
    TtsFirst,
    Wake,
)
from agent.mqtt.doubles import SignedApart
from agent.mqtt.happenings import Received
from agent.mqtt.hermes import SAY, Hermes
from agent.mqtt.rivals import Rivals
from agent.mqtt.topics import ONLINE, Message, Topics
from agent.requests import DoctorRequest, Intent, MuteRequest, SayRequest, TimerRequest, VolumeRequest

BASE, DEVICE, GROUP = "voice-agent", "kitchen", "downstairs"
TOPICS = Topics(BASE, DEVICE, instance="5f2a90c1")
RIVALS = Rivals(TOPICS, GROUP)
ENGINES = {"wake": "openwakeword", "asr": "vosk:vosk-small-en-us", "llm": "home", "tts": "piper:en_US-joe-medium"}
EARLY = datetime(2026, 11, 26, 18, 30, tzinfo=UTC)
QUESTION, REPLY = "how far is the moon", "About 384,000 kilometres."
COUNTERS = {"xruns": 0, "lost_periods": 0, "underruns": 0, "mic_restarts": 0, "speaker_restarts": 0}
SAY_EXAMPLE = {"text": "The lamp is on.", "id": "7", "siteId": DEVICE, "sessionId": "lamps-12"}
DOCUMENT = {
    "findings": [
        {
            "part": "realtime",
            "severity": "warning",
            "title": "capture",
            "detail": "no real-time priority",
            "remedy": "set LimitRTPRIO=50 in the unit",
        },
        {"part": "config", "severity": "ok", "title": "file", "detail": "valid", "remedy": ""},
    ]
}


class Kitchen:
    """A device: the dialogue, the receipts and the figures. `messages`: all that it has said, in order."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.hermes = Hermes(TOPICS, 0.5)
        self._state = State()
        self._receipts = Receipts({"": ENGINES}, keep_texts=True)
        self._statistics = Statistics(EARLY.date().isoformat())
        self._parts: dict[Part, ShowHealth] = {}
        self.now = 0.0

    @property
    def turn(self) -> int:
        return self._state.turn

    def at(self, seconds: float) -> Instant:
        return Instant(seconds, EARLY + timedelta(seconds=seconds))

    def happen(self, *events: Event) -> None:
        for event in events:
            self.now = event.at.mono
            self._receipts.see(event)
            self._state, commands = step(self._state, event)
            for command in commands:
                self._do(command, event.at)

    def say(self, *messages: Message) -> None:
        self.messages += messages

    def figures(self) -> dict[str, int | None]:
        return self._statistics.figures(COUNTERS, self.at(self.now))

    def show(self, command: ShowEvent | Answer) -> None:
        self._do(command, self.at(self.now))

    def _do(self, command: Command, at: Instant) -> None:
        receipt = self._receipts.done(command, at.wall)
        if receipt is not None:
            self._statistics.ended(receipt, at)
            self.say(TOPICS.receipt(receipt["turn"], receipt, at.wall), *self.hermes.ended(receipt["turn"], receipt))
        match command:
            case Bid() | Claim():
                self.say(RIVALS.wish(command, at.wall))
            case (
                ShowState() | ShowTranscript() | ShowReply() | ShowEvent() | ShowHealth() | ShowSetting() | ShowTimers()
                | Answer()
            ):  # fmt: skip
                message = TOPICS.show(command, at.wall, self._parts)
                if isinstance(command, ShowHealth):
                    self._parts[command.part] = command
                    self.say(TOPICS.hearing(self._parts))
                self.say(*(() if message is None or self.hermes.owns(command) else (message,)))
                self.say(*self.hermes.show(command))
            case _:
                pass


def evening() -> list[Message]:
    """What a device says in an evening, one of each kind at least."""
    kitchen = Kitchen()
    kitchen.say(TOPICS.status(ONLINE), SignedApart(TOPICS, first=True).signature(), *RIVALS.joining)
    parts: tuple[Part, ...] = ("mic", "wake", "asr", "tts", "llm")
    kitchen.happen(*(Health(kitchen.at(1.0), part, "ok") for part in parts))
    _question(kitchen, 60.0)
    kitchen.happen(Wake(kitchen.at(63.0), "hey_jarvis", 0.934, 62.95))
    _command(kitchen, 64.0)
    _failure(kitchen, 80.0)
    _others(kitchen, 100.0)
    kitchen.happen(*_requests(kitchen, 120.0))
    kitchen.happen(SpeechDone(kitchen.at(123.5), kitchen.turn, "Dinner is ready."))
    _hermes(kitchen, 125.0)
    _timer(kitchen, 128.0)
    found = summary(DOCUMENT)
    kitchen.show(ShowEvent("examined", None, {key: found[key] for key in found if key != "findings"}))  # type: ignore[misc]
    kitchen.show(ShowEvent("reload", None, {"ok": True, "changed": "wake.threshold"}))
    kitchen.say(TOPICS.stats(kitchen.figures(), kitchen.at(130.0).wall), TOPICS.models(_models(), kitchen.at(1.0).wall))
    return kitchen.messages


def _question(kitchen: Kitchen, s: float) -> None:
    """An open question, from the wake word to the middle of the answer."""
    at = kitchen.at
    kitchen.happen(Wake(at(s), "hey_jarvis", 0.934, s - 0.05))
    turn = kitchen.turn
    kitchen.happen(
        SpeechStarted(at(s + 0.2), turn, s + 0.15),
        Partial(at(s + 0.5), turn, "how far"),
        Endpoint(at(s + 1.4), turn, s + 0.8, "silence"),
        Final(at(s + 1.45), turn, QUESTION),
        ToolUsed(at(s + 1.6), turn, "GetDateTime", "home", "done", 38),
        ReplyDelta(at(s + 1.7), turn, REPLY),
        ClauseReady(at(s + 1.72), turn, REPLY),
        ReplyDone(at(s + 1.75), turn),
        TtsFirst(at(s + 1.85), turn),
        Audible(at(s + 1.9), turn, s + 1.95),
    )


def _command(kitchen: Kitchen, s: float) -> None:
    """The answer was interrupted for a local command, and what had been heard of it becomes known."""
    at, turn = kitchen.at, kitchen.turn
    kitchen.happen(
        SpeechDone(at(s - 0.9), turn - 1, "About", cut=True),
        Endpoint(at(s + 1.0), turn, s + 0.4, "silence"),
        Final(at(s + 1.1), turn, "set the volume to forty", Intent("volume_set", {"percent": 40})),
        SpeechDone(at(s + 3.0), turn, "Volume 40."),
    )


def _failure(kitchen: Kitchen, s: float) -> None:
    at = kitchen.at
    kitchen.happen(Wake(at(s), "hey_jarvis", 0.71, s - 0.05))
    turn = kitchen.turn
    kitchen.happen(
        Endpoint(at(s + 1.4), turn, s + 0.8, "silence"),
        Final(at(s + 1.5), turn, QUESTION),
        LlmFailed(at(s + 4.5), turn, "unreachable", "home: 192.168.1.20:11434 does not answer"),
        SpeechDone(at(s + 7.0), turn, "I cannot reach my language model."),
    )


def _others(kitchen: Kitchen, s: float) -> None:
    """In a house with another device, which hears better once, and worse the next time."""
    at = kitchen.at
    kitchen.happen(
        PeersChanged(at(s), DEVICE, 1),
        Wake(at(s + 1.0), "hey_jarvis", 0.55, s + 0.95, 12.3),
        RivalClaimed(at(s + 1.1), "living-room", 31.2),
        Wake(at(s + 9.0), "hey_jarvis", 0.95, s + 8.95, 38.5),
        PeersChanged(at(s + 9.05), DEVICE, 0),
        Endpoint(at(s + 13.0), kitchen.turn + 2, s + 8.9, "no_speech"),
    )


def _requests(kitchen: Kitchen, s: float) -> Iterable[Event]:
    at = kitchen.at
    return (
        Pressed(at(s), "mute"),
        Requested(at(s + 1.0), MuteRequest(False)),
        Requested(at(s + 1.5), VolumeRequest(40), "41"),
        SettingChanged(at(s + 1.7), "voice", "en_US-lessac-medium", True, "42"),
        Requested(at(s + 2.0), SayRequest("Dinner is ready.", chime=True), "43"),
        Requested(at(s + 2.1), DoctorRequest(), "44"),
    )


def _timer(kitchen: Kitchen, s: float) -> None:
    """An automation sets one, which is kept."""
    at = kitchen.at
    kitchen.happen(Requested(at(s), TimerRequest(Intent("timer_set", {"seconds": 300, "name": "tea"})), "tea-1"))
    kitchen.happen(TimersKept(at(s + 0.1), 1, ok=True))


def _hermes(kitchen: Kitchen, s: float) -> None:
    """A dialogue manager of Rhasspy's has something said."""
    at, received = kitchen.at, Received(SAY, json.dumps(SAY_EXAMPLE).encode(), retain=False)
    kitchen.say(Message(SAY, received.payload))
    for made in kitchen.hermes.take(received, at(s)):
        if isinstance(made, Requested):
            kitchen.happen(made, SpeechDone(at(s + 1.5), kitchen.turn + 1, SAY_EXAMPLE["text"]))


def _models() -> dict[str, Any]:
    """As `agent.daemon.description.stand` tells it; a test holds the keys."""
    return {
        "installed": "vosk-small-en-us 30f26242",
        "latest": "vosk-small-en-us 57919d20",
        "outdated": ["vosk-small-en-us"],
        "remedy": "voice-agent models install --force vosk-small-en-us",
    }
