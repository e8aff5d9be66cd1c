"""Saying the wake word a few times, with a live meter: attempts come out, with what they scored."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from agent.config import Config
from agent.fitting import screen
from agent.fitting.attempts import Attempt, Attempts
from agent.fitting.keys import Keys
from agent.fitting.microphone import Microphone
from agent.hearing.scores import NEAR
from agent.hearing.wake import WakeEngine

FRAMES_HZ = 15
GIVE_UP_S = 60.0  # without any attempt
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


@dataclass(slots=True)
class Saying:
    """What has come together so far."""

    goal: Goal
    attempts: list[Attempt] = field(default_factory=list)
    remark: str = ""

    @property
    def complete(self) -> bool:
        return len(self.attempts) >= self.goal.times

    def press(self, key: str) -> bool:
        """Whether to go on."""
        if key == "r" and self.attempts:
            self.attempts.pop()
            self.remark = "The last one does not count: say it again."
        return key != "q"

    def take(self, found: list[Attempt], too_long: bool) -> None:
        self.attempts += found
        if found:
            self.remark = ""
        elif too_long:
            self.remark = "That was longer than a wake word, and does not count."


def collect(config: Config, engine: WakeEngine, goal: Goal, console: Console) -> list[Attempt]:
    """Listen until the word was said often enough, or the person has had enough, or nobody says anything.

    Raises MicrophoneTrouble.
    """
    saying = Saying(goal)
    hearing = Attempts(engine, config.wake, goal.word)
    with Microphone(config.audio.mic) as microphone, Keys() as keys, shown(console) as show:
        last_at, open_ = time.monotonic(), False
        while not saying.complete and saying.press(keys.pressed()) and not microphone.ended:
            blocks = microphone.read()
            found = [attempt for block in blocks for attempt in hearing.feed(block)]
            saying.take(found, hearing.too_long)
            now = time.monotonic()
            last_at = now if found or hearing.speaking else last_at
            if now - last_at > GIVE_UP_S:
                break
            open_ = open_ or bool(blocks)
            if open_:  # who sees the meter may speak
                show(lambda: _view(saying, hearing))
    if saying.attempts or console.is_terminal:
        console.print(results(goal, saying.attempts), "", sep="\n")
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
