"""Two at once, offline: the agent speaks in a room, and a visitor speaks over it. As fast as it goes, with no sound
server.

Real are the parts of the daemon: the speaker's queue with its ramps, the stamps of what is played and the reference
made from them, gate, wake engine and detector, the echo filter, the guard over own speech, and the dialogue, whose
commands act on the speaker: so an echo becomes softer because it was noticed that somebody speaks, and as late as that.

Simulated are the room (`agent.lab.acoustics.EchoPath`: a delay, reverberation, a loudspeaker that bends the sound,
clocks that drift apart, and noise of the microphone), the sound device (it plays what it holds, `LATENCY` at most,
filled every 20 ms, with stamps late by up to `LATE_S`), and the time that events and commands take between threads and
processes (`HANDOVER_S`, each way).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from agent.audio.monitor import told
from agent.audio.pcm import PERIOD, RATE_HZ, Block, Samples
from agent.audio.playback import LOUD, SOFT
from agent.audio.playqueue import PlayQueue
from agent.audio.reference import Reference
from agent.commands import Command, Duck, Hush
from agent.config import WakeSection
from agent.dialogue.state import State
from agent.dialogue.step import deadline, step
from agent.events import Audible, DeadlinePassed, Event, Instant, Requested, VoiceOver, Wake
from agent.hearing.overhear import Overhear
from agent.hearing.preroll import Preroll
from agent.hearing.selfwake import OwnWords, Scorer
from agent.hearing.spotter import Spotter
from agent.hearing.wake import Detection, WakeEngine
from agent.lab.acoustics import EchoPath, Wave
from agent.lab.airborne import Air, Microphone
from agent.requests import SayRequest

START_S = 1000.0  # of the monotonic clock
START = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
LATENCY = 960  # frames: 60 ms
FILL = 2  # periods from one filling to the next
LATE_S = 0.001
HANDOVER_S = 0.02
SPOKEN_DB = 58.0  # loud parts of the visitor at the microphone, dB re 1 LSB²: -32 dBFS
AFTER_S = 1.5


def loud_db(sound: Samples | Wave) -> float:
    """Level of the loud parts (within 20 dB of the loudest 10 ms), dB re 1 LSB²."""
    whole = sound[: len(sound) // PERIOD * PERIOD].astype(np.float64).reshape(-1, PERIOD)
    power = (whole**2).mean(axis=1)
    return 10 * float(np.log10(power[power > power.max() / 100].mean()))


@dataclass(frozen=True, slots=True)
class Scene:
    """`reply` is said by the agent from 0 s on, `words` by a visitor, their first sample at `at_s` (none: nobody
      speaks).
      `guarded`: own speech was scored before.

    `echo_db`: how much louder the reply is at the microphone than the visitor; None: it is not heard there at all.
    """

    reply: Samples
    words: Samples
    at_s: float
    echo_db: float | None
    path: EchoPath
    seed: int = 0
    guarded: bool = True


@dataclass(slots=True)
class Outcome:
    """Seconds from the beginning. `wakes`: when each was found; `ducked`, `loud`: when the commands came; `silent`:
    when the last of the reply left the loudspeaker, where it was cut short."""

    wakes: list[float] = field(default_factory=list)
    ducked: list[float] = field(default_factory=list)
    loud: list[float] = field(default_factory=list)
    silent: float | None = None


class _Device:
    """The speaker's child and the sound device."""

    def __init__(self, reply: Samples, reference: Reference, rng: np.random.Generator) -> None:
        self._queue = PlayQueue(1.0)
        self._queue.rate_hz = RATE_HZ
        self._queue.add(1, 0, reply)
        self._reference = reference
        self._rng = rng
        self._held = np.zeros(0, np.float32)
        self.dropped = False

    def fill(self, at: float) -> None:
        waiting, position = len(self._held), self._queue.taken
        sound, marks = self._queue.take(LATENCY - waiting)
        if not len(sound):
            return
        stamp = at + waiting / RATE_HZ + (self._rng.uniform(0, LATE_S) if waiting else 0.0)
        for record in told(sound, position, stamp, waiting, max(mark.turn for mark in marks), RATE_HZ):
            self._reference.put(record, RATE_HZ)
        self._held = np.concatenate((self._held, sound))

    def play(self) -> Wave:
        """The next period."""
        sound, self._held = self._held[:PERIOD], self._held[PERIOD:]
        return np.pad(sound.astype(np.float64), (0, PERIOD - len(sound)))

    def obey(self, command: Command, at: float) -> None:
        match command:
            case Duck(on=on):
                db, ramp_ms = SOFT if on else LOUD
                self._queue.duck(10 ** (db / 20), ramp_ms / 1000)
            case Hush(turn=turn):
                self._queue.drop(turn)
                self._held = self._held[:0]
                self._reference.silenced(at)
                self.dropped = True
            case _:
                pass


