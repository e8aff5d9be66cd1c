"""The life of the process: it checks what it needs, opens the rooms, turns the inbox, obeys signals, and ends.

`READY=1` waits for the configuration, the models' checksums and the wake words, and for nothing else. Which rooms there
are is `agent.daemon.rooms`; what they do is decided in `agent.dialogue`. On SIGHUP, or for a setting,
another configuration is carried out between two events (`agent.daemon.renewal`).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import clock, models
from agent.commands import Answer, ChangeSetting, Examine, Restart, ShowEvent
from agent.config import Config
from agent.config_file import ConfigError
from agent.daemon import logs, overlay, statistics, store
from agent.daemon.checkup import Checkup
from agent.daemon.inbox import Inbox
from agent.daemon.overlay import Load, Overlaid
from agent.daemon.plan import Plan
from agent.daemon.receipts import Receipts
from agent.daemon.reload import Reload
from agent.daemon.renewal import Household, Renewal
from agent.daemon.report import Report, runtime_folder
from agent.daemon.rooms import Rooms, Wiring, build
from agent.daemon.signals import LastResort, Signals
from agent.daemon.startup import LOADING_S, Source, engine_names, first_state, kept_book, planned, restart_from
from agent.daemon.status import status_line
from agent.daemon.steward import Errand, Steward
from agent.daemon.storm import WakeStorm
from agent.daemon.systemd import Notifier, Watchdog
from agent.dialogue.state import State
from agent.events import Event, Requested, SettingChanged
from agent.hearing.wake import WakeModelError
from agent.requests import Intent, StopRequest

if TYPE_CHECKING:
    from agent.daemon.guests import Guests

DONE, INTERNAL, TEMPORARY, BAD_CONFIG = 0, 70, 75, 78
RESTART = 100  # the unit names it: RestartForceExitStatus=
STOP_LIMIT_S = 2.5
TICK_S = 5.0
EAR_LIMIT_S, MOUTH_LIMIT_S, MQTT_LIMIT_S, PANEL_LIMIT_S, WEB_LIMIT_S = 8.0, 8.0, 30.0, 10.0, 15.0
SATELLITE_LIMIT_S = 10.0

log = logging.getLogger(__name__)


def main(config: Config, load: Load, signals: Signals, file: Path | None) -> int:
    """Run the agent until SIGTERM or a fatal fault; returns the exit code of the contract.

    `load` reads the configuration again, from where `config` came (`file`, if there is one), lays settings over it, or
    raises ConfigError.
    """
    logging_off = logs.start(config.log, logs.known_secrets(config))
    try:
        return _run(load, file, signals)
    finally:
        logging_off()


def _run(load: Load, file: Path | None, signals: Signals) -> int:
    notifier = Notifier()
    try:
        folder = store.state_folder()
        source = Source(load, file, folder, store.read_settings(folder))
        with store.lock(folder):
            plan, laid = planned(source, notifier)
            return Daemon(source, plan, laid, signals, notifier).run()
    except (models.ModelMissing, models.ModelDamaged, WakeModelError) as error:
        log.error("%s", error, extra={"code": "model"})
        return BAD_CONFIG
    except ConfigError as error:
        log.error("%s", error, extra={"code": "config"})
        return BAD_CONFIG
    except (store.AlreadyRunning, OSError) as error:
        log.error("%s", error, extra={"code": "start"})
        return TEMPORARY


def heard_at(turned_at: float, progress: float, state: State) -> float:
    """When sound last came in; where the microphone is known to be away, when the ear last looked for sound."""
    mic = state.health.get("mic")
    known_away = mic is not None and mic.status in ("failed", "loading")
    return turned_at if known_away else min(turned_at, progress)


class Daemon:
    """One instance is one life of the process."""

    def __init__(self, source: Source, plan: Plan, laid: Overlaid, signals: Signals, notifier: Notifier) -> None:
        config, folder = plan.config, source.folder
        self._signals = signals
        self._notifier = notifier
        self._code = DONE
        self._stops = 0
        self._last_resort = LastResort()
        self._watchdog = Watchdog(notifier)
        self._store = store.Store(folder, self._emit, clock.now, config.privacy.keep_receipts)
        self._scores: Mapping[str, Any] = store.read_wake_scores(folder)
        self._receipts = Receipts(engine_names(config, plan.engines), config.privacy.publish_transcript)
        self._storm = WakeStorm(self._emit)
        self._report = Report(runtime_folder(os.environ), clock.now)
        self._guests: Guests | None = None
        self._rooms = Rooms(build(plan, self._wiring()), statistics.begun(folder, clock.now()), self._emit)
        self._steward = Steward(self._rooms, self._store, self._receipts, self._storm, self._changed, self._attend)
        laid_over = overlay.in_force(config, laid.kept)
        book = kept_book(self._store.kept.timers, clock.now())
        state = first_state(config, source.kept, laid_over, restart_from(os.environ, folder), book)
        self._inbox = Inbox(state, self._match, self._receipts.see, self._steward.act, clock.now, lambda: self._guests)
        household = Household(
            self._rooms, self._inbox, self._store, self._receipts, notifier, self._wiring, self._changed
        )
        self._renewal = Renewal(plan, laid.kept, overlay.kept_in(source.kept), source.load, folder, household)
        renewal = self._renewal
        self._reload = Reload(notifier.reloading, renewal.prepare, renewal.carry_out, renewal.refuse)
        self._checkup = Checkup(source.file, self._tell)

    def run(self) -> int:
        """Start everything, turn the inbox until told to stop, stop everything."""
        threading.excepthook = self._thread_died
        self._last_resort.start()
        self._signals.attend(self._asked_to_stop, self._reload.ask)
        try:
            self._start()
            self._inbox.run(min(TICK_S, self._watchdog.interval_s or TICK_S), self._tick)
        finally:
            self._stop()
        return self._code

    def _start(self) -> None:
        self._changed()
        self._notifier.extend(LOADING_S)
        self._store.start()
        self._rooms.start(self._inbox.state)
        self._watch()
        self._notifier.ready()
        log.info("ready", extra={"code": "ready"})
        self._renewal.warm()
        self._reload.start()

    def _watch(self) -> None:
        self._watchdog.watch("inbox", lambda: self._inbox.turned_at, 2 * TICK_S)
        self._watchdog.watch("ear", self._heard_at, EAR_LIMIT_S)
        self._watchdog.watch("mouth", lambda: self._rooms.house.mouth.progress(), MOUTH_LIMIT_S)
        self._watchdog.watch("mqtt", self._connected_at, MQTT_LIMIT_S)
        self._watchdog.watch("web", self._served_at, WEB_LIMIT_S)
        self._watchdog.watch("satellite", lambda: self._rooms.house.outpost.progress(), SATELLITE_LIMIT_S)
        self._watchdog.watch("panel", lambda: self._rooms.house.panel.progress(), PANEL_LIMIT_S)

    def _heard_at(self) -> float:
        ear = self._rooms.house.ear
        return heard_at(ear.turned_at(), ear.progress(), self._inbox.state)

    def _connected_at(self) -> float:
        session = self._rooms.house.session
        return session.progress() if session is not None else time.monotonic()

    def _served_at(self) -> float:
        web = self._rooms.house.web
        return web.progress() if web is not None else time.monotonic()

    def _stop(self) -> None:
        """Nothing may keep the process: what has not ended after STOP_LIMIT_S is left, and dies with its pipes."""
        self._notifier.stopping()
        self._last_resort.arm(STOP_LIMIT_S, self._code)
        self._reload.stop()
        self._checkup.stop()
        self._inbox.handle(Requested(clock.now(), StopRequest(parting=True)))
        self._rooms.silence()
        self._inbox.finish()
        self._rooms.stop()
        self._store.stop()
        self._rooms.part()
        self._report.remove()
        self._last_resort.disarm()
        log.info("stopped", extra={"code": "stopped"})

    def _tick(self, state: State) -> None:
        self._changed()
        self._watchdog.tick()
        self._rooms.tick()
        self._storm.tick(clock.now())

    def _changed(self) -> None:
        """Tell systemd, and whoever reads the report, how it goes."""
        house, state = self._rooms.house, self._inbox.state
        self._notifier.status(status_line(state, self._renewal.refusal))
        sound = house.capture.description(), house.playback.description()
        self._report.update(state, self._rooms.counters(), *sound)

    def _attend(self, errand: Errand) -> None:
        match errand:
            case ChangeSetting(name=name, id=sender):
                if not self._reload.wish(errand):
                    reason = "too many changes wait already"
                    self._emit(SettingChanged(clock.now(), name, None, id=sender, ok=False, reason=reason))
            case Examine(id=sender):
                self._checkup.ask(sender)
            case Restart():
                log.info("ending, so that systemd starts afresh", extra={"code": "restart"})
                self._store.restart(time.monotonic())
                self._code = RESTART
                self._inbox.stop()

    def _tell(self, shown: Answer | ShowEvent) -> None:
        self._inbox.between(lambda: self._steward.act(shown))

    def _match(self, text: str, language: str) -> Intent | None:
        return self._renewal.match(text, language)

    def _wiring(self) -> Wiring:
        return Wiring(self._emit, self._fatal, self._scores, self._keep_scores, self._those_of_the_web)

    def _those_of_the_web(self) -> Guests:
        if self._guests is None:
            from agent.daemon.guests import Guests

            inbox, act = (lambda: self._inbox), (lambda command: self._steward.act(command))
            self._guests = Guests(lambda: self._renewal.plan, inbox, act, self._fatal)
        return self._guests

    def _keep_scores(self, scores: Mapping[str, Any]) -> None:
        self._scores = scores
        self._store.wake_scores(scores)

    # From any thread.

    def _emit(self, event: Event) -> None:
        self._inbox.put(event)

    def _asked_to_stop(self) -> None:
        """Called by the handler of the signal: the second one ends the process at once."""
        if self._stops:
            os._exit(self._code)
        self._stops += 1
        if self._code == RESTART:
            self._code = DONE  # whoever stops us does not want us back
        self._last_resort.arm(STOP_LIMIT_S, self._code)
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
        self._last_resort.arm(2 * STOP_LIMIT_S, INTERNAL)
