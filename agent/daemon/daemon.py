"""The composition root: which rooms there are, how they are wired, started and stopped.

Start goes along the way of sound from its end to its beginning, so that nothing is heard before it can be answered;
`READY=1` waits for the configuration, the models' checksums and the wake word, and for nothing else. Stop goes the
other way. Nothing here decides behaviour: that is `agent.dialogue`.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, assert_never

from agent import clock, engines, models
from agent.audio.capture import Capture
from agent.audio.playback import Playback
from agent.commands import (
    Answer,
    AskLlm,
    CancelLlm,
    Command,
    Earcon,
    Hush,
    SetMute,
    SetVolume,
    ShowEvent,
    ShowHealth,
    ShowReply,
    ShowSetting,
    ShowState,
    ShowTranscript,
    Speak,
    StartListening,
    StopListening,
    TurnEnded,
)
from agent.config import Config
from agent.daemon import logs, store
from agent.daemon.inbox import Inbox
from agent.daemon.receipts import Receipts
from agent.daemon.startup import engine_names, first_state, names, restored
from agent.daemon.status import status_line
from agent.daemon.systemd import Notifier, Watchdog
from agent.dialogue.state import State
from agent.events import Event, Requested, StopRequest
from agent.hearing.ear import Ear
from agent.hearing.recogniser import Recogniser, child_spec
from agent.hearing.wake import WakeModelError
from agent.mqtt.session import Session
from agent.speaking.mouth import Mouth
from agent.thinking.intents import Intents
from agent.thinking.llm import Thinker

DONE, INTERNAL, TEMPORARY, BAD_CONFIG = 0, 70, 75, 78
STOP_LIMIT_S = 2.5
TICK_S = 5.0
EAR_LIMIT_S, MOUTH_LIMIT_S, MQTT_LIMIT_S = 8.0, 8.0, 30.0

log = logging.getLogger(__name__)


def main(config: Config) -> int:
    """Run the agent until SIGTERM or a fatal fault; returns the exit code of the contract."""
    logging_off = logs.start(config.log, logs.known_secrets(config))
    try:
        return _run(config)
    finally:
        logging_off()


def _run(config: Config) -> int:
    try:
        chosen = engines.choose(config)
        folder = store.state_folder()
        for path in chosen.models():
            models.verify(path, cached=folder / "verified.json")
        with store.lock(folder):
            return Daemon(config, chosen, folder).run()
    except (models.ModelMissing, models.ModelDamaged, WakeModelError) as error:
        log.error("%s", error, extra={"code": "model"})
        return BAD_CONFIG
    except (store.AlreadyRunning, OSError) as error:
        log.error("%s", error, extra={"code": "start"})
        return TEMPORARY


class Daemon:
    """All rooms, wired. One instance is one life of the process."""

    def __init__(self, config: Config, chosen: engines.Engines, folder: Path) -> None:
        self._config = config
        self._code = DONE
        self._signals = 0
        self._notifier = Notifier()
        self._watchdog = Watchdog(self._notifier)
        self._intents = Intents(config.persona.language, names(config))
        self._store = store.Store(folder, self._emit, clock.now, config.privacy.keep_receipts)
        self._receipts = Receipts(engine_names(config, chosen), config.privacy.publish_transcript)
        self._inbox = Inbox(first_state(config, folder), self._intents.match, self._receipts.see, self._act, clock.now)
        self._capture = Capture(config.audio.mic, self._emit, clock.now, self._fatal)
        self._recogniser = Recogniser(
            child_spec(chosen.asr, config), self._emit, clock.now, self._fatal, lazy=config.asr.load == "first_use"
        )
        self._ear = Ear(config, self._capture, self._recogniser, self._emit, clock.now, self._fatal)
        self._mouth = Mouth(config, self._emit, clock.now, self._fatal)
        self._playback = Playback(config.audio.speaker, self._mouth, self._emit, clock.now, self._fatal)
        self._thinker = Thinker(config, self._emit, clock.now, self._fatal)
        self._session = Session(config, self._emit, clock.now, self._fatal) if config.mqtt.enabled else None

    def run(self) -> int:
        """Start everything, turn the inbox until told to stop, stop everything."""
        threading.excepthook = self._thread_died
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        # Its default would end the process, and systemd would take that for a clean stop.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            self._start()
            self._inbox.run(min(TICK_S, self._watchdog.interval_s or TICK_S), self._tick)
        finally:
            self._stop()
        return self._code

    def _start(self) -> None:
        self._notifier.status(status_line(self._inbox.state))
        self._store.start()
        self._thinker.start()
        self._playback.start()
        self._mouth.start(self._playback)
        self._recogniser.start()
        self._ear.start()
        if self._session is not None:  # after the wake words: an agent that will never hear does not go online
            for command in restored(self._inbox.state):
                self._session.show(command)
            self._session.start()
        self._capture.start()
        self._mouth.do(SetVolume(self._inbox.state.volume))
        self._ear.do(SetMute(self._inbox.state.muted))
        self._watch()
        self._notifier.ready()
        log.info("ready", extra={"code": "ready"})
        # The sentences of local intents take a while to load and are first needed when somebody has spoken.
        threading.Thread(target=self._intents.warm, name="intents", daemon=True).start()

    def _watch(self) -> None:
        self._watchdog.watch("inbox", lambda: self._inbox.turned_at, 2 * TICK_S)
        self._watchdog.watch("ear", self._heard_at, EAR_LIMIT_S)
        self._watchdog.watch("mouth", self._mouth.progress, MOUTH_LIMIT_S)
        if self._session is not None:
            self._watchdog.watch("mqtt", self._session.progress, MQTT_LIMIT_S)

    def _heard_at(self) -> float:
        """When sound last came in; a microphone that is known to be away, and looked for, counts as progress."""
        mic = self._inbox.state.health.get("mic")
        known_away = mic is not None and mic.status in ("failed", "loading")
        return time.monotonic() if known_away else self._ear.progress()

    def _stop(self) -> None:
        """Nothing may keep the process: what has not ended after STOP_LIMIT_S is left, and dies with its pipes."""
        self._notifier.stopping()
        last_resort = threading.Timer(STOP_LIMIT_S, os._exit, (self._code or DONE,))
        last_resort.daemon = True
        last_resort.start()
        self._inbox.handle(Requested(clock.now(), StopRequest()))
        self._mouth.stop()
        self._inbox.finish()
        self._playback.stop()
        self._ear.stop()
        self._capture.stop()
        self._recogniser.stop()
        self._thinker.stop()
        self._store.stop()
        if self._session is not None:
            self._session.stop(1.0)
        last_resort.cancel()
        log.info("stopped", extra={"code": "stopped"})

    def _tick(self, state: State) -> None:
        self._notifier.status(status_line(state))
        self._watchdog.tick()

    def _act(self, command: Command) -> None:
        """Hand a command to its room."""
        receipt = self._receipts.done(command, clock.now().wall)
        match command:
            case StartListening():
                self._ear.do(command)
                # A question is coming: open now what will be needed then.
                self._playback.prepare()
                self._thinker.warm()
            case StopListening() | SetMute():
                self._ear.do(command)
            case AskLlm() | CancelLlm():
                self._thinker.do(command)
            case Speak() | Hush() | Earcon() | SetVolume():
                self._mouth.do(command)
            case ShowTranscript() | ShowReply() | ShowEvent() | ShowHealth() | ShowSetting() | ShowState() | Answer():
                self._show(command)
            case TurnEnded():
                self._end_turn(command, receipt or {})
            case unknown:
                assert_never(unknown)

    def _show(
        self, command: ShowTranscript | ShowReply | ShowEvent | ShowHealth | ShowSetting | ShowState | Answer
    ) -> None:
        if self._session is not None:
            self._session.show(command)
        match command:
            case ShowState(phase=phase):
                self._ear.attentive(phase != "idle")
                self._notifier.status(status_line(self._inbox.state))
            case ShowSetting(name=name, value=value):
                self._store.setting(name, value)
            case ShowHealth(part=part, status=status, reason=reason):
                self._notifier.status(status_line(self._inbox.state))
                level = logging.INFO if status in ("ok", "loading") else logging.WARNING
                log.log(
                    level, "%s: %s%s", part, status, f", {reason}" if reason else "", extra={"code": f"{part}.{status}"}
                )
            case _:
                pass

    def _end_turn(self, ended: TurnEnded, receipt: dict[str, Any]) -> None:
        log.info(
            "turn %d %s, first audio after %s ms, most of it %s",
            ended.turn, ended.outcome, receipt.get("ttfa_ms"), receipt.get("blame"),
            extra={"code": "turn", "turn": ended.turn},
        )  # fmt: skip
        self._store.receipt(receipt)
        if self._session is not None:
            self._session.receipt(ended.turn, receipt)

    def _emit(self, event: Event) -> None:
        self._inbox.put(event)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if self._signals:
            os._exit(self._code)
        self._signals += 1
        self._inbox.stop()

    def _thread_died(self, args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "?"
        if args.exc_value is not None:
            log.error("thread %s died", name, exc_info=args.exc_value)
        self._fatal(f"thread {name} died")

    def _fatal(self, reason: str) -> None:
        """Never alive and deaf: end with 70, and if even that hangs, at once."""
        log.critical("%s; ending so that systemd starts afresh", reason, extra={"code": "fatal"})
        self._code = INTERNAL
        self._inbox.stop()
        last_resort = threading.Timer(2 * STOP_LIMIT_S, os._exit, (INTERNAL,))
        last_resort.daemon = True
        last_resort.start()