class Duet:
    """`engine`: the wake words; all scenes share it, one after the other."""

    def __init__(self, engine: WakeEngine, config: WakeSection) -> None:
        self._engines = engine, engine.twin(), engine.twin()
        self._config = config

    def perform(self, scene: Scene) -> Outcome:
        rng = np.random.default_rng(scene.seed)
        reference, guard = Reference(), self.scored(scene.reply) if scene.guarded else OwnWords()
        device = _Device(scene.reply, reference, rng)
        gain = 0.0 if scene.echo_db is None else 10 ** ((SPOKEN_DB + scene.echo_db - self._echo_db(scene)) / 20)
        air = Air(scene.path, gain)
        microphone = Microphone(scene.path.drift_ppm, rng, START_S)
        listener = _Listener(self._engines, self._config, reference, guard)
        talker = _Talker()
        words = _spoken(scene)
        outcome = Outcome()
        for number in range(len(words) // PERIOD):
            at = START_S + number * PERIOD / RATE_HZ
            for command in talker.due(at):
                device.obey(command, at)
                self._note(command, number * PERIOD / RATE_HZ, outcome)
            if number % FILL == 0:
                device.fill(at)
            sound = air.carry(device.play()) + words[number * PERIOD : (number + 1) * PERIOD]
            for block in microphone.hear(sound):
                for event in listener.hear(block, at + PERIOD / RATE_HZ):
                    if isinstance(event, Wake):
                        outcome.wakes.append(event.audio_at - START_S)
                    talker.tell(event)
        return outcome

    def _note(self, command: Command, at: float, outcome: Outcome) -> None:
        match command:
            case Duck(on=True):
                outcome.ducked.append(at)
            case Duck():
                outcome.loud.append(at)
            case Hush() if outcome.silent is None:
                outcome.silent = at
            case _:
                pass

    def scored(self, reply: Samples) -> OwnWords:
        """What is known of a reply that begins at `START_S`."""
        words = OwnWords()
        words.said(1, len(reply) / RATE_HZ)
        words.scored(1, self.high(reply))
        words.sounded(1, 0.0, START_S)
        return words

    def high(self, reply: Samples) -> list[float]:
        """Where it would wake us, seconds from its beginning."""
        return Scorer(1, RATE_HZ, self._engines[2]).feed(reply)

    def _echo_db(self, scene: Scene) -> float:
        """Of the loud parts of the echo, unduckt, with a gain of 1."""
        whole = scene.reply[: len(scene.reply) // PERIOD * PERIOD].astype(np.float64).reshape(-1, PERIOD)
        air = Air(scene.path, 1.0)
        return loud_db(np.concatenate([air.carry(period) for period in whole]))


def _spoken(scene: Scene) -> Wave:
    """What the visitor adds at the microphone, from 0 s on."""
    before = round(scene.at_s * RATE_HZ)
    length = max(len(scene.reply), before + len(scene.words)) + round(AFTER_S * RATE_HZ)
    words = np.zeros(length)
    if len(scene.words):
        words[before : before + len(scene.words)] = scene.words * 10 ** ((SPOKEN_DB - loud_db(scene.words)) / 20)
    return words


class _Listener:
    """What the ear does with a block, without its thread."""

    def __init__(
        self,
        engines: tuple[WakeEngine, WakeEngine, WakeEngine],
        config: WakeSection,
        reference: Reference,
        guard: OwnWords,
    ) -> None:
        self._preroll = Preroll()
        engines[0].reset()
        engines[1].reset()
        self._spotter = Spotter(engines[0], config, self._preroll)
        self._overhear = Overhear(engines[1], config, reference, guard)

    def hear(self, block: Block, now: float) -> list[Event]:
        at = _instant(now)
        self._preroll.append(block)
        found = self._spotter.feed(block)[1]
        began, wakes = self._overhear.feed(block, found)
        events: list[Event] = [self._wake(at, each, block) for each in wakes]
        if began is not None:
            events.append(VoiceOver(at, 1, block.time_of(began)))
        return events

    def _wake(self, at: Instant, found: Detection, block: Block) -> Wake:
        return Wake(at, found.word, found.score, block.time_of(found.position))


class _Talker:
    """The dialogue, and the way there and back."""

    def __init__(self) -> None:
        self._state = State()
        self._waiting: list[tuple[float, Event | Command]] = []
        self._step(Requested(_instant(START_S), SayRequest(text="a reply")))
        self._step(Audible(_instant(START_S), 1, START_S))
        self._waiting.clear()

    def tell(self, event: Event) -> None:
        self._waiting.append((event.at.mono + HANDOVER_S, event))

    def due(self, at: float) -> list[Command]:
        """Commands that arrive by now."""
        now, self._waiting = _split(self._waiting, at)
        commands: list[Command] = []
        for item in now:
            if isinstance(item, Duck | Hush):
                commands.append(item)
            elif not isinstance(item, Command):
                self._step(item, at)
        soon = deadline(self._state)
        if soon is not None and soon <= at:
            self._step(DeadlinePassed(_instant(at)), at)
        return commands

    def _step(self, event: Event, at: float = START_S) -> None:
        self._state, commands = step(self._state, event)
        self._waiting += [(at + HANDOVER_S, command) for command in commands]


def _split(
    waiting: list[tuple[float, Event | Command]], at: float
) -> tuple[list[Event | Command], list[tuple[float, Event | Command]]]:
    return [item for due, item in waiting if due <= at], [each for each in waiting if each[0] > at]


def _instant(mono: float) -> Instant:
    return Instant(mono, START + timedelta(seconds=mono - START_S))
