"""The lobby: the web room and its guests, as the rest of the house sees them."""

from __future__ import annotations

from collections.abc import Callable

from agent.commands import Answer, Command
from agent.config import Web as WebSection
from agent.daemon.guests import Guests
from agent.web.room import Web


class Lobby:
    """`guests` outlive a lobby that is replaced."""

    def __init__(self, config: WebSection, guests: Guests, on_fatal: Callable[[str], None]) -> None:
        self.guests = guests
        self._web = Web(config, guests, on_fatal)

    def start(self) -> None:
        self.guests.open()
        self._web.start()

    def stop(self, parting: bool = False) -> None:
        """`parting`: the process ends, and nobody turns the inbox any more."""
        if parting:
            self.guests.part()
        else:
            self.guests.close()
        self._web.stop()

    def progress(self) -> float:
        return self._web.progress()

    def show(self, command: Command) -> bool:
        """Tell all guests; or one of them, whose answer this is: then True, since it is nobody else's business."""
        if isinstance(command, Answer) and self.guests.answer(command):
            return True
        for text in self.guests.show(command):
            self._web.tell(text)
        return False
