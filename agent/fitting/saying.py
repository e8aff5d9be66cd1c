"""Saying the wake word a few times, with a live meter: attempts come out, with what they scored."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from agent.audio.pcm import RATE_HZ
from agent.config import Config
from agent.fitting import screen
from agent.fitting.attempts import Attempt, Attempts
from agent.fitting.keys import Keys
from agent.fitting.microphone import Microphone
from agent.hearing.scores import NEAR
from agent.hearing.wake import WakeEngine

FRAMES_HZ = 15
GIVE_UP_S = 60.0  # of sound without any attempt
TALK_S = 30.0  # of speech without a pause: no wake word comes out of that
SILENCE = "nobody said anything that was loud enough"
TALK = "somebody talks without a pause (a television?), so that no word stands alone"
KEYS = (("r", "take the last one back"), ("q", "that is enough"))


@dataclass(frozen=True, slots=True)
class Goal:
    """How often to say which word, and the threshold in force."""

    word: str
    times: int
    threshold: float

    @property
    def spoken(self) -> str:
        return self.word.replace("_", " ")


class Unheard(Exception):
    """No attempt came together. str() says why; `remedy`: what helps, "" where it is for the caller to say."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.remedy = "turn it off, or come back when it is quiet" if reason == TALK else ""


@dataclass(slots=True)
class Saying:
    """What has come together so far. Counted is sound, in seconds."""

    goal: Goal
    attempts: list[Attempt] = field(default_factory=list)
    remark: str = ""
    waited_s: float = 0.0  # since the last attempt
    talked_s: float = 0.0  # of those

    @property
    def complete(self) -> bool:
        return len(self.attempts) >= self.goal.times

    def press(self, key: str) -> bool:
        """Whether to go on."""
        if key == "r" and self.attempts:
            self.attempts.pop()
            self.remark = "The last one does not count: say it again."
        return key != "q"

    def take(self, heard_s: float, found: list[Attempt], hearing: Attempts) -> None:
        """`found`: the attempts of the last `heard_s`."""
        self.attempts += found
        self.waited_s += heard_s
        self.talked_s += heard_s if hearing.speaking_s else 0.0
        if found:
            self.remark, self.waited_s, self.talked_s = "", 0.0, 0.0
        elif hearing.too_long:
            self.remark = "That was longer than a wake word, and does not count."

    def hopeless(self, hearing: Attempts) -> str:
        """Why no more will come; "" where it may."""
        if hearing.speaking_s > TALK_S:
            return TALK
        if hearing.speaking_s or self.waited_s < GIVE_UP_S:
            return ""
        return TALK if self.talked_s > GIVE_UP_S / 2 else SILENCE


def collect(config: Config, engine: WakeEngine, goal: Goal, console: Console) -> list[Attempt]:
    """At least one attempt, more until the person has had enough, or nobody says anything, or somebody talks on and on.

    Raises MicrophoneTrouble, Unheard.
    """
    saying = Saying(goal)
    hearing = Attempts(engine, config.wake, goal.word)
    with Microphone(config.audio.mic) as microphone, Keys() as keys, shown(console) as show:
        open_, reason = False, ""
        while not (reason or saying.complete or microphone.ended) and saying.press(keys.pressed()):
            blocks = microphone.read()
            found = [attempt for block in blocks for attempt in hearing.feed(block)]
            saying.take(sum(len(block.pcm) for block in blocks) / RATE_HZ, found, hearing)
            reason = saying.hopeless(hearing)
            open_ = open_ or bool(blocks)
            if open_:  # who sees the meter may speak
                show(lambda: _view(saying, hearing))
    if not saying.attempts:
        raise Unheard(reason or SILENCE)
    console.print(results(goal, saying.attempts), "", sep="\n")
    if reason:
        console.print(screen.bad(f"{len(saying.attempts)} of {goal.times}, and then {reason}"))
    return saying.attempts


class shown:
    """`with shown(console) as show: show(lambda: …)`: a picture that changes; on no terminal there is none."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._next = 0.0

    def __enter__(self) -> Callable[[Callable[[], RenderableType]], None]:
        if self._live:
            self._live.start()
        return self._show

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def _show(self, view: Callable[[], RenderableType]) -> None:
        now = time.monotonic()
        if self._live and now >= self._next:
            self._next = now + 1 / FRAMES_HZ
            self._live.update(view(), refresh=True)


def _view(saying: Saying, hearing: Attempts) -> RenderableType:
    goal = saying.goal
    count = Text.assemble(
        (f"{len(saying.attempts)} of {goal.times}", "bold"), f'   say "{goal.spoken}" as you usually do'
    )
    level = hearing.level_dbfs
    meters = screen.meters(
        [
            ("voice", screen.level_bar(level), screen.decibels(level)),
            ("score", _score_bar(hearing.score, goal), f"{hearing.score:.2f}"),
        ]
    )
    remark = Text(f" {saying.remark}", "yellow") if saying.remark else Text("")
    return Group(Text(" ") + count, "", meters, "", results(goal, saying.attempts), remark, screen.keys_line(*KEYS))


def _score_bar(score: float, goal: Goal) -> Text:
    return screen.bar(score, _colour(score, goal.threshold), goal.threshold)


def _colour(score: float, threshold: float) -> str:
    return "green" if score >= threshold else "yellow" if score >= NEAR * threshold else "grey50"


def verdict(score: float, threshold: float) -> str:
    if score >= threshold:
        return "heard"
    return "nearly heard" if score >= NEAR * threshold else "missed"


def results(goal: Goal, attempts: list[Attempt]) -> RenderableType:
    """One line for each attempt."""
    rows = [
        (str(number), _score_bar(attempt.peak, goal), f"{attempt.peak:.2f}  {verdict(attempt.peak, goal.threshold)}")
        for number, attempt in enumerate(attempts, 1)
    ]
    return screen.meters(rows)
