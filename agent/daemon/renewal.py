"""Another configuration while the agent lives: from SIGHUP, or because somebody changed a setting.

`prepare` is called on the thread of `agent.daemon.reload`; everything else by the main loop, between two events. A turn
that has a room in hand which is to be replaced is ended as by "stop", since a turn may last over a minute and a reload
may not; any other turn goes on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agent import clock, engines, models
from agent.commands import ChangeSetting, ShowEvent, ShowSetting
from agent.config import Config
from agent.daemon import logs, overlay
from agent.daemon.inbox import Inbox
from agent.daemon.overlay import Kept, Load, Overlaid
from agent.daemon.plan import NEEDED, Plan, changed_keys, place
from agent.daemon.receipts import Receipts
from agent.daemon.reload import Change, Refused, loaded, prepare
from agent.daemon.rooms import Rooms, Wiring
from agent.daemon.startup import engine_names, renewed, tell_dropped, understood
from agent.daemon.store import DIGESTS, Store
from agent.daemon.systemd import Notifier
from agent.events import DeadlinePassed, Requested, SettingChanged
from agent.requests import Intent, StopRequest
from agent.settings import Unfit
from agent.thinking.intents import Intents

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Household:
    """What a new configuration may change. `changed` is told when all is done."""

    rooms: Rooms
    inbox: Inbox
    store: Store
    receipts: Receipts
    notifier: Notifier
    wiring: Callable[[], Wiring]
    changed: Callable[[], None]


class Renewal:
    """What is in force, and how it becomes something else. `set_by_people`: all settings that were ever changed."""

    def __init__(
        self, plan: Plan, kept: Kept, set_by_people: Kept, load: Load, folder: Path, household: Household
    ) -> None:
        self.plan = plan
        self.refusal = ""  # of the last SIGHUP
        self._intents: Mapping[str, Intents] = understood(plan.config)
        self._household = household
        self._kept = kept
        self._set = dict(set_by_people)
        self._load = load
        self._folder = folder

    def match(self, text: str, language: str) -> Intent | None:
        intents = self._intents.get(language)
        return intents.match(text) if intents is not None else None

    def warm(self) -> None:
        """The sentences of local intents take a while to load and are first needed when somebody has spoken."""
        threading.Thread(target=_warm, args=(tuple(self._intents.values()),), name="intents", daemon=True).start()

    def prepare(self, wish: ChangeSetting | None) -> Change:
        """Raises Refused."""
        laid = loaded(lambda: self._sifted() if wish is None else self._wished(wish))
        house, wiring = self._household.rooms.house, self._household.wiring()
        change = prepare(lambda: laid.config, self.plan, house, self._intents, wiring, self._folder)
        return replace(change, wish=wish, kept=laid.kept, dropped=laid.dropped)

    def _sifted(self) -> Overlaid:
        return overlay.sifted(self._load, self._set, lambda config: usable(config, self._folder))

    def _wished(self, wish: ChangeSetting) -> Overlaid:
        kept = {name: value for name, value in self._kept.items() if name != wish.name}
        if wish.value is not None:
            kept[wish.name] = wish.value
        try:
            return Overlaid(overlay.overlaid(self._load, kept, wish.name), kept)
        except Unfit as unfit:
            raise Refused(str(unfit)) from None

    def carry_out(self, change: Change) -> None:
        self._between(change.wish, lambda: self._renew(change))

    def refuse(self, refused: Refused, wish: ChangeSetting | None) -> None:
        self._between(wish, lambda: self._tell_refusal(refused, wish))

    def _between(self, wish: ChangeSetting | None, job: Callable[[], None]) -> None:
        """Let the main loop do this and tell systemd that the reload it asked for is over; wait for it."""
        done = threading.Event()

        def work() -> None:
            job()
            self._household.changed()
            if wish is None:
                self._household.notifier.ready()
            done.set()

        self._household.inbox.between(work)
        done.wait()

    def _renew(self, change: Change) -> None:
        old, config = self.plan.config, change.plan.config
        inbox, rooms, household = self._household.inbox, self._household.rooms, self._household
        if NEEDED[inbox.state.busy] & change.names:
            inbox.handle(Requested(clock.now(), StopRequest()))
        before = inbox.state
        inbox.change(lambda state: renewed(state, old, config, overlay.in_force(config, change.kept)))
        logs.renew(config)
        rooms.replace(change.house, change.names, inbox.state, moved=place(old) != place(config))
        inbox.handle(DeadlinePassed(clock.now()))  # the new rules may make it louder or softer
        self.plan, self._intents, self._kept = change.plan, change.intents, change.kept
        household.receipts.renew(engine_names(config, change.plan.engines), config.privacy.publish_transcript)
        household.store.keep_receipts = config.privacy.keep_receipts
        tell_dropped(change.dropped)
        if inbox.state.volume != before.volume:
            rooms.show(ShowSetting("volume", inbox.state.volume, keep=False, changed=inbox.state.volume_set))
        for name, held in inbox.state.settings.items():
            if held != before.settings.get(name) and (change.wish is None or change.wish.name != name):
                rooms.show(ShowSetting(name, held.value, keep=False, changed=held.changed))
        self._tell(change, changed_keys(old, config))

    def _tell(self, change: Change, keys: tuple[str, ...]) -> None:
        took_s, shown = time.monotonic() - change.asked_at, ", ".join(keys)
        wish = change.wish
        if wish is None:
            self.refusal = ""
            log.info("reloaded in %.2f s; changed: %s", took_s, shown or "nothing", extra={"code": "reload.done"})
            self._household.rooms.show(ShowEvent("reload", None, {"ok": True, "changed": shown}))
            return
        if wish.value is None:
            self._set.pop(wish.name, None)
        else:
            self._set[wish.name] = wish.value
        log.info(
            "setting %s changed in %.2f s; by it: %s", wish.name, took_s, shown or "nothing",
            extra={"code": "setting.changed"},
        )  # fmt: skip
        value = overlay.value_of(self.plan.config, wish.name)
        changed = wish.value is not None
        self._household.inbox.handle(SettingChanged(clock.now(), wish.name, value, changed, wish.id))

    def _tell_refusal(self, refused: Refused, wish: ChangeSetting | None) -> None:
        if wish is not None:
            log.warning(
                "setting %s stays as it is: %s", wish.name, "; ".join(refused.reasons),
                extra={"code": "setting.refused"},
            )  # fmt: skip
            value = overlay.value_of(self.plan.config, wish.name)
            changed = wish.name in self._kept
            event = SettingChanged(clock.now(), wish.name, value, changed, wish.id, ok=False, reason=str(refused))
            self._household.inbox.handle(event)
            return
        self.refusal = f"reload refused: {refused.reasons[0]}"
        for reason in refused.reasons:
            log.error(
                "the new configuration is refused, the old one stays: %s", reason, extra={"code": "reload.rejected"}
            )
        self._household.rooms.show(ShowEvent("reload", None, {"ok": False, "message": str(refused)}))


def _warm(all_intents: Iterable[Intents]) -> None:
    for intents in all_intents:
        intents.warm()


def usable(config: Config, folder: Path) -> None:
    """Whether everything that it names is there and whole. Raises ModelMissing and ModelDamaged."""
    for path in engines.choose(config).models():
        models.verify(path, cached=folder / DIGESTS)
