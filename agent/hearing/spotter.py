"""The way from sound to a wake word: voice gate, then engine, then detector.

When the gate opens, the engine starts from silence and gets the last `REPLAY_MS` again: the gate opens after the first
sounds of the word, and a past that belongs to another minute, or to another voice, spoils the score more than no past.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.audio.pcm import PERIOD, RATE_HZ, Block, Samples
from agent.config import WakeSection
from agent.hearing.gate import REPLAY_MS, Voice, VoiceGate
from agent.hearing.preroll import Preroll
from agent.hearing.wake import Detection, Score, WakeDetector, WakeEngine

USUAL = 8 * PERIOD  # samples that the microphone hands over at a time in silence

Watch = Callable[[list[Score], list[Detection]], None]


class Spotter:
    """Used by one thread. `preroll` is the owner's: it has the block already when `feed` is called.

    `watch` is told all scores, and what they amounted to.
    """

    def __init__(self, engine: WakeEngine, config: WakeSection, preroll: Preroll, watch: Watch | None = None) -> None:
        self._engine = engine
        self._gate = VoiceGate()
        self._gated = config.gate
        self._detector = WakeDetector(engine.thresholds, config.patience_ms, config.refractory_ms)
        self._preroll = preroll
        self._watch = watch
        self._running = False

    @property
    def voice_now(self) -> bool:
        return self._gate.open

    def reset(self) -> None:
        """After a gap: nothing that was heard before belongs to what comes."""
        self._gate.reset()
        self._running = False

    def restart(self) -> None:
        """Another voice begins: the engine starts from silence again, as where the gate opens."""
        self._running = False

    def feed(self, block: Block) -> tuple[Voice, list[Detection]]:
        """What the gate says of the block, and the wake words in it."""
        voice = self._gate.feed(block.pcm, block.position)
        self._preroll.judged(voice)
        if self._gated and not voice.open:
            self._running = False
            return voice, []
        if self._running:
            return voice, self._spot(block.pcm, block.position)
        self._running = True
        self._engine.reset()
        self._detector.reset()
        # After a stall a block may be so long that the word is all within it: the gate opened early in it, then.
        opened = block.position + min(len(block.pcm), USUAL)
        pcm, start = self._preroll.since(opened - REPLAY_MS * RATE_HZ // 1000)
        return voice, self._spot(pcm, start)

    def _spot(self, pcm: Samples, position: int) -> list[Detection]:
        scores = self._engine.feed(pcm, position)
        detections = self._detector.feed(scores)
        if self._watch:
            self._watch(scores, detections)
        return detections
