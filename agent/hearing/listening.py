"""One utterance: what is heard in a listening turn goes to the recogniser, and the endpointer says when it is over."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from statistics import median
from typing import assert_never

import numpy as np

from agent.audio.pcm import PERIOD, RATE_HZ, Block, Samples
from agent.clock import Clock
from agent.commands import EarconName
from agent.config import EndpointSection
from agent.events import Endpoint, Event, SpeechResumed, SpeechStarted, Turn
from agent.hearing.asr import Asr
from agent.hearing.endpoint import Ended, Endpointer, EndpointEvent, Paused, Period, Resumed, Started
from agent.hearing.hiss import end_of_hiss, hisses
from agent.hearing.lead import DECIDED, WAKE, pause_after_wake, quietest_before
from agent.hearing.nearness import Nearness, nearness
from agent.hearing.ownnotes import LENGTH, OwnNotes
from agent.hearing.preroll import Preroll

ONSET = 25 * RATE_HZ // 100  # samples before the first voiced one: an "s" or "f" is hardly voice
NOISY_ONSET = 70 * RATE_HZ // 100
AFTERWARDS = 2 * RATE_HZ  # samples after the endpoint within which the user may go on


@dataclass(frozen=True, slots=True)
class _Wake:
    """The wake word that began the turn, and the position of its detection."""

    end: int
    word: str


class Listening:
    """From `StartListening` to the endpoint.

    The recogniser hears from shortly before the first speech on: of silence, and of our own sounds in it, it would make
    words, and how it hears the first word depends on what comes before it. `over` is set at the endpoint; the
    recogniser's final comes later. Then it is watched for a while whether the user only paused: who wants to listen on
    calls `go_on`. What was said is kept for that, and forgotten with the turn.
    """

    def __init__(
        self,
        turn: Turn,
        config: EndpointSection,
        preroll: Preroll,
        asr: Asr,
        emit: Callable[[Event], None],
        clock: Clock,
        persona: str = "",
    ) -> None:
        self.turn = turn
        self._persona = persona
        self.over = False
        self._config = config
        self._preroll = preroll
        self._asr = asr
        self._emit = emit
        self._clock = clock
        self._endpointer: Endpointer | None = None
        self._undecided: _Wake | None = None
        self._judged = 0  # position up to which the endpointer has heard
        self._opened = 0  # position of the first sample that the recogniser is given, or may be
        self._feeding = False
        self._started: int | None = None  # where the first speech begins
        self._paused = False
        self._near = Nearness()
        self._own: OwnNotes | None = None
        self._lead: tuple[str | None, int] = (None, 0)  # what of the wake word the recogniser is given
        self._said: list[Samples] = []  # all that it is given, and what came after
        self._until: int | None = None  # position until which the user may go on

    def begin(self, since: int | None, word: str | None, first_word_ms: int | None = None) -> None:
        """Start with what has been heard since position `since`, where the wake `word` ended; without them, with what
        comes next.

        With `first_word_ms` the agent has just spoken: voice that runs on may be its own, dying away in the room.
        """
        start = self._preroll.end if since is None else since
        if word is not None:
            self._near = nearness(self._preroll.periods_since(0), start)
        self._count_from(start, first_word_ms, after_voice=word is not None or first_word_ms is not None)
        if word is None:
            self._open(start, None)
        else:
            self._undecided = _Wake(start, word)
            self._decide(self._undecided)
        self._judge(self._preroll.periods_since(start))

    def hear(self, block: Block, periods: Iterable[Period]) -> None:
        """The next block, which is in the preroll already, and what the gate said of the periods that it completes."""
        if self._undecided:
            self._decide(self._undecided)
        elif self._feeding:
            self._give(block.pcm)
        self._judge(periods)

    @property
    def done(self) -> bool:
        """Over, and nobody goes on any more."""
        return self.over and (self._until is None or self._preroll.end > self._until)

    def go_on(self, turn: Turn) -> None:
        """The user has only paused: what was said belongs to `turn`, and so does what comes."""
        assert self._endpointer is not None, "begin comes first"
        self.turn, self.over, self._paused = turn, False, False
        self._endpointer.go_on()
        said, self._said = self._said, []
        if said:
            self._asr.begin(turn, *self._lead, self._persona)
            self._give(np.concatenate(said))

    def be_patient(self, silence_ms: int, heard_ms: int) -> None:
        """So much silence is enough, as long as no more is said than the recogniser heard in `heard_ms`."""
        if self._endpointer is not None and not self._undecided:
            self._endpointer.hint(self._opened + heard_ms * RATE_HZ // 1000, silence_ms)

    def expect_sound(self, name: EarconName) -> None:
        """A short sound of the agent's own is about to be heard."""
        begins = self._preroll.end
        still = [each.level_db for each in self._preroll.periods_since(begins - RATE_HZ) if not each.voiced]
        self._own = OwnNotes(name, begins, median(still) if still else -math.inf)

    def _count_from(self, start: int, first_word_ms: int | None = None, after_voice: bool = True) -> None:
        config = self._config
        first_ms = first_word_ms or config.no_speech_ms
        limits = config.silence_ms, first_ms, config.max_utterance_ms
        self._endpointer = Endpointer(*limits, start, after_voice, self._near.least_db)
        self._judged = start

    def _decide(self, wake: _Wake) -> None:
        """Open the recogniser as soon as it is clear where the command begins."""
        periods = self._preroll.periods_since(wake.end - WAKE)
        pause = pause_after_wake(periods, wake.end)
        if pause is not None:
            self._open(pause, None)
            if self._started is not None:
                self._feed(self._started)
        elif self._preroll.end >= wake.end + DECIDED:
            known = self._end_of_hiss(wake)
            start = quietest_before(periods, wake.end) if known is None else known
            self._open(start, wake.word, lead_ms=(wake.end - start) * 1000 // RATE_HZ)
            self._feed(start + ONSET)
            if known is not None and self._started is None:
                # The detection was late: a short command may be over already, and count from its own beginning.
                self._count_from(known)
                self._judge(self._preroll.periods_since(known))

    def _end_of_hiss(self, wake: _Wake) -> int | None:
        """Where the wake word ends that runs on into the command, if that is known."""
        sound, position = self._preroll.since(wake.end - WAKE)
        return end_of_hiss(sound, position, wake.end) if hisses(wake.word) else None

    def _open(self, start: int, word: str | None, lead_ms: int = 0) -> None:
        self._undecided = None
        self._opened = start
        self._lead = word, lead_ms
        self._asr.begin(self.turn, *self._lead, self._persona)

    def _feed(self, speech: int) -> None:
        """What was said since shortly before `speech`, and all that follows."""
        self._opened = max(speech - (NOISY_ONSET if self._near.noisy else ONSET), self._opened)
        self._feeding = True
        pcm, _ = self._preroll.since(self._opened)
        if len(pcm):
            self._give(pcm)
        if self._paused:
            self._asr.pause(self.turn)

    def _give(self, pcm: Samples) -> None:
        self._said.append(pcm)
        if not self.over:
            self._asr.feed(self.turn, pcm)

    def _judge(self, periods: Iterable[Period]) -> None:
        assert self._endpointer is not None, "begin comes first"
        fresh = [period for period in periods if period.position + PERIOD > self._judged]
        if fresh:
            self._judged = fresh[-1].position + PERIOD
        for event in self._endpointer.feed(self._without_own(period) for period in fresh):
            self._tell(event)

    def _without_own(self, period: Period) -> Period:
        """Not voiced where it is but our own sound."""
        if self._own is None or not period.voiced or not self._own.expected(period.position):
            return period
        begins = period.position + PERIOD - LENGTH - 1
        sound, start = self._preroll.since(begins)
        ours = start == begins and self._own.alone(sound[: LENGTH + 1])
        return replace(period, voiced=False) if ours else period

    def _tell(self, event: EndpointEvent) -> None:
        match event:
            case Started(position):
                self._started = position
                if not self._undecided and not self._feeding:
                    self._feed(position)
                self._emit(SpeechStarted(self._clock(), self.turn, self._preroll.time_of(position)))
            case Resumed(position) if self.over:
                self._emit(SpeechResumed(self._clock(), self.turn, self._preroll.time_of(position)))
            case Paused():
                self._paused = True
                self._asr.pause(self.turn)
            case Resumed():
                self._paused = False
                self._asr.resume(self.turn)
            case Ended(position, cause):
                self.over = True
                self._emit(Endpoint(self._clock(), self.turn, self._preroll.time_of(position), cause))
                if cause == "no_speech":
                    self._asr.cancel(self.turn)
                else:
                    self._asr.finish(self.turn)
                if cause == "silence":
                    self._until = self._preroll.end + AFTERWARDS
            case unknown:
                assert_never(unknown)
