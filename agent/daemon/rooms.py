"""The rooms of the agent: how they are wired, started, stopped, and replaced while the others go on.

Start goes along the way of sound from its end to its beginning, so that nothing is heard before it can be answered;
stop goes the other way. Constructors only store, so the new rooms of a reload are made, and the wake words loaded,
while the old ones still work; then those that changed are stopped and the new ones started in their place. The
microphone goes on behind an ear that is replaced: what comes meanwhile waits in its queue.

A room more: a field of `House`, a line in `build`, in `_open` (start), in `stop`, in `replace` (stop), and its recipe
in `agent.daemon.plan`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent import clock
from agent.audio.capture import Capture
from agent.audio.playback import Playback
from agent.commands import Act, Answer, Bid, Claim, SetMute, SetVolume, ShowHealth, ShowSetting, ShowState
from agent.config import Config
from agent.daemon import conversation
from agent.daemon.assist import Assist
from agent.daemon.counts import ROOM_OF, counted
from agent.daemon.description import Description, describe
from agent.daemon.outpost import Outpost
from agent.daemon.ownsound import Shared, shared
from agent.daemon.plan import EVERY, Plan, RoomName, recogniser_specs
from agent.daemon.startup import health_of, restored
from agent.daemon.statistics import Statistics
from agent.dialogue.state import State
from agent.events import Acted, Event, Turn
from agent.hearing.ear import Ear
from agent.hearing.recognisers import Recognisers
from agent.hearing.scores import Ledger
from agent.mqtt.session import Session
from agent.mqtt.topics import Show
from agent.panel.room import Panel
from agent.requests import own
from agent.speaking.mouth import Mouth
from agent.thinking.llm import Thinker

if TYPE_CHECKING:
    from agent.daemon.guests import Guests
    from agent.daemon.lobby import Lobby

FAREWELL_S = 1.0
OF_GUESTS: frozenset[RoomName] = frozenset({"recogniser", "ear", "voice", "thinker"})  # each has one of its own

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wiring:
    """What every room is given. `scores`: the recorded wake scores, `keep_scores` stores them; `guests`: those of the
    web, made when they are first wanted."""

    emit: Callable[[Event], None]
    on_fatal: Callable[[str], None]
    scores: Mapping[str, Any]
    keep_scores: Callable[[Mapping[str, Any]], None]
    guests: Callable[[], Guests]


@dataclass(frozen=True, slots=True)
class House:
    """One set of rooms. Of two houses that follow each other, the rooms with the same recipe are the same."""

    capture: Capture
    recogniser: Recognisers
    ear: Ear
    mouth: Mouth
    playback: Playback
    thinker: Thinker
    session: Session | None
    panel: Panel
    web: Lobby | None
    outpost: Outpost
    assist: Assist
    own_sound: Shared
    description: Description


def build(plan: Plan, wiring: Wiring, old: House | None = None, names: frozenset[RoomName] = EVERY) -> House:
    """The house of this plan; all but the named rooms are those of the old one. Nothing is started."""
    config, given = plan.config, (wiring.emit, clock.now, wiring.on_fatal)
    capture = Capture(config.audio.mic, *given) if old is None or "capture" in names else old.capture
    own_sound = shared(wiring.on_fatal) if old is None else old.own_sound
    assist = Assist(wiring.emit, clock.now) if old is None else old.assist
    if old is None or "recogniser" in names:
        lazy, keep_s = config.asr.load == "first_use", float(config.persona.keep_loaded_s)
        recogniser = Recognisers(recogniser_specs(plan), assist.told, *given[1:], lazy, own(config.persona.use), keep_s)
    else:
        recogniser = old.recogniser
    if old is None or "ear" in names:
        ear = Ear(config, capture, assist, *given, _ledger(config, wiring), own_sound.for_ear(config))
    else:
        ear = old.ear
    if old is None or "voice" in names:
        mouth = Mouth(config, *given)
        playback = own_sound.player(config, mouth, *given)
    else:
        mouth, playback = old.mouth, old.playback
    thinker = Thinker(config, *given) if old is None or "thinker" in names else old.thinker
    if old is None or "session" in names:
        session = Session(config, *given) if config.mqtt.enabled else None
    else:
        session = old.session
    panel = Panel(config.panel, *given) if old is None or "panel" in names else old.panel
    web = _lobby(config, wiring) if old is None or "web" in names else old.web
    outpost = Outpost(config, assist, wiring.on_fatal) if old is None or "satellite" in names else old.outpost
    rooms = capture, recogniser, ear, mouth, playback, thinker, session, panel, web, outpost
    return House(*rooms, assist, own_sound, describe(config))


def _lobby(config: Config, wiring: Wiring) -> Lobby | None:
    """An agent without a page loads nothing of it."""
    if not config.web.enabled:
        return None
    from agent.daemon.lobby import Lobby

    return Lobby(config.web, wiring.guests(), wiring.on_fatal)


def _ledger(config: Config, wiring: Wiring) -> Ledger:
    return Ledger(config, wiring.scores, wiring.keep_scores, lambda: clock.now().wall.date().isoformat())


def _close(house: House, names: frozenset[RoomName], moved: bool) -> None:
    """Those that are not on the way of what is heard."""
    if "voice" in names:
        house.mouth.stop()
        house.playback.stop()
    if "thinker" in names:
        house.thinker.stop()
    if "session" in names and house.session is not None:
        house.session.stop(FAREWELL_S, forget=moved)
    if "panel" in names:
        house.panel.stop()
    if "web" in names and house.web is not None:
        house.web.stop()
    if "satellite" in names:
        house.outpost.stop()


def _counted(house: House) -> dict[str, int]:
    return counted(house.capture.counters(), house.playback.counters())


class Rooms:
    """Used by the main thread. `house` is replaced as a whole, so any thread may look at it."""

    def __init__(self, house: House, statistics: Statistics, emit: Callable[[Event], None]) -> None:
        self.house = house
        self._statistics = statistics
        self._emit = emit
        self._spent = dict.fromkeys(ROOM_OF, 0)  # by rooms that are gone

    def start(self, state: State) -> None:
        """Raises `agent.hearing.wake.WakeModelError`."""
        self._open(EVERY, state)

    def silence(self) -> None:
        """Say nothing more. What was heard of the last reply is told before this returns."""
        self.house.mouth.stop()

    def stop(self) -> None:
        house = self.house
        if house.web is not None:
            house.web.stop(parting=True)
        house.outpost.stop()
        house.playback.stop()
        house.ear.stop()
        house.own_sound.selfwake.stop()
        house.capture.stop()
        house.recogniser.stop()
        house.thinker.stop()
        house.panel.stop()

    def part(self) -> None:
        """The last word to the world."""
        if self.house.session is not None:
            self.house.session.stop(FAREWELL_S)

    def replace(self, house: House, names: frozenset[RoomName], state: State, moved: bool) -> None:
        """Stop the named rooms and start those of the new house. `moved`: the world is to forget the old topics."""
        began = time.monotonic()
        old, self.house = self.house, house
        if "ear" in names:
            old.ear.stop()
        if "capture" in names:
            old.capture.stop()
        if "recogniser" in names:
            old.recogniser.stop()
        self._open(names & {"capture", "recogniser", "ear"}, state)
        log.debug("hearing was changed in %.0f ms", (time.monotonic() - began) * 1000)
        _close(old, names, moved)
        self._open(names & {"voice", "thinker", "session", "panel", "web", "satellite"}, state)
        if house.web is not None and names & OF_GUESTS:
            house.web.guests.renew()
        if "session" not in names and house.description != old.description:
            self._describe()
        for key, count in _counted(old).items():
            self._spent[key] += count if ROOM_OF[key] in names else 0

    def _open(self, names: frozenset[RoomName], state: State) -> None:
        house = self.house
        if "panel" in names:
            house.panel.start()
            for command in (*restored(state), *health_of(state)):
                house.panel.do(command)
        if "thinker" in names:
            house.thinker.start()
        if "voice" in names:
            house.playback.start()
            house.mouth.start(house.playback)
            house.mouth.do(SetVolume(state.told))
        if "recogniser" in names:
            house.assist.hears(house.recogniser)
            house.recogniser.start()
        if "ear" in names:
            house.ear.do(SetMute(state.mic_off))
            house.ear.attentive(state.phase != "idle")
            house.own_sound.selfwake.start()
            house.ear.start()
        self._go_public(names, state)
        if "capture" in names:
            house.capture.start()

    def _go_public(self, names: frozenset[RoomName], state: State) -> None:
        house = self.house
        if "session" in names and house.session is not None:  # an agent that will never hear does not go online
            self._describe()
            house.session.stats(self._statistics.figures(self.counters(), clock.now()))
            house.session.show(state.book.shown())
            for command in (*restored(state), *health_of(state)):
                house.session.show(command)
            house.session.start()
        if "satellite" in names:
            house.outpost.start()
        if "web" in names and house.web is not None:
            for news in (state.book.shown(), *restored(state), *health_of(state)):
                house.web.show(news)
            house.web.start()

    def _describe(self) -> None:
        """What the device is; said before what it does, so that whoever hears the one knows of the other."""
        house = self.house
        if house.session is not None:
            house.session.announce(house.description.facts)
            house.session.models(house.description.models)

    def tick(self) -> None:
        """Time went by: figures may be due."""
        figures = self._statistics.due(self.counters(), clock.now())
        if figures is not None and self.house.session is not None:
            self.house.session.stats(figures)

    def counters(self) -> dict[str, int]:
        """Faults of the sound since the start of the process."""
        return {key: self._spent[key] + count for key, count in _counted(self.house).items()}

    def do(self, deed: conversation.Deed) -> None:
        """Hand a command to its room."""
        if not self.house.assist.takes(deed):
            conversation.do(self.house, deed)

    def show(self, command: Show) -> None:
        """Tell the world, and whoever stands before the device or visits it."""
        answered = isinstance(command, Answer) and self.house.assist.answered(command)
        if answered or (self.house.web is not None and self.house.web.show(command)):
            return
        if self.house.session is not None:
            self.house.session.show(command)
        if isinstance(command, ShowState):
            self.house.ear.attentive(command.phase != "idle")
        if isinstance(command, ShowState | ShowSetting | ShowHealth):
            self.house.panel.do(command)

    def contend(self, command: Bid | Claim) -> None:
        if self.house.session is not None:
            self.house.session.contend(command)

    def act(self, command: Act) -> None:
        """Tell the world to do something, where there is anybody to tell."""
        if self.house.session is not None:
            self.house.session.act(command)
        else:
            self._emit(Acted(clock.now(), command.turn, command.action, False, "MQTT is switched off"))

    def receipt(self, turn: Turn, receipt: Mapping[str, Any]) -> None:
        self.house.assist.over(turn)
        self._statistics.ended(receipt, clock.now())
        if self.house.session is not None:
            self.house.session.receipt(turn, receipt)
