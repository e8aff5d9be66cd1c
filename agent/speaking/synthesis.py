"""Clauses -> sound, whatever happens to the engines: who speaks, for how long one waits, who takes over.

Rules:
- One clause at a time. It goes to the first voice, in order of fall-back, that is ready; a voice that is still loading
  is waited for up to `PATIENCE_S`.
- A voice that dies, hangs beyond the deadline or refuses loses the clause, and the rest of this turn, to the next one.
  With no voice left, or none ready within `GIVE_UP_S`, the clause is `Unspoken` and the turn has failed.
- The last voice of all dying three times in a minute is for the owner to end the program. While another voice is left,
  the dead one rests for `REST_S` and gets another chance.
- Behind the voice of a server on another machine, the one on this device is loaded, too: it takes over at once. While
  the server is away, nobody asks it.
- Short clauses are kept: an acknowledgement said again needs no engine.
- Each persona has its own order of voices; what two of them share is loaded once. The voice of whoever speaks most is
  loaded at the start, another one when its persona is first spoken to, and it leaves the memory `keep_s` seconds after
  its last use: then its next first word takes as long as loading does. With `keep_s` 0 all are loaded at the start.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from agent.events import Status, Turn
from agent.speaking.cache import Cache
from agent.speaking.voice import JobDone, JobFailed, Report, Voice, VoiceAway, VoiceLost, VoiceReady
from agent.speaking.voices import VoiceSpec

DEADLINE_S, DEADLINE_FACTOR = 5.0, 3.0
HEAD_START_S, PATIENCE_S, GIVE_UP_S = 1.0, 3.0, 5.0
REST_S = 300.0

VoiceState = Literal["off", "loading", "ready", "broken", "resting"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """The sound of a clause: int16 little-endian mono."""

    turn: Turn
    text: str
    rate_hz: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Unspoken:
    """No voice could speak the clause."""

    turn: Turn
    reason: str


@dataclass(slots=True)
class _Job:
    number: int
    turn: Turn
    text: str
    order: tuple[int, ...]  # of voices
    since: float  # when it began to wait for a voice
    voice: int | None = None
    sent: float = 0.0
    deadline: float = 0.0


@dataclass(slots=True)
class _Seat:
    """A voice and what is known of it."""

    voice: Voice
    state: VoiceState = "off"
    away: str = ""  # why the server cannot be asked that it lives on
    reason: str = ""
    wakes_at: float = 0.0  # from its rest
    used_at: float = 0.0  # monotonic seconds
    pace: float = 0.0  # seconds of work per character, measured
    failed_turn: Turn = -1


class Synthesis:
    """The voices and the clause that is being spoken; for one thread. Reports of the voices go to `report`."""

    def __init__(
        self,
        orders: Mapping[str, Sequence[VoiceSpec]],
        report: Callable[[Report], None],
        on_fatal: Callable[[str], None],
        first: str = "",
        keep_s: float = 600.0,
    ) -> None:
        """`orders`: persona -> its voices in order of fall-back; "" serves whoever has none. `first`: the persona that
        speaks most. `keep_s`: how long to keep the voices of the others."""
        self._specs: list[VoiceSpec] = []
        for spec in (spec for order in orders.values() for spec in order):
            if spec not in self._specs:
                self._specs.append(spec)
        self._orders = {name: tuple(map(self._specs.index, order)) for name, order in orders.items()}
        self._first = self._order(first)
        self._report = report
        self._keep_s = keep_s
        self._seats = [_Seat(Voice(number, spec, report)) for number, spec in enumerate(self._specs)]
        self._on_fatal = on_fatal
        self._job: _Job | None = None
        self._jobs = 0
        self._cache = Cache()

    @property
    def busy(self) -> bool:
        return self._job is not None

    @property
    def pids(self) -> list[int]:
        return [seat.voice.pid for seat in self._seats if seat.voice.pid is not None]

    def start(self) -> None:
        """Load what is to be there before anybody is spoken to."""
        orders = (self._first,) if self._keep_s else self._orders.values()
        for order in orders:
            self._load(order)

    def prepare(self, persona: str, now: float) -> None:
        """Load the first voice of the persona, if that has not been done."""
        order = self._order(persona)
        for number in self._leading(order):
            self._seats[number].used_at = now
        self._load(order)

    def stop(self) -> None:
        for seat in self._seats:
            seat.voice.stop()

    def say(self, now: float, turn: Turn, text: str, persona: str = "") -> Spoken | Unspoken | None:
        """Begin with a clause (not while `busy`); the outcome comes at once only out of the cache."""
        order = self._order(persona)
        if kept := self._cache.get(order[0], text):
            return Spoken(turn, text, *kept)
        self._jobs += 1
        self._job = _Job(self._jobs, turn, text, order, now)
        return self.tick(now)

    def hush(self, turn: Turn) -> None:
        """Forget the clause of this turn or of an older one."""
        job = self._job
        if job is None or job.turn > turn:
            return
        if job.voice is not None:
            self._seats[job.voice].voice.hush(turn)
        self._job = None

    def handle(self, now: float, report: Report) -> Spoken | Unspoken | None:
        seat = self._seats[report.voice]
        match report:
            case VoiceReady(error=error):
                seat.state, seat.reason = ("broken", error) if error else ("ready", "")
            case VoiceAway(reason=reason):
                seat.away = reason
            case VoiceLost(reason=reason, final=final):
                self._lost(now, seat, reason, final)
                return self._fail(now, report.voice, reason)
            case JobDone(job=job):
                return self._done(now, seat, report) if self._job and job == self._job.number else None
            case JobFailed(job=job, reason=reason):
                return self._fail(now, report.voice, reason) if self._job and job == self._job.number else None
            case unknown:
                assert_never(unknown)
        return self.tick(now)

    def tick(self, now: float) -> Spoken | Unspoken | None:
        """Whatever time has brought about."""
        for number, seat in enumerate(self._seats):
            if seat.state == "resting" and now >= seat.wakes_at:
                self._wake(seat)
            if seat.state == "ready" and number not in self._first and 0 < self._keep_s < now - seat.used_at:
                self._release(number, now)
        job = self._job
        if job is None:
            return None
        if job.voice is None:
            return self._assign(now, job)
        if now < job.deadline:
            return None
        seat = self._seats[job.voice]
        reason = f"no sound within {job.deadline - job.sent:.1f} s"
        seat.state, seat.reason = "loading", reason
        seat.voice.replace(reason)
        return self._fail(now, job.voice, reason)

    def due(self, now: float) -> float | None:
        """When to call `tick` next."""
        times = [seat.wakes_at for seat in self._seats if seat.state == "resting"]
        if job := self._job:
            waits = (job.since + HEAD_START_S, job.since + PATIENCE_S, job.since + GIVE_UP_S)
            times += [job.deadline] if job.voice is not None else waits
        return min((time for time in times if time > now), default=None)

    def health(self) -> tuple[Status, str]:
        """That of who speaks most; where another persona's voice is broken, another one stands in for it."""
        first, *after = (self._seats[number] for number in self._first)
        match first.state:
            case "off" | "ready":
                leading = (self._seats[order[0]] for order in self._orders.values())
                broken = next((seat for seat in leading if seat.state in ("broken", "resting")), None)
                reason = first.away or (broken.reason if broken else "")
                return ("degraded", reason) if reason else ("ok", "")
            case "loading":
                return ("degraded", first.reason) if first.reason else ("loading", "")
            case "broken" | "resting":
                others = any(seat.state not in ("broken", "resting") for seat in after)
                return ("degraded" if others else "failed"), first.reason

    def _order(self, persona: str) -> tuple[int, ...]:
        return self._orders.get(persona, self._orders[""])

    def _leading(self, order: tuple[int, ...]) -> tuple[int, ...]:
        """The voice that speaks for an order, and who has to be there beside it."""
        return order[: 2 if self._specs[order[0]].engine == "wyoming" else 1]

    def _load(self, order: tuple[int, ...]) -> None:
        for number in self._leading(order):
            self._wake(self._seats[number])

    def _release(self, number: int, now: float) -> None:
        """Let go of a voice that nobody has needed for long; what is left of it ends by itself."""
        seat = self._seats[number]
        if self._job is not None and number in self._job.order:
            seat.used_at = now
            return
        released, seat.voice = seat.voice, Voice(number, self._specs[number], self._report)
        seat.state = "off"
        threading.Thread(target=released.stop, name="tts-release", daemon=True).start()

    def _wake(self, seat: _Seat) -> None:
        if seat.state in ("off", "resting"):
            seat.state = "loading"
            seat.voice.start()

    def _assign(self, now: float, job: _Job) -> Unspoken | None:
        """Give the clause to a voice, or wait, or give up."""
        waited = now - job.since
        seats = [self._seats[number] for number in job.order]
        for place, (number, seat) in enumerate(zip(job.order, seats, strict=True)):
            if seat.failed_turn == job.turn:
                continue
            if seat.state == "off":
                seat.used_at = now
                self._wake(seat)
            if seat.state == "ready" and not seat.away and seat.voice.say(job.number, job.turn, job.text):
                estimate = seat.pace * len(job.text)
                job.voice, job.sent, seat.used_at = number, now, now
                job.deadline = now + max(DEADLINE_S, DEADLINE_FACTOR * estimate)
                return None
            next_asleep = any(after.state == "off" for after in seats[place + 1 : place + 2])
            if seat.state == "loading" and waited < (HEAD_START_S if next_asleep else PATIENCE_S):
                return None
        if waited < GIVE_UP_S and any(s.state == "loading" and s.failed_turn != job.turn for s in seats):
            return None
        self._job = None
        reasons = [seat.away or seat.reason for seat in seats if seat.away or seat.reason]
        return Unspoken(job.turn, "; ".join(reasons) or "no voice was ready in time")

    def _done(self, now: float, seat: _Seat, report: JobDone) -> Spoken:
        job = self._job
        assert job is not None
        self._job = None
        pace = (now - job.sent) / max(1, len(job.text))
        seat.pace = max(pace, 0.7 * seat.pace + 0.3 * pace)
        if report.voice == job.order[0]:
            self._cache.put(report.voice, job.text, report.rate_hz, report.pcm)
        return Spoken(job.turn, job.text, report.rate_hz, report.pcm)

    def _lost(self, now: float, seat: _Seat, reason: str, final: bool) -> None:
        seat.state, seat.reason, seat.away = "loading", reason, ""
        if not final:
            return
        seat.state, seat.wakes_at = "resting", now + REST_S
        if all(self._seats[number].state in ("broken", "resting") for number in self._orders[""]):
            self._on_fatal(reason)  # those of "" stand in for all others

    def _fail(self, now: float, voice: int, reason: str) -> Unspoken | Spoken | None:
        """This voice has lost the clause, if it had it; the next one takes over for this turn."""
        job = self._job
        if job is None or job.voice != voice:
            return self.tick(now)
        seat = self._seats[voice]
        seat.failed_turn, seat.reason = job.turn, reason
        job.voice, job.since = None, now
        return self.tick(now)
