"""The ear: one thread that takes in what the microphone heard and turns it into events.

Rules:
- Blocks go through the preroll and the spotter (gate, wake words) at all times, so a wake word interrupts everything;
  in a listening turn they also go to the recogniser and the endpointer.
- Commands come through a bounded queue and are obeyed between two blocks; nothing else of the ear is touched by other
  threads, but for a few numbers to read.
- Muted is a gate in front of everything: blocks are counted, and not looked at or kept.
- A wake word older than `STALE_S` when it is found is nobody's wish any more.
- After a gap all models start afresh.
- Who is `BEHIND_S` behind the sound has no time for what is luxury: taking its own speech out of it. The wake word and
  the recogniser come first.
- The microphone's child wakes up every 10 ms in speech, in a turn and while the agent plays; else every 80 ms.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

from agent.audio.pcm import Block
from agent.clock import Clock
from agent.commands import Duck, Earcon, ListenOn, SetMute, SetPatience, StartListening, StopListening
from agent.config import Config
from agent.events import Event, Health, Wake
from agent.hearing import wakewords
from agent.hearing.asr import Asr
from agent.hearing.bargein import BargeIn, OwnSound
from agent.hearing.listening import Listening
from agent.hearing.preroll import Preroll, periods
from agent.hearing.quality import quality
from agent.hearing.scores import Ledger
from agent.hearing.spotter import Spotter
from agent.hearing.wake import Detection, WakeEngine
from agent.hearing.words import wake_name

STALE_S = 1.0
BEHIND_S = 0.5
READ_S = 0.25
ATTENTIVE, RELAXED = 1, 8  # periods per wake-up of the microphone's child
COMMANDS = 64

log = logging.getLogger(__name__)


class Source(Protocol):
    """Where sound comes from."""

    def read(self, timeout_s: float) -> list[Block]:
        """What was heard since the last call; waits for something, at most `timeout_s`."""
        ...

    def drain_every(self, periods: int) -> None:
        """How many periods may be handed over at a time."""
        ...


@dataclass(frozen=True, slots=True)
class Counters:
    """Since start. `stale`: wake words that were too old to act on; `gaps`: times that sound was lost."""

    blocks: int = 0
    samples: int = 0
    wakes: int = 0
    stale: int = 0
    gaps: int = 0


EarCommand = StartListening | ListenOn | SetPatience | StopListening | SetMute | Duck | Earcon


class Ear:
    def __init__(
        self,
        config: Config,
        source: Source,
        asr: Asr,
        emit: Callable[[Event], None],
        clock: Clock,
        on_fatal: Callable[[str], None],
        ledger: Ledger | None = None,
        own: OwnSound | None = None,
    ) -> None:
        """`ledger`: where wake scores are recorded; it belongs to the ear from now on. `own`: the agent's own sound."""
        self._config = config
        self._source = source
        self._asr = asr
        self._emit = emit
        self._clock = clock
        self._on_fatal = on_fatal
        self._commands: queue.Queue[EarCommand] = queue.Queue(COMMANDS)
        self._ledger = ledger
        self._preroll = Preroll()
        self._own = own
        self._barge_in: BargeIn | None = None
        self._spotter: Spotter | None = None
        self._listening: Listening | None = None
        self._word = wake_name(config.wake.words[0].model)  # that woke last
        self._muted = False
        self._attentive = False
        self._drain = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._counters = Counters()
        self._progress = 0.0
        self._turned_at = 0.0

    def load(self) -> None:
        """Load the wake words, so that `start` need not. Raises `agent.hearing.wake.WakeModelError`."""
        engine: WakeEngine = wakewords.load(self._config)
        if self._ledger:
            self._ledger.begin(engine.thresholds)
        watch = self._ledger.scored if self._ledger else None
        self._spotter = Spotter(engine, self._config.wake, self._preroll, watch)
        if self._own:
            self._barge_in = BargeIn(self._own, engine, self._config, self._asr, self._emit, self._clock)

    def start(self) -> None:
        """Load the wake words, unless that is done, and start the thread. Raises as `load` does."""
        self._emit(Health(self._clock(), "wake", "loading"))
        if self._spotter is None:
            self.load()
        self._emit(Health(self._clock(), "wake", "ok"))
        self._progress = self._turned_at = self._clock().mono
        self._thread = threading.Thread(target=self._run, name="ear", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop hearing; joins the thread. Idempotent."""
        self._stopping.set()
        if self._thread:
            self._thread.join()
            if self._ledger:
                self._ledger.finish()

    # From any thread.

    def do(self, command: EarCommand) -> None:
        """Obey before the next block. Raises queue.Full where the ear has stopped taking commands: it is stuck."""
        self._commands.put_nowait(command)

    def attentive(self, on: bool) -> None:
        """A turn or playback is on: hear every 10 ms, voice or not."""
        self._attentive = on

    @property
    def speech_now(self) -> bool:
        return self._spotter is not None and self._spotter.voice_now

    def progress(self) -> float:
        """Monotonic seconds at which sound was last taken in (at first: of the start)."""
        return self._progress

    def turned_at(self) -> float:
        """Monotonic seconds at which the thread last came round, sound or not; some `READ_S` ago, or it hangs."""
        return self._turned_at

    def counters(self) -> Counters:
        return self._counters

    # The ear's own thread.

    def _run(self) -> None:
        assert self._spotter is not None
        try:
            while not self._stopping.is_set():
                self._turn(self._spotter)
        finally:
            if not self._stopping.is_set():
                self._on_fatal("the ear's thread died")

    def _turn(self, spotter: Spotter) -> None:
        self._pace(spotter)
        blocks = self._source.read(READ_S)
        self._obey(spotter)
        for block in blocks:
            self._take(spotter, block)
            self._progress = self._turned_at = self._clock().mono  # a slow device has many of them, and does not hang
        self._turned_at = self._clock().mono
        self._asr.tick(self._turned_at)

    def _pace(self, spotter: Spotter) -> None:
        near = not self._muted and (self._attentive or self._listening is not None or spotter.voice_now)
        wanted = ATTENTIVE if near else RELAXED
        if wanted != self._drain:
            self._drain = wanted
            self._source.drain_every(wanted)

    def _obey(self, spotter: Spotter) -> None:
        while True:
            try:
                command = self._commands.get_nowait()
            except queue.Empty:
                return
            match command:
                case Duck():
                    if self._barge_in:
                        self._barge_in.duck(command, free=self._listening is None or self._listening.over)
                case SetMute(on):
                    self._mute(spotter, on)
                case _:
                    self._obey_turn(command)

    def _obey_turn(self, command: StartListening | ListenOn | SetPatience | StopListening | Earcon) -> None:
        match command:
            case StartListening():
                self._listen(command)
            case ListenOn():
                self._listen_on(command)
            case StopListening(turn):
                self._asr.cancel(turn)
                if self._listening and self._listening.turn == turn:
                    self._listening = None
            case SetPatience(turn, silence_ms, heard_ms) if self._listening and self._listening.turn == turn:
                self._listening.be_patient(silence_ms, heard_ms)
            case Earcon(turn, name) if self._listening and self._listening.turn == turn:
                self._listening.expect_sound(name)
            case SetPatience() | Earcon():
                pass  # of a turn in which nobody listens any more
            case unknown:
                assert_never(unknown)

    def _listen(self, command: StartListening) -> None:
        heard = command.since is not None and self._preroll.end > 0
        since = self._preroll.position_at(command.since) if heard and command.since is not None else None
        parts = (self._config.endpoint, self._preroll, self._asr, self._emit, self._clock)
        self._listening = Listening(command.turn, *parts, command.persona)
        word = self._word if since is not None and command.woken else None
        self._listening.begin(since, word, command.first_word_ms)
        self._close_if_done()

    def _listen_on(self, command: ListenOn) -> None:
        """Where the sound was lost meanwhile, what comes is all there is."""
        if self._listening and self._listening.over and self._listening.turn == command.of:
            self._listening.go_on(command.turn)
        else:
            self._listen(StartListening(command.turn, persona=command.persona))

    def _mute(self, spotter: Spotter, on: bool) -> None:
        self._muted = on
        if self._listening and not self._listening.over:
            self._asr.cancel(self._listening.turn)
        self._listening = None
        self._forget(spotter)

    def _forget(self, spotter: Spotter) -> None:
        self._preroll.clear()
        spotter.reset()
        if self._barge_in:
            self._barge_in.reset()

    def _take(self, spotter: Spotter, block: Block) -> None:
        counters = self._counters
        self._counters = replace(
            counters,
            blocks=counters.blocks + 1,
            samples=counters.samples + len(block.pcm),
            gaps=counters.gaps + block.gap,
        )
        if self._muted:
            return
        if block.gap:
            self._forget(spotter)
        self._preroll.append(block)
        voice, detections = spotter.feed(block)
        if self._ledger:
            self._ledger.heard(len(block.pcm), block.position + len(block.pcm))
        if self._listening:
            self._listening.hear(block, periods(voice))
            self._close_if_done()
        if self._barge_in:
            late_s = self._clock().mono - block.time_of(block.position + len(block.pcm))
            detections = self._barge_in.hear(block, detections, hurried=late_s > BEHIND_S)
        for detection in detections:
            self._wake(detection)

    def _close_if_done(self) -> None:
        if self._listening and self._listening.done:
            self._listening = None

    def _wake(self, found: Detection) -> None:
        now = self._clock()
        audio_at = self._preroll.time_of(found.position)
        if now.mono - audio_at > STALE_S:
            log.warning("a wake word %.1f s old was ignored", now.mono - audio_at)
            self._counters = replace(self._counters, stale=self._counters.stale + 1)
            return
        self._word = found.word
        self._counters = replace(self._counters, wakes=self._counters.wakes + 1)
        heard = quality(found.score, found.position, self._preroll.periods_since(0))
        self._emit(Wake(now, found.word, found.score, audio_at, heard))
