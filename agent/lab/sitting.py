"""One turn over recorded sound, as fast as it goes and in the sound's own time: ear, recogniser, hints, dialogue.

Real: preroll, gate, wake word, detector, endpointer, listening, the recognition engine, hints, and
`agent.dialogue.step` with its deadlines, as the daemon wires them. Simulated:
- Time is the sound's: everything happens at the sample at which the ear would know of it.
- The engine runs in this process, not in a child. A decode takes `DECODE_S` of the sound's time for each second that is
  decoded, whatever else keeps this machine busy: 0.12 s for 2 to 3 s was measured on two idle x86 cores. What the
  engine is fed meanwhile waits, as in the child's pipe.
- The answer becomes audible `answer_s` after the language model was asked; the microphone hears nothing of it.
- The agent's own short sounds are mixed into what is heard, `OWN_DELAY_S` after the command, in a room of `OWN_T60_S`,
  `own_db` relative to the visitors' level. None: they are not heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import soxr

from agent import earcons, engines
from agent.audio.pcm import PERIOD, RATE_HZ, Block, Samples
from agent.commands import AskLlm, Command, Earcon, ListenOn, SetPatience, StartListening
from agent.config import AsrSection, Config
from agent.daemon.hinter import Hinter
from agent.daemon.plan import rules_of
from agent.dialogue import state as states
from agent.dialogue.state import State
from agent.dialogue.step import deadline, step
from agent.events import (
    Audible,
    DeadlinePassed,
    Endpoint,
    Event,
    Final,
    Instant,
    Partial,
    ReplyDelta,
    Requested,
    Turn,
    Wake,
)
from agent.hearing import moonshine
from agent.hearing.asr import Engine
from agent.hearing.gate import Voice, VoiceGate
from agent.hearing.listening import Listening
from agent.hearing.moonshine_net import Floats, MoonshineNet, Written
from agent.hearing.preroll import Preroll, periods
from agent.hearing.spotter import Spotter
from agent.hearing.wake import Detection, WakeEngine
from agent.lab.acoustics import amplified, reverberant
from agent.requests import Intent, ListenRequest

OWN_DELAY_S, OWN_T60_S = 0.08, 0.3
LOUDER_DB = 2.0  # than visitors: the loud part of a sound
DECODE_S = 0.05
ANSWER_S = 0.5  # 0.2 of them are ours (`bench ttfa`): a fast language model
WORD = "hey_jarvis"
START = datetime(2026, 1, 1, tzinfo=UTC)


class Watch:
    """The engine's clock in a sitting: whoever does something says how long that takes."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Timed:
    """A recogniser's network whose work takes `DECODE_S` for each second of sound, by the watch."""

    def __init__(self, net: Callable[[Floats], Written], watch: Watch) -> None:
        self._net = net
        self._watch = watch

    def __call__(self, sound: Floats) -> Written:
        self._watch.now += DECODE_S * len(sound) / RATE_HZ
        return self._net(sound)


