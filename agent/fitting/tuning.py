"""`wake tune`: a word said some times, a threshold proposed, and where it goes in the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agent.config import Config
from agent.fitting.attempts import Attempt
from agent.fitting.document import Changes
from agent.fitting.falsewakes import Background
from agent.fitting.threshold import Proposal, propose
from agent.hearing.words import wake_name


@dataclass(frozen=True, slots=True)
class Tuned:
    """What the attempts at `word` amount to; `before`: the threshold in force."""

    word: str
    before: float
    attempts: tuple[Attempt, ...]
    proposal: Proposal
    known: Background | None

    @property
    def differs(self) -> bool:
        return abs(self.proposal.threshold - self.before) >= 0.005

    def as_json(self) -> dict[str, Any]:
        wakes, recorded = self.proposal.false_wakes, self.known.histogram if self.known else None
        return {
            "word": self.word,
            "attempts": [
                {
                    "score": round(each.peak, 4),
                    "heard": each.peak >= self.before,
                    "speech_dbfs": None if (level := each.levels.speech_dbfs) is None else round(level, 1),
                    "noise_dbfs": round(each.levels.noise_dbfs, 1),
                }
                for each in self.attempts
            ],
            "threshold": self.before,
            "proposed": self.proposal.threshold,
            "reason": self.proposal.reason,
            "heard_at_proposed": self.proposal.heard,
            "recall_at_least": round(self.proposal.recall_at_least, 3),
            "recorded_hours": round(recorded.heard_s / 3600, 1) if recorded else 0.0,
            "false_wakes_per_day": round(wakes.rate, 4) if wakes and wakes.rate is not None else None,
            "false_wakes_per_day_at_most": round(wakes.bound, 4) if wakes and wakes.heard_h else None,
        }


def judge(word: str, threshold: float, attempts: Sequence[Attempt], known: Background | None) -> Tuned:
    """`attempts`: at least one."""
    proposal = propose([attempt.peak for attempt in attempts], threshold, known)
    return Tuned(word, threshold, tuple(attempts), proposal, known)


def summary(tuned: Tuned) -> RenderableType:
    """Three lines: what was heard, the threshold, the false wakes."""
    proposal = tuned.proposal
    share = f"at least {proposal.recall_at_least:.0%} of the time, with 95 % confidence"
    threshold = f"{tuned.before:.2f} → {proposal.threshold:.2f}" if tuned.differs else f"{tuned.before:.2f}"
    nothing = "not known: no scores were recorded with these settings yet"
    wakes = proposal.false_wakes.sentence() if proposal.false_wakes else nothing
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", justify="right", no_wrap=True)
    grid.add_column()
    grid.add_row("heard", Text(f"{proposal.heard} of {proposal.attempts}; {share}"))
    grid.add_row("threshold", Text.assemble((threshold, "bold"), f"   {proposal.reason}"))
    grid.add_row("false wakes", Text(wakes))
    return Padding(grid, (1, 0, 1, 3))


def changes(config: Config, word: str, threshold: float) -> Changes:
    """The section's threshold, where it stands for this one word only; else the word's own."""
    words = config.wake.words
    if len(words) == 1 and words[0].threshold is None and config.wake.engine == "openwakeword":
        return {("wake", "threshold"): threshold}
    entries = [each.model_dump(exclude_none=True) for each in words]
    for entry in entries:
        if wake_name(entry["model"]) == word:
            entry["threshold"] = threshold
    return {("wake", "words"): entries}
