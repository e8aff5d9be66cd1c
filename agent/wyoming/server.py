"""Whether a server can be asked now: a thread that looks after it, so that nobody who speaks ever waits for that.

Rules:
- A server counts as well when it has told what it offers and has done a small piece of work (`trial`) in time. Names
  are resolved here, too, since that may take seconds.
- Whoever lost it says so (`lost`). Then it is away: nobody asks it, until it has done such a piece of work again. It is
  looked at after one second, two, four, and so on up to a minute, counted from its last good work for us.
- While it is well it is asked every `LOOK_S` what it offers, so that a loss is known before somebody speaks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.wyoming.connection import Address, Connection, Lost, resolve
from agent.wyoming.messages import Message
from agent.wyoming.offer import DESCRIBE, Offer, Service, offer

FIRST_REST_S, LONGEST_REST_S = 1.0, 60.0
LOOK_S = 60.0
TELL_S = 3.0  # to tell what it offers


@dataclass(frozen=True, slots=True)
class Well:
    """Where it is, and what it offers."""

    address: Address
    offer: Offer


def rest_s(losses: int) -> float:
    """How long to leave a server alone that was lost so often in a row."""
    return float(min(FIRST_REST_S * 2 ** min(losses - 1, 10), LONGEST_REST_S))


class Server:
    """`trial`: does a piece of work over the connection, raises Lost where the server is of no use. `told`: hears why
    it is away, or "" when it is well (again), from the thread."""

    def __init__(
        self,
        uri: str,
        service: Service,
        trial: Callable[[Connection, Offer], None],
        told: Callable[[str], None],
    ) -> None:
        self._uri = uri
        self._service = service
        self._trial = trial
        self._told = told
        self._well: Well | None = None
        self._reason = "it has not been reached yet"
        self._losses = 0  # since its last good work
        self._lost = False  # somebody has said so, and the thread does not know yet
        self._stopped = False
        self._changed = threading.Condition()  # guards the five above

    @property
    def well(self) -> Well | None:
        return self._well

    @property
    def reason(self) -> str:
        """Why it is away."""
        return self._reason

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"wyoming-{self._service}", daemon=True).start()

    def stop(self) -> None:
        """Look after it no longer; what goes on now comes to its end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def await_look(self, timeout_s: float) -> None:
        """Until it was looked at once, or for so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._well is not None or self._losses > 0, timeout_s)

    def lost(self, reason: str) -> None:
        """Somebody lost it in the middle of work."""
        with self._changed:
            self._away(reason)
            self._lost = True
            self._changed.notify_all()

    def served(self) -> None:
        """It did what it was asked."""
        with self._changed:
            self._losses = 0

    def look(self) -> Offer:
        """Ask it once what it offers, and try it. Raises Lost."""
        return self._examine(tried=False).offer

    # The rest runs on the thread.

    def _run(self) -> None:
        while not self._stopped:
            try:
                well = self._examine(tried=self._well is not None)
            except Lost as error:
                with self._changed:
                    self._away(str(error))
                    self._changed.notify_all()
            else:
                self._back(well)
            self._rest()

    def _back(self, well: Well) -> None:
        with self._changed:
            if self._lost:  # while it was looked at
                return
            was_away, self._well, self._reason = self._well is None, well, ""
            self._changed.notify_all()
        if was_away:
            self._told("")

    def _away(self, reason: str) -> None:
        self._losses += 1
        before, self._reason = self._reason, f"{self._uri}: {reason}"
        self._well = None
        if self._reason != before:
            self._told(self._reason)

    def _rest(self) -> None:
        with self._changed:
            if self._well is not None:
                self._changed.wait_for(lambda: self._lost or self._stopped, LOOK_S)
            self._lost = False
            if self._well is None:
                self._changed.wait_for(lambda: self._stopped, rest_s(self._losses))

    def _examine(self, tried: bool) -> Well:
        failure = Lost("it has no address")
        for address in resolve(self._uri):
            try:
                return self._ask(address, tried)
            except Lost as error:
                failure = error
        raise failure

    def _ask(self, address: Address, tried: bool) -> Well:
        connection = Connection(address)
        try:
            connection.send(DESCRIBE)
            info = expect(connection, "info", time.monotonic() + TELL_S)
            found = offer(info, self._service)
            if found is None:
                raise Lost(f'it offers no "{self._service}"')
            if not tried:
                self._trial(connection, found)
            return Well(address, found)
        finally:
            connection.close()


def expect(connection: Connection, kind: str, until: float) -> Message:
    """The next message of this type; others are passed over. Raises Lost, also where the server says "error"."""
    while True:
        for message in connection.receive():
            if message.type == kind:
                return message
            complain(message)
        if time.monotonic() > until:
            raise Lost(f'no "{kind}" in time')
        connection.wait(until)


def complain(message: Message) -> None:
    """Raises Lost where the server says that something went wrong there."""
    if message.type == "error":
        raise Lost(f'it says "{" ".join(message.text().split())[:150]}"')
