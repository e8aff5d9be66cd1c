"""The steward: hands every command of the dialogue to the room that carries it out, and keeps the books.

What is shown goes to the world, and some of it also to the journal and to the store; the end of a turn becomes its
receipt. Nothing here decides behaviour: that is `agent.dialogue`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, assert_never

from agent import clock
from agent.commands import (
    Act,
    Answer,
    AskLlm,
    Bid,
    CancelLlm,
    ChangeSetting,
    Claim,
    Command,
    Confirmed,
    Duck,
    Earcon,
    Examine,
    Hush,
    IntentDone,
    KeepTimers,
    ListenOn,
    Restart,
    SetMute,
    SetPatience,
    SetVolume,
    ShowEvent,
    ShowHealth,
    ShowReply,
    ShowSetting,
    ShowState,
    ShowTimers,
    ShowTranscript,
    Speak,
    StartListening,
    StopListening,
    TurnEnded,
)
from agent.daemon.receipts import Receipts
from agent.daemon.rooms import Rooms
from agent.daemon.store import Store
from agent.daemon.storm import WakeStorm
from agent.mqtt.topics import Show

log = logging.getLogger(__name__)


Errand = ChangeSetting | Examine | Restart


class Steward:
    """For the main thread. `changed` is called when the phase or the health of a part is another.

    `attend` is given what concerns the whole process.
    """

    def __init__(
        self,
        rooms: Rooms,
        store: Store,
        receipts: Receipts,
        storm: WakeStorm,
        changed: Callable[[], None],
        attend: Callable[[Errand], None],
    ) -> None:
        self._rooms = rooms
        self._store = store
        self._receipts = receipts
        self._storm = storm
        self._changed = changed
        self._attend = attend

    def act(self, command: Command) -> None:
        now = clock.now()
        receipt = self._receipts.done(command, now.wall)
        self._storm.see(command, now)
        match command:
            case StartListening() | ListenOn() | SetPatience() | StopListening() | SetMute() | AskLlm() | CancelLlm():
                self._rooms.do(command)
            case Act():
                self._rooms.act(command)
            case IntentDone() | Confirmed() | Speak() | Hush() | Duck() | Earcon() | SetVolume():
                self._rooms.do(command)
            case Bid() | Claim():
                self._rooms.contend(command)
            case ShowTranscript() | ShowReply() | ShowEvent() | ShowHealth() | ShowSetting() | ShowState() | Answer():
                self._show(command)
            case ShowTimers():
                self._show(command)
            case KeepTimers():
                self._store.timers(command)
            case ChangeSetting() | Examine() | Restart():
                self._attend(command)
            case TurnEnded():
                self._end_turn(command, receipt or {})
            case unknown:
                assert_never(unknown)

    def _show(self, command: Show) -> None:
        """The world is told last: who has heard of a change finds it in the report."""
        match command:
            case ShowState():
                self._changed()
            case ShowSetting(name=name, value=value, keep=True, changed=changed):
                self._store.setting(name, value if changed else None)
            case ShowHealth(part=part, status=status, reason=reason):
                self._changed()
                level = logging.INFO if status in ("ok", "loading") else logging.WARNING
                text = f"{part}: {status}, {reason}" if reason else f"{part}: {status}"
                log.log(level, "%s", text, extra={"code": f"{part}.{status}"})
            case _:
                pass
        self._rooms.show(command)

    def _end_turn(self, ended: TurnEnded, receipt: dict[str, Any]) -> None:
        log.info(
            "turn %d %s, first audio after %s ms, most of it %s",
            ended.turn, ended.outcome, receipt.get("ttfa_ms"), receipt.get("blame"),
            extra={"code": "turn", "turn": ended.turn},
        )  # fmt: skip
        self._store.receipt(receipt)
        self._rooms.receipt(ended.turn, receipt)
