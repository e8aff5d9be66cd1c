"""The session: what a device with a microphone says to the agent, when, and what it makes of what the agent says.

No socket, no thread, no clock: time comes along, in monotonic seconds, and what is to be done goes out as `Doing`s.

Rules:
- The microphone is *on* for the agent while a turn is going on, for `WAKE_S` after a wake word was heard here, and
  `LINGER_S` longer than it has to be. Else nothing is sent at all, not even silence (`always`: it is always on).
- On a wake word the last `LEAD` periods go first, with their time stamps, and in one frame: its end is of now, so the
  agent dates what lies before it right, finds the wake word itself, as with its own microphone, and listens from there.
  They are no more than it takes, since the agent has to look at all of them before it can answer.
- Sound is sent once. After a connection was lost the next one begins with what was not sent, as far as the tail goes.
- A microphone that is on is also what makes the agent load what it needs for us, and keep a seat; so it is said at once
  on each connection, and taken back.
- The speaker knows turns by numbers of ours, which only grow, whatever the agent begins anew (`agent.remote.turns`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import assert_never

from agent.audio.pcm import PERIOD, RATE_HZ, Samples
from agent.events import Phase, Turn
from agent.hearing.words import wake_name
from agent.remote import words
from agent.remote.doings import (
    Attend,
    Beep,
    Complete,
    Doing,
    Leave,
    Loudness,
    Play,
    Prepare,
    Say,
    Silence,
    Soften,
    Stream,
    Tell,
)
from agent.remote.turns import Turns
from agent.remote.words import Word
from agent.web import protocol
from agent.web.protocol import HEADER, MAX_BINARY, BadFrame, Frame, Kind

TAIL = (MAX_BINARY - HEADER.size) // (2 * PERIOD)  # periods that are kept, and fit a frame: 2.04 s
LEAD = 130  # 15 voices of 15 were found again in 1.0 s, as in 2.0, also with talk or noise before the word
WAKE_S = 4.0  # the agent has so long to hear the wake word, too
LINGER_S = 1.0
BUSY_S = 10.0  # before we ask again for a seat
FINAL: Mapping[str, int] = MappingProxyType({"elsewhere": 75, "bad_message": 70})  # after such a bye we stay away


@dataclass(frozen=True, slots=True, eq=False)
class Periods:
    """Whole periods: `number` of the first one since capture began, and when it was in the air, monotonic seconds."""

    number: int
    at: float
    pcm: Samples

    @property
    def count(self) -> int:
        return len(self.pcm) // PERIOD

    @property
    def next(self) -> int:
        return self.number + self.count

    def since(self, number: int) -> Periods:
        past = max(0, number - self.number)
        return Periods(self.number + past, self.at + past * PERIOD / RATE_HZ, self.pcm[past * PERIOD :])


class Session:
    def __init__(self, always: bool = False) -> None:
        self._always = always
        self._key = ""  # of the conversation that may be resumed
        self._words: Collection[str] = ()
        self._welcome = False
        self._phase: Phase = "idle"
        self._tail: deque[Periods] = deque()
        self._sent = 0  # the period that would be sent next
        self._since: int | None = None  # the tail from this period on goes first; None: nothing of it
        self._on = False  # the microphone, as the agent knows it
        self._until = 0.0  # it stays on at least so long
        self._woke: str | None = None  # the wake word that the agent has not answered
        self._busy_until: float | None = None
        self._turns = Turns()

    # The link.

    def opened(self) -> list[Doing]:
        return [Say(protocol.message("hello", path="native", format="pcm", rate_hz=RATE_HZ, resume=self._key))]

    def closed(self) -> list[Doing]:
        """What is being said goes on: the agent may well be back before its end."""
        self._since = self._sent if self._on else self._since
        self._welcome = self._on = False
        self._phase, self._busy_until = "idle", None
        return [Attend(self._always)]

    def said(self, text: str, now: float) -> list[Doing]:
        """A text frame of the agent's. Raises BadFrame."""
        word = words.read(text)
        return [] if word is None else self._heed(word, now)

    def sounded(self, data: bytes) -> list[Doing]:
        """A binary frame of the agent's. Raises BadFrame."""
        frame = protocol.decode(data)
        match frame.kind:
            case Kind.SPEECH:
                return [Play(self._turns.ours(frame.number), frame.samples(), frame.rate_hz)]
            case Kind.SOUND:
                return [Beep(frame.samples(), frame.rate_hz)]
            case Kind.PERIODS | Kind.CONTAINER:
                raise BadFrame(f"the agent sends {frame.kind.name}")

    # The microphone.

    def heard(self, sound: Periods, now: float) -> list[Doing]:
        self._keep(sound)
        if not self._welcome:
            return []
        if self._wanted(now):
            return self._send([sound]) if self._on else self._open()
        self._since = None
        doings: list[Doing] = []
        if self._woke is not None:
            doings.append(Tell("unanswered", {"word": self._woke}))
            self._woke = None
        return doings + (self._switch(on=False) if self._on else [])

    def woke(self, word: str, score: float, now: float) -> list[Doing]:
        """A wake word was heard here, in sound that was given to `heard` before."""
        self._until = now + WAKE_S
        self._woke = word
        doings: list[Doing] = [Tell("heard", {"word": word, "score": round(score, 3)}), Prepare()]
        self._since = self._tail[-1].next - LEAD if self._tail else 0
        if not self._welcome:
            return [*doings, Tell("offline")]
        if not self._on:
            doings += self._open()
        if word not in self._words:
            doings.append(Say(protocol.message("listen")))
        return doings

    # The speaker.

    def playing(self, turn: Turn, frames: int, at: float) -> list[Doing]:
        """At `at` so many frames, as they were sent, had been heard."""
        return self._report(turn, "playing", frames=frames, at=round(at * 1000, 3))

    def drained(self, turn: Turn) -> list[Doing]:
        """All was heard, or nobody will hear it."""
        return self._report(turn, "drained")

    # Time.

    def tick(self, now: float) -> list[Doing]:
        if self._busy_until is None or now < self._busy_until:
            return []
        self._busy_until = None
        return [Say(protocol.message("mic", on=True))] if self._on else self._reserve()

    def _heed(self, word: Word, now: float) -> list[Doing]:
        match word:
            case words.Welcome():
                return self._begin(word, now)
            case words.State(phase=phase, turn=turn):
                return self._state(phase, turn, now)
            case words.Transcript() | words.Reply() | words.Wake():
                self._woke = None
                return [Tell(word.type, word.model_dump(exclude={"type"}))]
            case words.End(turn=turn):
                return [Complete(self._turns.ours(turn))]
            case words.Drop(turn=turn):
                return [Silence(self._turns.ours(turn))]
            case words.Duck(db=db, ramp_ms=ramp_ms):
                return [Soften(db, ramp_ms)]
            case words.Volume(percent=percent):
                return [Loudness(percent)]
            case words.Refusal(code=code, message=message):
                self._busy_until = now + BUSY_S if code == "busy" else self._busy_until
                return [Tell("refused", {"code": code, "message": message})]
            case words.Bye(code=code, message=message):
                told: list[Doing] = [Tell("bye", {"code": code, "message": message})]
                return [*told, Leave(FINAL[code], message)] if code in FINAL else told
            case never:
                assert_never(never)

    def _begin(self, welcome: words.Welcome, now: float) -> list[Doing]:
        self._welcome, self._key, self._words = True, welcome.key, frozenset(map(wake_name, welcome.words))
        doings: list[Doing] = [Tell("connected", {"agent": welcome.agent, "resumed": welcome.resumed})]
        if not welcome.resumed:
            doings.append(Silence(self._turns.anew()))
        elif self._since is not None:
            self._until = max(self._until, now + LINGER_S)  # the agent is about to say how its turn stands
        return doings + (self._open() if self._wanted(now) else self._reserve())

    def _state(self, phase: Phase, turn: Turn, now: float) -> list[Doing]:
        before, self._phase = self._phase, phase
        if phase == "idle":
            self._until = max(self._until, now + LINGER_S) if before != "idle" else self._until
        else:
            self._woke = None
        doings: list[Doing] = [Tell("state", {"phase": phase, "turn": turn})]
        return [*doings, Prepare()] if phase == "thinking" else doings

    def _wanted(self, now: float) -> bool:
        return self._always or self._phase != "idle" or now < self._until

    def _keep(self, sound: Periods) -> None:
        if self._tail and self._tail[-1].next != sound.number:
            self._tail.clear()
        self._tail.append(sound)
        while self._tail[-1].next - self._tail[0].number > TAIL:
            surplus = self._tail[-1].next - self._tail[0].number - TAIL
            oldest = self._tail.popleft()
            if oldest.count > surplus:
                self._tail.appendleft(oldest.since(oldest.number + surplus))

    def _open(self) -> list[Doing]:
        """The microphone is on from now on, or from earlier."""
        newest = self._tail[-1].number if self._tail else 0
        since = newest if self._since is None else self._since
        parts = [part for each in self._tail if (part := each.since(max(since, self._sent))).count]
        self._since = None
        return self._switch(on=True) + self._send(parts)

    def _reserve(self) -> list[Doing]:
        return [Say(protocol.message("mic", on=True)), *self._switch(on=False)]

    def _switch(self, on: bool) -> list[Doing]:
        self._on = on
        return [Say(protocol.message("mic", on=on)), Attend(on)]

    def _send(self, parts: list[Periods]) -> list[Doing]:
        """In one frame: parts follow each other without a gap, and are no longer than the tail."""
        if not parts:
            return []
        payload = b"".join(part.pcm.astype("<i2", copy=False).tobytes() for part in parts)
        first, self._sent = parts[0], parts[-1].next
        frame = Frame(Kind.PERIODS, payload, RATE_HZ, first.number % 2**32, first.at * 1000)
        return [Stream(frame.encode(), self._sent - first.number)]

    def _report(self, turn: Turn, what: str, **fields: object) -> list[Doing]:
        theirs = self._turns.theirs(turn)
        if not self._welcome or theirs is None:
            return []
        return [Say(protocol.message(what, turn=theirs, **fields))]
