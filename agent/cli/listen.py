"""`voice-agent listen`: what the recogniser hears, live, without wake word and daemon.

Utterances are cut out of the sound as in a turn: the gate's voice opens one, the endpointer closes it. While the final
is awaited nothing is read; capture keeps 5 s. A WAV file is read by its own clock, as fast as it is understood.
"""

from __future__ import annotations

import argparse
import contextlib
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from agent import clock, config_file, engines
from agent.audio.capture import Capture
from agent.audio.pcm import PERIOD, Block
from agent.cli.output import Transcript, Unavailable, note
from agent.cli.run import overrides
from agent.config import Config, EndpointSection
from agent.engines import AsrChoice
from agent.events import AsrFailed, Event, Final, Health, Partial
from agent.hearing.asr import Asr
from agent.hearing.endpoint import Ended, Endpointer, EndpointEvent, Paused, Period, Resumed, Started
from agent.hearing.gate import CLUSTER, REPLAY_MS, WINDOW, VoiceGate
from agent.hearing.recogniser import Recogniser, child_spec

TICK_S = 0.1
KEPT = REPLAY_MS * 16
PIECE = 8 * PERIOD


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE")
    parser.add_argument("--mic", metavar="DEVICE", help='instead of audio.mic.device; "file:x.wav" reads a file')
    parser.add_argument("--once", action="store_true", help="end after the first utterance")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    if args.mic and args.mic.startswith("file:") and "?" not in args.mic:
        args.mic += "?clock=audio"
    config = config_file.load(args.config, overrides(args))
    choice = engines.recogniser(config.asr, config.persona.language)
    note(f"{choice.engine} ({choice.model.name}) listens to {config.audio.mic.device}; Ctrl-C ends it")
    transcript = Transcript(args.json)
    with Listener(config, choice) as listener, contextlib.suppress(KeyboardInterrupt):
        for event in listener.events():
            transcript.show(isinstance(event, Final), event.text)
            if args.once and isinstance(event, Final) and event.text:
                break
    return 0


class Segmenter:
    """Blocks of sound -> utterances for a recogniser; for one thread."""

    def __init__(self, section: EndpointSection, ear: Asr) -> None:
        self._section = section
        self._ear = ear
        self._gate = VoiceGate()
        self._turn = 0
        self._kept: deque[tuple[Block, list[Period]]] = deque()  # what may have come before the voice
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._endpointer: Endpointer | None = None

    def feed(self, block: Block) -> bool:
        """Whether an utterance ended in this short block, so that a final is to be awaited."""
        if block.gap:
            self._gate.reset()
        voice = self._gate.feed(block.pcm, block.position)
        moments = zip(voice.voiced, voice.level_db, strict=True)
        periods = [Period(voice.position + i * PERIOD, *moment) for i, moment in enumerate(moments)]
        voiced = self._is_voice(voice.voiced)
        if self._endpointer:
            self._ear.feed(self._turn, block.pcm)
            return self._follow(self._endpointer.feed(periods))
        self._kept.append((block, periods))
        while len(self._kept) > 1 and sum(len(kept.pcm) for kept, _ in self._kept) > KEPT:
            self._kept.popleft()
        return voiced and self._begin()

    def flush(self) -> bool:
        """The sound is over: whether a final is to be awaited."""
        return self._endpointer is not None and self._end("silence")

    def _is_voice(self, voiced: tuple[bool, ...]) -> bool:
        """Whether there is a cluster of voice: a click has one or two periods."""
        found = False
        for period in voiced:
            self._recent.append(period)
            found = found or sum(self._recent) >= CLUSTER
        return found

    def _begin(self) -> bool:
        self._turn += 1
        section, since = self._section, self._kept[0][0].position
        self._endpointer = Endpointer(section.silence_ms, section.no_speech_ms, section.max_utterance_ms, since)
        self._ear.begin(self._turn)
        ended = False
        while self._kept and not ended:
            block, periods = self._kept.popleft()
            self._ear.feed(self._turn, block.pcm)
            ended = self._follow(self._endpointer.feed(periods))
        return ended

    def _follow(self, events: list[EndpointEvent]) -> bool:
        ended = False
        for event in events:
            match event:
                case Started():
                    pass
                case Paused():
                    self._ear.pause(self._turn)
                case Resumed():
                    self._ear.resume(self._turn)
                case Ended(cause=cause):
                    ended = self._end(cause)
        return ended

    def _end(self, cause: str) -> bool:
        self._endpointer = None
        self._recent.clear()
        if cause == "no_speech":
            self._ear.cancel(self._turn)
            return False
        self._ear.finish(self._turn)
        return True


class Listener:
    """Microphone, segmenter and recogniser; the caller's thread drives them through `events`."""

    def __init__(self, config: Config, choice: AsrChoice) -> None:
        self._file = config.audio.mic.device.startswith("file:")
        self._inbox: queue.SimpleQueue[Event | Unavailable] = queue.SimpleQueue()
        put: Callable[[Event], None] = self._inbox.put
        self._capture = Capture(config.audio.mic, put, clock.now, self._fatal)
        self._recogniser = Recogniser(child_spec(choice, config), put, clock.now, self._fatal)
        self._segmenter = Segmenter(config.endpoint, self._recogniser)

    def __enter__(self) -> Listener:
        self._recogniser.start()
        self._capture.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._capture.stop()
        self._recogniser.stop()

    def events(self) -> Iterator[Partial | Final]:
        """What is heard, until the sound ends (a microphone's does not). Raises Unavailable."""
        while True:
            blocks = deque(piece for block in self._capture.read(TICK_S) for piece in _pieces(block))
            yield from self._waiting()
            while blocks:
                if self._segmenter.feed(blocks.popleft()):
                    yield from self._until_final()
            if self._capture.ended:
                break
        if self._segmenter.flush():
            yield from self._until_final()

    def _waiting(self) -> Iterator[Partial | Final]:
        while not self._inbox.empty():
            if heard := self._sort(self._inbox.get()):
                yield heard

    def _until_final(self) -> Iterator[Partial | Final]:
        while True:
            try:
                event = self._inbox.get(timeout=TICK_S)
            except queue.Empty:
                self._recogniser.tick(time.monotonic())
                continue
            if heard := self._sort(event):
                yield heard
            if isinstance(event, Final | AsrFailed):
                return

    def _sort(self, event: Event | Unavailable) -> Partial | Final | None:
        match event:
            case Partial() | Final():
                return event
            case AsrFailed(reason=reason):
                note(f"recogniser: {reason}")
            case Unavailable():
                raise event
            case Health(part=part, status="failed", reason=reason):
                if self._file and part == "mic":
                    raise Unavailable(reason)
                note(f"{part}: {reason}")
            case _:
                pass
        return None

    def _fatal(self, reason: str) -> None:
        self._inbox.put(Unavailable(reason))


def _pieces(block: Block) -> Iterator[Block]:
    """A file comes a second at a time; an utterance may end and the next one begin within it."""
    for at in range(0, len(block.pcm), PIECE):
        position = block.position + at
        yield Block(block.pcm[at : at + PIECE], position, block.time_of(position), block.gap and at == 0)
