"""The picture of the benches of conversation, from what `voice-agent bench NAME --json` printed:

    python -m agent.lab.talkplot PICTURE.png FIRST-WORD.json ENDPOINT.json BARGEIN.json

Four panels: first words that are understood, sentences that are cut off, how long the end is waited for, wake words
that are heard over the agent's own voice. A dashed line is the bar: what has to be reached.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agent.lab.plots import BLAME, GRID, INK, PAPER, QUIET, STYLE

BLUE, ORANGE, GREEN = "#2f6f9f", "#d1662b", "#4f9d69"
Figures = Mapping[str, Any]


def draw(first_word: Figures, endpoint: Figures, bargein: Figures, path: Path) -> None:
    """Write the PNG."""
    with mpl.rc_context(STYLE):
        compose(first_word, endpoint, bargein).savefig(path)


def compose(first_word: Figures, endpoint: Figures, bargein: Figures) -> Figure:
    """The picture as a figure."""
    figure = Figure(figsize=(12.5, 7.6), dpi=110, facecolor=PAPER)
    FigureCanvasAgg(figure)
    (above, right), (below, last) = figure.subplots(2, 2)
    _first_word(above, first_word)
    _cut_off(right, endpoint)
    _delay(below, endpoint)
    _over_the_voice(last, bargein)
    figure.subplots_adjust(left=0.06, right=0.985, top=0.94, bottom=0.07, wspace=0.13, hspace=0.42)
    return figure


def _first_word(axes: Any, figures: Figures) -> None:
    _panel(axes, "The first word is understood", "ms between wake word and command")
    _line(axes, figures["recall"], BLUE, f"{figures['n']} commands")
    _line(axes, figures["held_out"], ORANGE, "the second half")
    _bar(axes, 100)
    _shares(axes, 60)


def _cut_off(axes: Any, figures: Figures) -> None:
    _panel(axes, "A sentence is cut off", "ms from the question to the first sound of the answer")
    conditions = figures["conditions"]
    _line(axes, conditions["quiet"]["cutoff_by_answer"], BLUE, "in quiet")
    _line(axes, conditions["babble"]["cutoff_by_answer"], ORANGE, "among ten voices, 10 dB weaker")
    _line(axes, figures["held_out"]["cutoff_by_answer"], GREEN, "the half that nobody looked at")
    _bar(axes, 2)
    axes.set_ylim(-2, 62)
    axes.set_yticks(range(0, 61, 20), [f"{share} %" for share in range(0, 61, 20)])
    axes.legend(frameon=False, loc="upper right")


def _delay(axes: Any, figures: Figures) -> None:
    """From the median to where nine of ten have ended."""
    _panel(axes, "Last sound → end noticed, p50 to p90", "ms")
    rows = {"all": figures, **figures["conditions"], "held out": figures["held_out"]}
    for y, (name, found) in enumerate(rows.items()):
        p50, p90 = found["delay_p50_ms"], found["delay_p90_ms"]
        axes.plot([p50, p90], [y, y], color=GRID, lw=7, solid_capstyle="round", zorder=1)
        axes.plot([p50], [y], "o", color=BLUE, ms=8, zorder=2)
        axes.text(p50, y - 0.28, f"{p50:.0f}", ha="center", va="bottom", size=8.5, color=INK)
        axes.text(p90, y - 0.28, f"{p90:.0f}", ha="center", va="bottom", size=8.5, color=QUIET)
        axes.text(0, y, name, ha="left", va="center")
    axes.axvline(450, color=BLAME, lw=1, ls="--")
    axes.set(xlim=(0, None), ylim=(len(rows) - 0.5, -0.7), yticks=[])


def _over_the_voice(axes: Any, figures: Figures) -> None:
    _panel(axes, "A wake word over the agent's own voice is heard", "dB by which the agent is louder than the user")
    _line(axes, figures["detected"], BLUE, f"{figures['n']} wake words")
    _bar(axes, 95, until=6)
    _shares(axes, 60)


def _panel(axes: Any, title: str, below: str) -> None:
    axes.set_facecolor(PAPER)
    axes.set_title(title, loc="left", size=10.5, weight="bold")
    axes.set_xlabel(below, loc="right", size=8.5, color=QUIET)
    axes.grid(axis="y", color=GRID, lw=0.6)
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _line(axes: Any, shares: Mapping[str, float], colour: str, label: str) -> None:
    places = [int(at) for at in shares]
    axes.plot(places, [100 * share for share in shares.values()], "o-", color=colour, label=label)
    axes.set_xticks(places)


def _bar(axes: Any, percent: float, until: float | None = None) -> None:
    left, right = axes.get_xlim()
    axes.plot([left, right if until is None else until], [percent, percent], color=BLAME, lw=1, ls="--", zorder=0)
    axes.set_xlim(left, right)


def _shares(axes: Any, least: int) -> None:
    axes.set_ylim(least, 102)
    axes.set_yticks(range(least, 101, 10), [f"{share} %" for share in range(least, 101, 10)])
    axes.legend(frameon=False, loc="lower right")


if __name__ == "__main__":
    first, end, over = (json.loads(Path(name).read_text()) for name in sys.argv[2:])
    draw(first, end, over, Path(sys.argv[1]))