@dataclass(slots=True)
class Desk:
    """An `Asr`: the engine with a queue before it. `advance` lets it work until the given second."""

    engine: Engine
    watch: Watch
    emit: Callable[[Event], None]
    at: float = 0.0
    _free: float = 0.0
    _turn: Turn = 0
    _work: deque[tuple[float, Callable[[], str | None], bool]] = field(default_factory=deque)

    def begin(self, turn: Turn, word: str | None = None, lead_ms: int = 0, persona: str = "") -> None:
        self._turn = turn
        self._work.clear()
        self._free = self.at
        self.engine.begin(word, lead_ms)

    def feed(self, turn: Turn, pcm: Samples) -> None:
        self._put(lambda: self.engine.feed(pcm))

    def pause(self, turn: Turn) -> None:
        self._put(self.engine.pause)

    def resume(self, turn: Turn) -> None:
        self._put(lambda: self.engine.resume())

    def finish(self, turn: Turn) -> None:
        self._put(self.engine.finish, final=True)

    def cancel(self, turn: Turn) -> None:
        self._work.clear()

    def tick(self, mono: float) -> None:
        self.at = mono
        while self._work and max(self._free, self._work[0][0]) <= mono:
            arrived, work, final = self._work.popleft()
            self.watch.now = max(self._free, arrived)
            text = work()
            self._free = self.watch.now
            if text is not None:
                self._tell(text, final)

    def _put(self, work: Callable[[], str | None], final: bool = False) -> None:
        self._work.append((self.at, work, final))

    def _tell(self, text: str, final: bool) -> None:
        at = Instant(self._free, START)
        heard_ms = self.engine.heard * 1000 // RATE_HZ
        self.emit(Final(at, self._turn, text) if final else Partial(at, self._turn, text, heard_ms))


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a sitting: events in order, and when the dialogue made a sound of its own (s).

    `taken_back`: of each question that went on, when it did, and how long the language model had been asked it (s).
    """

    events: tuple[Event, ...]
    sounds: tuple[float, ...]
    taken_back: tuple[tuple[float, float], ...] = ()

    @property
    def woken(self) -> bool:
        return any(isinstance(event, Wake) for event in self.events)

    @property
    def text(self) -> str:
        """The last final, "" where there is none."""
        return next((event.text for event in reversed(self.events) if isinstance(event, Final)), "")

    @property
    def endpoint(self) -> Endpoint | None:
        """The last one."""
        return next((event for event in reversed(self.events) if isinstance(event, Endpoint)), None)


class Sitting:
    """Sits through one sound after the other, with Moonshine. `every_ms`: of its partial texts."""

    def __init__(
        self,
        config: Config,
        wake: WakeEngine,
        match: Callable[[str, str], Intent | None],
        own_db: float | None = None,
        every_ms: int = moonshine.EVERY_MS,
        answer_s: float = ANSWER_S,
    ) -> None:
        """Raises `agent.models.ModelMissing`."""
        self._config = config
        self._wake = wake
        self._watch = Watch()
        model = engines.recogniser(AsrSection(engine="moonshine"), "en").model
        timed = Timed(MoonshineNet(model), self._watch)
        self._engine = moonshine.MoonshineEngine(timed, self._watch, every_ms)
        self._match = match
        self._own_db = own_db
        self._answer_s = answer_s

    def sit(self, sound: Samples, listen_from: int | None = None, woken_at: int | None = None) -> Told:
        """The first question in `sound`, until nobody can go on with it any more.

        `listen_from`: without a wake word, from this sample on. `woken_at`: the wake word is not looked for, but taken
        for detected at this sample.
        """
        parts = (self._config, self._wake, self._engine, self._watch, Hinter(self._match))
        room = _Room(*parts, sound, self._own_db, self._answer_s)
        return room.play(listen_from, woken_at)


class _Room:
    """The state of one sitting."""

    def __init__(
        self,
        config: Config,
        wake: WakeEngine,
        engine: Engine,
        watch: Watch,
        hinter: Hinter,
        sound: Samples,
        own_db: float | None,
        answer_s: float,
    ) -> None:
        self._config, self._sound, self._own_db, self._hinter = config, sound.copy(), own_db, hinter
        self._answer_s = answer_s
        self._preroll = Preroll()
        wake.reset()
        self._gate = VoiceGate()
        self._spotter = Spotter(wake, config.wake, self._preroll)
        self._desk = Desk(engine, watch, self._emit)
        self._listening: Listening | None = None
        self._state = State(rules=rules_of(config))
        self._now = 0.0
        self._queue: list[Event] = []
        self._events: list[Event] = []
        self._sounds: list[float] = []
        self._word = ""
        self._asked: float | None = None  # when the language model was
        self._taken_back: list[tuple[float, float]] = []

    def play(self, listen_from: int | None, woken_at: int | None) -> Told:
        for at in range(0, len(self._sound) // PERIOD * PERIOD, PERIOD):
            if listen_from is not None and at == listen_from // PERIOD * PERIOD:
                self._handle(Requested(self._clock(), ListenRequest()))
            block = Block(self._sound[at : at + PERIOD], at, at / RATE_HZ)
            self._hear(block, woken_at)
            if self._over():
                break
        return Told(tuple(self._events), tuple(self._sounds), tuple(self._taken_back))

    def _over(self) -> bool:
        if not any(isinstance(event, Final) for event in self._events):
            return False
        at_it = isinstance(self._state.activity, states.Listening | states.Transcribing)
        waiting = at_it or self._state.talk.revocable
        return not waiting or self._listening is None or self._listening.done

    def _clock(self) -> Instant:
        return Instant(self._now, START + timedelta(seconds=self._now))

    def _emit(self, event: Event) -> None:
        self._queue.append(event)

    def _hear(self, block: Block, woken_at: int | None) -> None:
        self._now = (block.position + PERIOD) / RATE_HZ
        self._preroll.append(block)
        voice, detections = self._look(block, woken_at)
        if self._listening:
            self._listening.hear(block, periods(voice))
        for found in detections if not self._events else []:
            self._word = found.word
            self._emit(Wake(self._clock(), found.word, found.score, found.position / RATE_HZ))
        self._desk.tick(self._now)
        self._turn_inbox()

    def _look(self, block: Block, woken_at: int | None) -> tuple[Voice, list[Detection]]:
        """What the gate says, and the wake words: those found, or the one that is said to be there."""
        if woken_at is None:
            return self._spotter.feed(block)
        voice = self._gate.feed(block.pcm, block.position)
        self._preroll.judged(voice)
        end = block.position + len(block.pcm)
        return voice, [Detection(WORD, 1.0, end)] if block.position < woken_at <= end else []

    def _turn_inbox(self) -> None:
        while due := [event for event in self._queue if event.at.mono <= self._now]:
            self._queue = [event for event in self._queue if event not in due]
            for event in due:
                self._handle(event)
        if self._asked is not None and self._asked + self._answer_s <= self._now:
            self._asked = None
            self._handle(ReplyDelta(self._clock(), self._state.turn, "Well."))
            self._handle(Audible(self._clock(), self._state.turn, self._now))
        while (limit := deadline(self._state)) is not None and limit <= self._now:
            self._handle(DeadlinePassed(self._clock()))

    def _handle(self, event: Event) -> None:
        match event:
            case Partial(at=at, turn=turn, text=text, heard_ms=heard_ms):
                event = Partial(at, turn, text, heard_ms, self._hinter.hint(at.mono, text, self._state.language))
            case _:
                pass
        self._events.append(event)
        self._state, commands = step(self._state, event)
        for command in commands:
            self._do(command)

    def _do(self, command: Command) -> None:
        match command:
            case StartListening(turn=turn, since=since):
                parts = (self._config.endpoint, self._preroll, self._desk, self._emit, self._clock)
                self._listening = Listening(turn, *parts)
                self._desk.tick(self._now)
                position = None if since is None else self._preroll.position_at(since)
                self._listening.begin(position, self._word if position is not None else None)
            case AskLlm():
                self._asked = self._now
            case ListenOn(turn=turn) if self._listening:
                self._taken_back.append((self._now, 0.0 if self._asked is None else self._now - self._asked))
                self._asked = None
                self._desk.tick(self._now)
                self._listening.go_on(turn)
            case SetPatience(silence_ms=silence_ms, heard_ms=heard_ms) if self._listening:
                self._listening.be_patient(silence_ms, heard_ms)
            case Earcon() if self._listening and not self._listening.over:
                self._sounds.append(self._now)
                self._listening.expect_sound(command.name)
                self._mix(command)
            case _:
                pass

    def _mix(self, command: Earcon) -> None:
        """The sound as the microphone hears it, into what is still to come."""
        if self._own_db is None:
            return
        rendered = soxr.resample(earcons.render(command.name), earcons.RATE_HZ, RATE_HZ)
        heard = reverberant(np.pad(amplified(rendered, self._own_db - LOUDER_DB), (0, RATE_HZ // 2)), OWN_T60_S)
        start = round((self._now + OWN_DELAY_S) * RATE_HZ)
        heard = heard[: max(0, len(self._sound) - start)]
        end = start + len(heard)
        mixed = self._sound[start:end].astype(np.int32) + heard
        self._sound[start:end] = mixed.clip(-32768, 32767).astype(np.int16)
