"""Endpointing: where the user's speech begins and ends. Pure; counts audio, knows no clock.

Theory:
- Input is one period (10 ms) after the other: voiced or not, and its level.
- A period is *speech* if it is voiced and not more than `FADE_DB` under the loudest period of the utterance, and if
  enough of its neighbourhood is voiced (`CLUSTER` periods of `WINDOW`); a click or a single wrong frame is neither a
  beginning nor a reason to wait longer. Shortly after speech (`BURST`) fewer voiced periods do: the burst of a final
  "t" comes 100 ms after its vowel.
- Silence is counted from the end of the last period of speech, so a hangover of the voice detector costs nothing.
- What was as loud before the wake word (a television, other people) is not the user: `least_db`. To begin, speech has
  to be louder by `SURE_DB`, for of much noise a little is always too loud.
- After a wake word the first voice may be its own end, for it is detected -71 to +37 ms (up to 200 for some voices)
  around its last sound; after a reply it may be the agent's, dying away in the room. So voice that runs on from `since`
  counts only once it has lasted `TAIL` longer; voice that begins after a break counts at once.
- Whoever goes on speaking after the end has only paused. To take it up again (`go_on`) it has to be speech that is
  surer than within the utterance: more voice (`SURELY` periods of `WINDOW`), that is louder than the room's as a
  beginning has to be, and less far under the loudest period (`RESUMED_DB`).
- How much silence is enough may depend on what was said (`hint`). A hint holds for the words that were known when it
  was made: once speech is heard that is newer, the usual silence counts again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from agent.audio.pcm import PERIOD, RATE_HZ

CLUSTER, WINDOW = 3, 6  # periods
BURST = 15 * PERIOD
FADE_DB = 35.0
SURELY, RESUMED_DB = 5, 20.0
SURE_DB = 3.0
TAIL = 25 * PERIOD
PAUSE_MS = 120  # more than the closure of a "t"; what the recogniser makes of it may be worth 250 ms of silence


@dataclass(frozen=True, slots=True)
class Started:
    """The user began to speak at `position`."""

    position: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing was said for `PAUSE_MS`; speech may go on. `position`: end of the last speech."""

    position: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """Speech went on after a pause, or after the end."""

    position: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The utterance is over. `position`: end of the last speech; `since` where nothing was said."""

    position: int
    cause: Literal["silence", "no_speech", "too_long"]


EndpointEvent = Started | Paused | Resumed | Ended


@dataclass(frozen=True, slots=True)
class Period:
    """Ten milliseconds, from `position` on."""

    position: int
    voiced: bool
    level_db: float


@dataclass(frozen=True, slots=True)
class _Hint:
    """Of the speech up to `position`: after it so many samples of `silence` are enough."""

    position: int
    silence: int


class Endpointer:
    """Incremental: periods -> events. After `Ended` by silence it tells once if speech goes on, and else nothing.

    `since`: the position from which speech counts, such as the end of the wake word; `after_voice`: somebody was
    speaking until then; `least_db`: voice below this level is not the user's.
    """

    def __init__(
        self,
        silence_ms: int,
        no_speech_ms: int,
        max_utterance_ms: int,
        since: int,
        after_voice: bool = False,
        least_db: float = -math.inf,
    ) -> None:
        self._silence = silence_ms * RATE_HZ // 1000
        self._no_speech = no_speech_ms * RATE_HZ // 1000
        self._longest = max_utterance_ms * RATE_HZ // 1000
        self._pause = PAUSE_MS * RATE_HZ // 1000
        self._since = since
        self._hint = _Hint(since, self._silence)
        self._least_db = least_db
        self._tail = since + TAIL if after_voice else since
        self._window: deque[Period] = deque(maxlen=WINDOW)
        self._run: int | None = None  # where the present stretch of voice began
        self._started = False
        self._last = since  # end of the last speech
        self._paused = False
        self._peak_db = 0.0
        self.over = False
        self._watching = False  # it is over, and the user may go on

    def feed(self, periods: Iterable[Period]) -> list[EndpointEvent]:
        """What happened in these periods, in order. They follow one another; a jump counts as silence."""
        events: list[EndpointEvent] = []
        for period in periods:
            if period.position + PERIOD > self._since:
                events += self._afterwards(period) if self.over else self._step(period)
        return events

    def go_on(self) -> None:
        """It was not the end, but a pause."""
        self.over = self._paused = False

    def hint(self, position: int, silence_ms: int) -> None:
        """So much silence is enough, as long as no speech goes on behind `position`."""
        self._hint = _Hint(position, silence_ms * RATE_HZ // 1000)

    def flush(self) -> list[EndpointEvent]:
        """Nothing is held back: the end of audio is not the end of speech."""
        return []

    def _afterwards(self, period: Period) -> list[EndpointEvent]:
        least_db = max(self._least_db + SURE_DB, self._peak_db - RESUMED_DB)
        self._window.append(period)
        sure = [each for each in self._window if each.voiced and each.level_db >= least_db]
        if len(sure) < SURELY:
            return []
        self._last = period.position + PERIOD
        if not self._watching:
            return []
        self._watching = False
        return [Resumed(sure[0].position)]

    def _step(self, period: Period) -> list[EndpointEvent]:
        end = period.position + PERIOD
        if period.level_db < self._least_db:
            period = replace(period, voiced=False)
        self._window.append(period)
        events: list[EndpointEvent] = []
        if self._is_speech(period):
            events = self._speech(end)
        elif not self._voices():
            self._run = None
        return events + self._judge(end)

    def _voices(self) -> int:
        return sum(period.voiced for period in self._window)

    def _is_speech(self, period: Period) -> bool:
        if not period.voiced:
            return False
        near = self._started and period.position <= self._last + BURST
        if self._voices() < (CLUSTER - 1 if near else CLUSTER):
            return False
        self._peak_db = max(self._peak_db, period.level_db)
        if not self._started and period.level_db < self._least_db + SURE_DB:
            return False
        return period.level_db >= self._peak_db - FADE_DB

    def _speech(self, end: int) -> list[EndpointEvent]:
        if self._run is None:
            self._run = next(period.position for period in self._window if period.voiced)
        if not self._started:
            if self._run <= self._since + PERIOD and end < self._tail:
                return []  # perhaps but the end of the wake word, or of our own reply
            self._started = True
            self._last = end
            return [Started(max(self._run, self._since))]
        self._last = end
        if not self._paused:
            return []
        self._paused = False
        return [Resumed(end - PERIOD)]

    def _judge(self, end: int) -> list[EndpointEvent]:
        silent = end - self._last
        if not self._started:
            return self._end(self._since, "no_speech") if end - self._since >= self._no_speech else []
        if silent >= self._enough():
            return self._end(self._last, "silence")
        if end - self._since >= self._longest:
            return self._end(self._last, "too_long")
        if silent >= self._pause and not self._paused:
            self._paused = True
            return [Paused(self._last)]
        return []

    def _enough(self) -> int:
        """Samples of silence that end the utterance as it is now."""
        return self._hint.silence if self._last <= self._hint.position else self._silence

    def _end(self, position: int, cause: Literal["silence", "no_speech", "too_long"]) -> list[EndpointEvent]:
        self.over = True
        self._watching = cause == "silence"
        return [Ended(position, cause)]
