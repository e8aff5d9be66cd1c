"""Assist: Home Assistant's pipeline as one of the recognisers, which also answers what it has understood.

    ear ──sound──▶ our recogniser ──Partial, and Final where Home Assistant fails──▶ dialogue
       └──sound──▶ satellite ══▶ Home Assistant ──Final (elsewhere), ReplyDelta, ReplyDone──▶ dialogue

Rules:
- A turn is offered to Home Assistant when the ear is told to listen to it: while it is connected, and where the user
  speaks to `[persona]`. It is told of the turn with its first sound, and not of the wake word: it ignores one
  that it was told within the last two seconds, so whoever says it again, or goes on speaking, would not be heard. What
  is only overheard is never sent.
- Our own recogniser hears the same sound. Its words end an utterance soon, and its text counts at once where Home
  Assistant is lost or fails before it has understood, and `wait_ms` after the end where it is too slow. From there on
  the turn is answered here, local commands first.
- What Home Assistant has understood, it answers. Where it fails then, nobody else is asked: it may have done it.
- It is our mouth that speaks the answer; Home Assistant hears when it is over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import assert_never

from agent.audio.pcm import Samples
from agent.clock import Clock
from agent.commands import Answer, AskLlm, ListenOn, StartListening
from agent.config import Config
from agent.daemon.announced import Announced
from agent.daemon.conversation import Deed
from agent.daemon.offered import Offered, Reply
from agent.events import AsrFailed, Event, Final, LlmFailed, ReplyDelta, ReplyDone, Turn
from agent.hearing.asr import Asr
from agent.hearing.words import without_wake
from agent.satellite.happenings import End, Failed, Play, Says, Serving, Timer, Understood
from agent.satellite.host import Told
from agent.satellite.satellite import Satellite

PROFILE = "home_assistant"  # who has understood and answered, in the receipt
DONE = "OK."  # where Home Assistant has done it, and would only give a sound

log = logging.getLogger(__name__)


class Assist:
    """An `Asr` for the ear and a `Host` for the satellite; `takes`, `over`, `answered` are for the main thread.

    One object for the life of the process; `hears` and `use` replace what it works with.
    """

    def __init__(self, emit: Callable[[Event], None], clock: Clock) -> None:
        self._emit = emit
        self._clock = clock
        self._announced = Announced(emit, clock)
        self._offered = Offered()
        self._recogniser: Asr | None = None
        self._satellite: Satellite | None = None
        self._listens = False
        self._wait_s = 0.0

    def hears(self, recogniser: Asr) -> None:
        """From now on with this one; while no ear is at work."""
        self._recogniser = recogniser

    def use(self, satellite: Satellite | None, config: Config) -> None:
        """From now on this satellite, or none; the turn that another one has is ours again."""
        turn = self._offered.turn
        self._satellite = satellite
        self._listens, self._wait_s = config.wyoming.listened_to, config.wyoming.wait_ms / 1000
        if turn is not None:
            self.satellite(Failed(turn, "the satellite has another configuration"))

    # For the main thread.

    def takes(self, deed: Deed) -> bool:
        """See a command before it is carried out; True where Home Assistant does it."""
        match deed:
            case StartListening(turn=turn, persona=persona) | ListenOn(turn=turn, persona=persona):
                satellite = self._satellite
                ready = satellite is not None and self._listens and not persona and satellite.serving
                before = self._offered.offer(turn if ready else None)
                if before is not None and satellite is not None:
                    satellite.drop(before)
                return False
            case AskLlm(turn=turn):
                taken, reply = self._offered.asked(turn)
                if reply is not None:
                    self._reply(reply)
                return taken
            case _:
                return False

    def over(self, turn: Turn) -> None:
        """The turn has ended, however it did."""
        was, spoken = self._offered.over(turn)
        if was and self._satellite is not None:
            (self._satellite.played if spoken else self._satellite.drop)(turn)

    def answered(self, answer: Answer) -> bool:
        """Whether it was Home Assistant who asked."""
        what = self._announced.answered(answer)
        if what == "announcement" and self._satellite is not None:
            self._satellite.played(None)
        return what is not None

    # What the ear drives.

    def begin(self, turn: Turn, word: str | None = None, lead_ms: int = 0, persona: str = "") -> None:
        self._ours.begin(turn, word, lead_ms, persona)
        self._offered.begin(turn, word)

    def feed(self, turn: Turn, pcm: Samples) -> None:
        self._ours.feed(turn, pcm)
        sound = self._offered.sound(turn)
        if sound is None or self._satellite is None:
            return
        if sound == "first":
            self._satellite.woke(turn)
        self._satellite.heard(turn, pcm.tobytes())

    def pause(self, turn: Turn) -> None:
        self._ours.pause(turn)

    def resume(self, turn: Turn) -> None:
        self._ours.resume(turn)

    def finish(self, turn: Turn) -> None:
        self._ours.finish(turn)
        if self._offered.finish(turn, self._clock().mono + self._wait_s) and self._satellite is not None:
            self._satellite.ended(turn)

    def cancel(self, turn: Turn) -> None:
        self._ours.cancel(turn)
        if self._offered.cancel(turn) and self._satellite is not None:
            self._satellite.drop(turn)

    def tick(self, mono: float) -> None:
        self._ours.tick(mono)
        late = self._offered.late(mono)
        if late is not None:
            if self._satellite is not None:
                self._satellite.drop(late)
            self.satellite(Failed(late, f"Home Assistant has not understood it within {self._wait_s:g} s"))

    @property
    def _ours(self) -> Asr:
        assert self._recogniser is not None, "hears comes first"
        return self._recogniser

    # What the ear and our own recogniser tell, on threads of theirs.

    def told(self, event: Event) -> None:
        """Hand it on, unless Home Assistant is still expected to know better, or has."""
        if not (isinstance(event, Final | AsrFailed) and self._offered.hold(event)):
            self._emit(event)

    # What the satellite tells, on its thread.

    def satellite(self, told: Told) -> None:
        match told:
            case Understood():
                self._understood(told)
            case Says():
                self._replied(told)
            case Failed():
                self._failed(told)
            case Play():
                self._announced.sounds(told)
            case End(owner=None):
                self._announced.ends()
            case End():
                self._announced.forget()  # its own voice
            case Timer():
                self._announced.timer(told)
            case Serving(on=on):
                text, code = ("is there", "satellite.serving") if on else ("is away", "satellite.away")
                log.info("Home Assistant %s", text, extra={"code": code})
            case unknown:
                assert_never(unknown)

    def _understood(self, told: Understood) -> None:
        counts, word = self._offered.understood(told.turn)
        if counts:
            heard = told.text.strip()  # Whisper begins with a space
            text = without_wake(heard, word) if word else heard
            self._emit(Final(self._clock(), told.turn, text, elsewhere=PROFILE))

    def _failed(self, told: Failed) -> None:
        lost = self._offered.lost(told.turn)
        if lost is None:
            self._replied(told)
            return
        log.warning("a turn is answered here: %s", told.reason, extra={"code": "satellite.failed"})
        if lost.local is not None:
            self._emit(lost.local)

    def _replied(self, reply: Reply) -> None:
        if self._offered.replied(reply):
            self._reply(reply)

    def _reply(self, reply: Reply) -> None:
        now = self._clock()
        match reply:
            case Says(turn=turn, text=text):
                self._emit(ReplyDelta(now, turn, text if text.strip() else DONE, profile=PROFILE))
                self._emit(ReplyDone(now, turn))
            case Failed(turn=turn, reason=reason):
                log.warning("%s", reason, extra={"code": "satellite.failed"})
                self._emit(LlmFailed(now, turn, "home_assistant", reason))
