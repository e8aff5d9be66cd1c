"""The guests: who talks with the agent over the web, each in rooms of their own.

A visit gets its conversation with the first thing that is wanted of it (a page that only looks on costs nothing), and
loses it when it has been gone for good. What is said in it goes to that guest and to nobody else: not to MQTT, not to
the log, not into receipts on disk. Timers and actions are the house's, and go the house's way.

`Guests` is the web's `Host` and the inbox's `Desk`. `begin` and `leave` are called by the server's helpers, `see` and
`act` by the main thread, everything else by any.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from importlib.metadata import version
from weakref import WeakValueDictionary

from agent import clock
from agent.commands import (
    Act,
    Answer,
    Bid,
    ChangeSetting,
    Claim,
    Command,
    Examine,
    KeepTimers,
    Restart,
    ShowEvent,
    ShowHealth,
    ShowTimers,
)
from agent.daemon.inbox import Inbox
from agent.daemon.plan import Plan
from agent.daemon.seat import Seat
from agent.dialogue.guests import HOUSE, MAX_SEATS, arrived, first_turn
from agent.events import Event, Requested, Turn
from agent.hearing.wake import WakeModelError
from agent.identity import device_name
from agent.models import ModelMissing
from agent.requests import Request, SettingRequest, StopRequest, shown
from agent.settings import Unfit, find, fitting
from agent.web.device import Device
from agent.web.loudspeaker import SPEECH_HZ
from agent.web.protocol import message
from agent.web.visit import Visit
from agent.web.webrtc import paths

JOIN_S = 5.0
BUSY = "the agent talks with others already; web.guests says with how many at once"

log = logging.getLogger(__name__)


class Guests:
    """`act`: carries out what is the house's. `plan`: what is in force. `inbox`: known by the time somebody comes."""

    def __init__(
        self,
        plan: Callable[[], Plan],
        inbox: Callable[[], Inbox],
        act: Callable[[Command], None],
        on_fatal: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._inbox = inbox
        self._act = act
        self._on_fatal = on_fatal
        self._device = Device()
        self._changing = threading.Lock()  # who comes and goes, one at a time: a small device loads models
        self._open = True
        self._parting = False
        # Of requests whose answer is a guest's; nobody else can have one that begins so.
        self._id = f"web:{secrets.token_hex(8)}:"
        self._lock = threading.Lock()  # guards all below
        self._seats: dict[int, Seat] = {}
        self._last: dict[int, Turn] = {}  # of a seat that is empty now
        self._asking: WeakValueDictionary[int, Visit] = WeakValueDictionary()

    # For the web.

    def facts(self) -> Mapping[str, object]:
        config = self._plan().config
        return {
            "agent": device_name(config.mqtt.device),
            "version": version("voice-agent"),
            "words": [word.model for word in config.wake.words],
            "language": config.persona.language,
            "personas": [shown(""), *config.personas],
            "paths": paths(),
            "speech_hz": SPEECH_HZ,
            "token": config.web.token is not None,
        }

    def device(self) -> list[str]:
        return self._device.messages(self._plan().config)

    def begin(self, visit: Visit) -> bool:
        if visit.seat is not None:
            return True  # without waiting for others
        with self._changing:
            return self._begin(visit)

    def leave(self, visit: Visit) -> None:
        with nullcontext() if self._parting else self._changing:  # at the end, all at once
            self._end(visit)

    def ask(self, visit: Visit, request: Request) -> None:
        seat = visit.seat
        if seat is not None:
            self._inbox().put_at(seat, Requested(clock.now(), request, f"{self._id}{visit.number}"))

    def ask_device(self, visit: Visit, request: Request) -> None:
        if isinstance(request, SettingRequest):
            try:
                request = _fitting(request)
            except Unfit as unfit:
                visit.send(message("error", code="bad_value", message=str(unfit)))
                return
        with self._lock:
            self._asking[visit.number] = visit
        self._inbox().put(Requested(clock.now(), request, f"{self._id}{visit.number}"))

    # For the house.

    def show(self, command: Command) -> list[str]:
        """What of the house's news is for all guests, as messages."""
        return self._device.show(command, self._plan().config)

    def answer(self, given: Answer) -> bool:
        """Whether it is the answer to a guest's request; a guest learns what went wrong."""
        if not given.id.startswith(self._id):
            return False
        with self._lock:
            visit = self._asking.get(int(given.id.removeprefix(self._id)))
        if visit is not None and not given.ok:
            visit.send(message("error", code=given.code, message=given.message))
        return True

    def renew(self) -> None:
        """Another configuration is in force: everybody gets other rooms, which takes a moment."""
        with self._lock:
            visits = [seat.visit for seat in self._seats.values()]
        for visit in visits:
            threading.Thread(target=self._move, args=(visit,), name="guest-moves", daemon=True).start()

    def _move(self, visit: Visit) -> None:
        with self._changing:
            self._end(visit)
            if not visit.gone:
                self._begin(visit)

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        """On the main thread, which will wait for the web to end: nobody talks any more, until `open`."""
        self._open = False
        with self._lock:
            numbers = list(self._seats)
        for number in numbers:
            if self._inbox().guest(number) is not None:
                self._unseat(number)

    def part(self) -> None:
        """The process ends: nobody turns the inbox any more."""
        self._parting = True

    # For the inbox.

    def see(self, number: int, event: Event) -> None:
        seat = self._at(number)
        if seat is not None:
            seat.see(event)

    def act(self, number: int, command: Command) -> None:
        """What a guest's dialogue wants done."""
        seat = self._at(number)
        match command:
            case Act() | KeepTimers() | ShowTimers() | ChangeSetting() | Examine() | Restart():
                self._act(command)
            case Bid() | Claim() | ShowHealth():
                pass  # of the house, and of other agents
            case ShowEvent(type="timer"):
                self._act(command)
                if seat is not None:
                    seat.act(command)
            case _:
                if seat is not None:
                    seat.act(command)

    # With `_changing` held.

    def _begin(self, visit: Visit) -> bool:
        if visit.seat is not None:
            return True
        number = self._free()
        if number is None:
            visit.send(message("error", code="busy", message=BUSY))
            return False
        try:
            self._seat(visit, number)
        except (ModelMissing, WakeModelError) as error:
            log.error("guest %d cannot talk: %s", visit.number, error, extra={"code": "model"})
            visit.send(message("error", code="failed", message=str(error)))
            self._clear(number)
            return False
        log.info("guest %d talks", visit.number, extra={"code": "web.guest"})
        return True

    def _seat(self, visit: Visit, number: int) -> None:
        inbox = self._inbox()
        seat = Seat(self._plan(), visit, lambda event: inbox.put_at(number, event), self._on_fatal)
        with self._lock:
            self._seats[number] = seat
            turn = self._last.get(number, first_turn(number))
        inbox.between(lambda: inbox.seat(number, arrived(inbox.state, turn, inbox.state.volume)))
        seat.start()
        visit.loudspeaker, visit.recap, visit.seat = seat.playback, seat.recap, number
        seat.playback.volume(inbox.state.volume)

    def _end(self, visit: Visit) -> None:
        number, visit.seat, visit.loudspeaker, visit.recap = visit.seat, None, None, None
        if number is not None:
            self._clear(number)
            log.info("guest %d has left", visit.number, extra={"code": "web.guest"})

    def _clear(self, number: int) -> None:
        with self._lock:
            seat = self._seats[number]
        if not self._parting and not seat.left.is_set():
            self._inbox().between(lambda: self._unseat(number))
            seat.left.wait(JOIN_S)
        with self._lock:
            del self._seats[number]
        seat.stop()

    def _free(self) -> int | None:
        with self._lock:
            if not self._open or self._parting or len(self._seats) >= self._plan().config.web.guests:
                return None
            return next((each for each in range(HOUSE + 1, MAX_SEATS) if each not in self._seats), None)

    def _unseat(self, number: int) -> None:
        """On the main thread: the turn ends, so that nothing of it is carried out any more."""
        inbox = self._inbox()
        if inbox.guest(number) is not None:
            inbox.handle(Requested(clock.now(), StopRequest(parting=True)), number)
        state = inbox.guest(number)
        if state is not None:
            with self._lock:
                self._last[number] = state.turn
        inbox.unseat(number)
        seat = self._at(number)
        if seat is not None:
            seat.left.set()

    def _at(self, number: int) -> Seat | None:
        with self._lock:
            return self._seats.get(number)


def _fitting(request: SettingRequest) -> SettingRequest:
    """As the setting takes it. Raises Unfit."""
    setting = find(request.name)
    return request if request.value is None else replace(request, value=fitting(setting, request.value))
