"""The life of the process: it checks what it needs, opens the rooms, turns the inbox, obeys signals, and ends.

`READY=1` waits for the configuration, the models' checksums and the wake words, and for nothing else. Which rooms there
are is `agent.daemon.rooms`; what they do is decided in `agent.dialogue`. On SIGHUP another configuration is carried out
between two events (`agent.daemon.reload`): a turn that has a room in hand which is to be replaced is ended as by
"stop", since a turn may last over a minute and a reload may not; any other turn goes on.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent import clock, engines, models
from agent.commands import SetVolume, ShowEvent, ShowSetting
from agent.config import Config
from agent.daemon import logs, store
from agent.daemon.inbox import Inbox
from agent.daemon.plan import NEEDED, Plan, changed_keys, place
from agent.daemon.receipts import Receipts
from agent.daemon.reload import DIGESTS, Change, Refused, Reload, prepare
from agent.daemon.report import Report, runtime_folder
from agent.daemon.rooms import Rooms, Wiring, build
from agent.daemon.signals import LastResort, Signals
from agent.daemon.startup import engine_names, first_state, names, renewed
from agent.daemon.status import status_line
from agent.daemon.steward import Steward
from agent.daemon.storm import WakeStorm
from agent.daemon.systemd import Notifier, Watchdog
from agent.dialogue.state import State
from agent.events import Event, Intent, Requested, StopRequest
from agent.hearing.wake import WakeModelError
from agent.thinking.intents import Intents

DONE, INTERNAL, TEMPORARY, BAD_CONFIG = 0, 70, 75, 78
STOP_LIMIT_S = 2.5
TICK_S = 5.0
EAR_LIMIT_S, MOUTH_LIMIT_S, MQTT_LIMIT_S, PANEL_LIMIT_S = 8.0, 8.0, 30.0, 10.0
LOADING_S, SLOWEST_BYTES_S = 60.0, 4e6  # a worn SD card, and the checksum on the slowest board

log = logging.getLogger(__name__)


def main(config: Config, load: Callable[[], Config], signals: Signals) -> int:
    """Run the agent until SIGTERM or a fatal fault; returns the exit code of the contract.

    `load` reads the configuration again, from where `config` came, or raises ConfigError.
    """
    logging_off = logs.start(config.log, logs.known_secrets(config))
    try:
        return _run(config, load, signals)
    finally:
        logging_off()


def _run(config: Config, load: Callable[[], Config], signals: Signals) -> int:
    notifier = Notifier()
    try:
        chosen = engines.choose(config)
        folder = store.state_folder()
        for path in chosen.models():
            notifier.extend(LOADING_S + _size(path) / SLOWEST_BYTES_S)
            models.verify(path, cached=folder / DIGESTS)
        with store.lock(folder):
            return Daemon(Plan(config, chosen), folder, load, signals, notifier).run()
    except (models.ModelMissing, models.ModelDamaged, WakeModelError) as error:
        log.error("%s", error, extra={"code": "model"})
        return BAD_CONFIG
    except (store.AlreadyRunning, OSError) as error:
        log.error("%s", error, extra={"code": "start"})
        return TEMPORARY


def _size(model: Path) -> int:
    """Bytes of a model, which is a file or a folder."""
    return sum(file.stat().st_size for file in (model.rglob("*") if model.is_dir() else (model,)) if file.is_file())


def heard_at(turned_at: float, progress: float, state: State) -> float:
    """When sound last came in; where the microphone is known to be away, when the ear last looked for sound."""
    mic = state.health.get("mic")
    known_away = mic is not None and mic.status in ("failed", "loading")
    return turned_at if known_away else min(turned_at, progress)


class Daemon:
    """One instance is one life of the process."""

    def __init__(
        self, plan: Plan, folder: Path, load: Callable[[], Config], signals: Signals, notifier: Notifier
    ) -> None:
        config = plan.config
        self._plan = plan
        self._folder = folder
        self._load = load
        self._signals = signals
        self._notifier = notifier
        self._code = DONE
        self._stops = 0
        self._refusal = ""  # of the last reload
        self._last_resort = LastResort()
        self._watchdog = Watchdog(notifier)
        self._intents = Intents(config.persona.language, names(config))
        self._store = store.Store(folder, self._emit, clock.now, config.privacy.keep_receipts)
        self._scores: Mapping[str, Any] = store.read_wake_scores(folder)
        self._receipts = Receipts(engine_names(config, plan.engines), config.privacy.publish_transcript)
        self._storm = WakeStorm(self._emit)
        self._report = Report(runtime_folder(os.environ), clock.now)
        self._rooms = Rooms(build(plan, self._wiring()))
        self._steward = Steward(self._rooms, self._store, self._receipts, self._storm, self._changed)
        state = first_state(config, folder)
        self._inbox = Inbox(state, self._match, self._receipts.see, self._steward.act, clock.now)
        self._reload = Reload(notifier.reloading, self._prepare, self._carry_out, self._refuse)

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
        # The sentences of local intents take a while to load and are first needed when somebody has spoken.
        threading.Thread(target=self._intents.warm, name="intents", daemon=True).start()
        self._reload.start()

    def _watch(self) -> None:
        self._watchdog.watch("inbox", lambda: self._inbox.turned_at, 2 * TICK_S)
        self._watchdog.watch("ear", self._heard_at, EAR_LIMIT_S)
        self._watchdog.watch("mouth", lambda: self._rooms.house.mouth.progress(), MOUTH_LIMIT_S)
        self._watchdog.watch("mqtt", self._connected_at, MQTT_LIMIT_S)
        self._watchdog.watch("panel", lambda: self._rooms.house.panel.progress(), PANEL_LIMIT_S)

    def _heard_at(self) -> float:
        ear = self._rooms.house.ear
        return heard_at(ear.turned_at(), ear.progress(), self._inbox.state)

    def _connected_at(self) -> float:
        session = self._rooms.house.session
        return session.progress() if session is not None else time.monotonic()

    def _stop(self) -> None:
        """Nothing may keep the process: what has not ended after STOP_LIMIT_S is left, and dies with its pipes."""
        self._notifier.stopping()
        self._last_resort.arm(STOP_LIMIT_S, self._code)
        self._reload.stop()
        self._inbox.handle(Requested(clock.now(), StopRequest()))
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
        self._storm.tick(clock.now())

    def _changed(self) -> None:
        """Tell systemd, and whoever reads the report, how it goes."""
        house, state = self._rooms.house, self._inbox.state
        self._notifier.status(status_line(state, self._refusal))
        sound = house.capture.description(), house.playback.description()
        self._report.update(state, self._rooms.counters(), *sound)

    def _match(self, text: str) -> Intent | None:
        return self._intents.match(text)

    # The reload: `_prepare` is called on its thread, `_renew` and `_tell_refusal` by the main loop.

    def _wiring(self) -> Wiring:
        return Wiring(self._emit, self._fatal, self._scores, self._keep_scores)

    def _keep_scores(self, scores: Mapping[str, Any]) -> None:
        self._scores = scores
        self._store.wake_scores(scores)

    def _prepare(self) -> Change:
        return prepare(self._load, self._plan, self._rooms.house, self._intents, self._wiring(), self._folder)

    def _carry_out(self, change: Change) -> None:
        self._between(lambda: self._renew(change))

    def _refuse(self, refused: Refused) -> None:
        self._between(lambda: self._tell_refusal(refused))

    def _between(self, job: Callable[[], None]) -> None:
        """Let the main loop do this and tell systemd that the reload is over; wait for it."""
        done = threading.Event()

        def work() -> None:
            job()
            self._changed()
            self._notifier.ready()
            done.set()

        self._inbox.between(work)
        done.wait()

    def _renew(self, change: Change) -> None:
        old, config = self._plan.config, change.plan.config
        if NEEDED[self._inbox.state.phase] & change.names:
            self._inbox.handle(Requested(clock.now(), StopRequest()))
        before = self._inbox.state
        self._inbox.change(lambda state: renewed(state, old, config, self._store.kept("volume")))
        state = self._inbox.state
        logs.renew(config)
        self._rooms.replace(change.house, change.names, state, moved=place(old) != place(config))
        if state.volume != before.volume:
            self._rooms.do(SetVolume(state.volume))
            self._rooms.show(ShowSetting("volume", state.volume, keep=False))
        self._plan, self._intents, self._refusal = change.plan, change.intents, ""
        self._receipts.renew(engine_names(config, change.plan.engines), config.privacy.publish_transcript)
        self._store.keep_receipts = config.privacy.keep_receipts
        keys = ", ".join(changed_keys(old, config))
        took_s = time.monotonic() - change.asked_at
        log.info("reloaded in %.2f s; changed: %s", took_s, keys or "nothing", extra={"code": "reload.done"})
        self._rooms.show(ShowEvent("reload", None, {"ok": True, "changed": keys}))

    def _tell_refusal(self, refused: Refused) -> None:
        self._refusal = f"reload refused: {refused.reasons[0]}"
        for reason in refused.reasons:
            log.error(
                "the new configuration is refused, the old one stays: %s", reason, extra={"code": "reload.rejected"}
            )
        self._rooms.show(ShowEvent("reload", None, {"ok": False, "message": str(refused)}))

    # From any thread.

    def _emit(self, event: Event) -> None:
        self._inbox.put(event)

    def _asked_to_stop(self) -> None:
        """Called by the handler of the signal: the second one ends the process at once."""
        if self._stops:
            os._exit(self._code)
        self._stops += 1
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
