"""The picture of `voice-agent bench noise --json`: `python -m agent.lab.noiseplot FIGURES.json PICTURE.png`.

One panel for each engine, one line for each condition, one mark for each treatment. So one sees at once whether a
treatment moves the marks to the left, where nothing is missed. More errors than words are drawn as 100 percent.
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

from agent.lab.plots import GRID, INK, PAPER, QUIET, STYLE

MARKS: Mapping[str, tuple[str, str, str]] = {
    "raw": ("o", INK, "as the microphone heard it"),
    "agc": ("^", "#d39b2a", "automatic gain"),
    "ns": ("v", "#2f6f9f", "noise suppression"),
    "both": ("x", "#b5456b", "both"),
}


def draw(figures: Mapping[str, Any], path: Path) -> None:
    """Write the PNG."""
    with mpl.rc_context(STYLE):
        compose(figures).savefig(path)


def compose(figures: Mapping[str, Any]) -> Figure:
    """The picture as a figure."""
    panels = {f"{name}\nwake words missed": rates for name, rates in figures["miss_rate"].items()}
    panels |= {f"{name}\nword error rate": rates for name, rates in figures["wer"].items()}
    figure = Figure(figsize=(3.4 * len(panels) + 1.2, 6.4), dpi=110, facecolor=PAPER)
    FigureCanvasAgg(figure)
    conditions = list(next(iter(panels.values())))
    for axes, (title, rates) in zip(figure.subplots(1, len(panels), sharey=True), panels.items(), strict=True):
        _panel(axes, title, rates, conditions)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(MARKS), frameon=False)
    figure.subplots_adjust(left=0.95 / figure.get_figwidth(), right=0.985, top=0.9, bottom=0.14, wspace=0.08)
    return figure


def _panel(axes: Any, title: str, rates: Mapping[str, Mapping[str, float]], conditions: list[str]) -> None:
    axes.set_facecolor(PAPER)
    axes.set_title(title, loc="left", size=10, weight="bold")
    axes.set_xlim(-4, 104)
    axes.set_yticks(range(len(conditions)), [condition.replace("_", " ") for condition in conditions])
    axes.set_ylim(len(conditions) - 0.5, -0.5)
    axes.grid(axis="x", color=GRID, lw=0.6)
    axes.tick_params(length=0)
    axes.set_xlabel("percent", loc="right", size=8, color=QUIET)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    for y, condition in enumerate(conditions):
        values = [_percent(rates[condition][treatment]) for treatment in MARKS]
        axes.plot([min(values), max(values)], [y, y], color=GRID, lw=3, zorder=1, solid_capstyle="round")
    for treatment, (marker, colour, label) in MARKS.items():
        values = [_percent(rates[condition][treatment]) for condition in conditions]
        style = {"ls": "none", "ms": 6, "mew": 1.5, "fillstyle": "none" if treatment == "raw" else "full"}
        axes.plot(values, range(len(conditions)), marker, color=colour, label=label, zorder=2, **style)


def _percent(rate: float) -> float:
    return min(100 * rate, 100.0)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
