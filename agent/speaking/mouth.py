"""The mouth: the thread that speaks.

Commands, the voices' and the player's reports go through one inbox to one thread, which owns the reply and the voices.
Callbacks only enqueue. The inbox is bounded; when it is full, the mouth hangs, and the program has to end. What the
mouth does stands in `agent.speaking.speech`.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence

from agent import earcons
from agent.clock import Clock
from agent.config import Config
from agent.events import Event, Turn
from agent.requests import own
from agent.speaking.player import Began, Drained, Played, Player, PlayerReport, PlayingFailed
from agent.speaking.speech import MouthCommand, Prepare, Speech
from agent.speaking.synthesis import Synthesis
from agent.speaking.voice import JobDone, JobFailed, Report, VoiceAway, VoiceLost, VoiceReady
from agent.speaking.voices import Speaker, VoiceSpec, speakers

INBOX = 16_384  # items; a language model writes some 20 a second, a player reports some 50
IDLE_S = 1.0  # the thread turns at least so often, for the watchdog

log = logging.getLogger(__name__)


class Mouth:
    """Speaks replies through the `Player` that `start` is given, which calls `audible`, `played`, `drained`, `failed`.

    `specs`: who speaks, in order of fall-back, for all personas; by default what the configuration says.
    """

    def __init__(
        self,
        config: Config,
        emit: Callable[[Event], None],
        clock: Clock,
        on_fatal: Callable[[str], None],
        specs: Sequence[VoiceSpec] | None = None,
    ) -> None:
        self._config = config
        self._emit = emit
        self._clock = clock
        self._on_fatal = on_fatal
        self._specs = specs
        self._inbox: queue.Queue[MouthCommand | Report | PlayerReport | None] = queue.Queue(INBOX)
        self._thread: threading.Thread | None = None
        self._synthesis: Synthesis | None = None
        self._languages: Mapping[str, str] = {}
        self._turned_at = 0.0

    def start(self, player: Player) -> None:
        """Start the thread and, where the configuration says so, load the voice; returns at once.

        Raises ModelMissing where the voice that the configuration names is not installed.
        """
        persona = self._config.persona
        if self._specs is None:
            everybody = speakers(self._config)
        else:
            everybody = {"": Speaker(persona.language, tuple(self._specs))}
        orders = {name: each.specs for name, each in everybody.items()}
        self._languages = {name: each.language for name, each in everybody.items()}
        first = own(persona.use)
        self._synthesis = Synthesis(orders, self._put, self._on_fatal, first, persona.keep_loaded_s)
        self._turned_at = self._clock().mono
        self._thread = threading.Thread(target=self._run, args=(self._synthesis, player), name="mouth", daemon=True)
        self._thread.start()

    def do(self, command: MouthCommand) -> None:
        """Obey; from any thread, at once."""
        self._put(command)

    def prepare(self, persona: str) -> None:
        """Load its voice, which will be wanted; from any thread, at once."""
        self._put(Prepare(persona))

    def stop(self) -> None:
        """End the thread and the voices. What is playing is the player's. Idempotent."""
        if self._thread and self._thread.is_alive():
            self._put(None)
            self._thread.join()

    def progress(self) -> float:
        """Monotonic seconds at which the thread last turned; at most `IDLE_S` ago, or it hangs."""
        return self._turned_at

    def pids(self) -> list[int]:
        """The voices' processes, for those who measure."""
        return self._synthesis.pids if self._synthesis else []

    # What the player calls, on its own thread.

    def audible(self, turn: Turn, at: float) -> None:
        self._put(Began(turn, at))

    def played(self, turn: Turn, position: int, rate_hz: int, at: float) -> None:
        self._put(Played(turn, position, rate_hz, at))

    def drained(self, turn: Turn) -> None:
        self._put(Drained(turn))

    def failed(self, turn: Turn, reason: str) -> None:
        self._put(PlayingFailed(turn, reason))

    def _put(self, item: MouthCommand | Report | PlayerReport | None) -> None:
        try:
            self._inbox.put_nowait(item)
        except queue.Full:
            self._on_fatal(f"the mouth hangs: {INBOX} items wait for it")

    def _run(self, synthesis: Synthesis, player: Player) -> None:
        sounds = earcons.render_all() if self._config.audio.speaker.earcons else {}
        speech = Speech(self._languages, player, synthesis, self._emit, sounds)
        try:
            if self._config.tts.load == "start":
                synthesis.start()
            speech.tick(self._clock())
            while self._turn(speech):
                pass
        finally:
            synthesis.stop()

    def _turn(self, speech: Speech) -> bool:
        """Wait for one item, or until something is due; False at the end."""
        self._turned_at = self._clock().mono
        due = speech.due(self._turned_at)
        wait = IDLE_S if due is None else min(IDLE_S, max(0.0, due - self._turned_at))
        try:
            item = self._inbox.get(timeout=wait)
        except queue.Empty:
            speech.tick(self._clock())
            return True
        now = self._clock()
        match item:
            case None:
                return False
            case VoiceReady() | VoiceAway() | VoiceLost() | JobDone() | JobFailed():
                speech.voiced(item, now)
            case Began() | Played() | Drained() | PlayingFailed():
                speech.heard(item, now)
            case _:
                speech.obey(item, now)
        return True
