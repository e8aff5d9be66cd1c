"""The picture of a session: what the room heard above, and each turn below, one lane per stage.

A turn's axis counts seconds from the end of the user's last word; a line marks the first sound of the answer. Lanes
have one label each, so that labels cannot meet; what would leave the panel is put on the other side of its mark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from numpy.typing import NDArray

from agent.audio.pcm import RATE_HZ, Samples
from agent.lab.room import Heard
from agent.lab.timeline import LANE_OF, LANES, Lane, TurnView

COLUMNS = 2
AFTER_S = 1.6  # of the answer, in a turn's panel
GLYPH = 0.0115  # mean width of a letter, of the panel's
INK, QUIET, GRID, PAPER = "#26323a", "#7d8a93", "#dfe5e8", "#ffffff"
COLOURS: dict[Lane, str] = {
    "visitor": "#2f6f9f",
    "wake": "#b5456b",
    "listening": "#5b9bb5",
    "asr": "#4f9d69",
    "llm": "#8064a2",
    "tts": "#d39b2a",
    "agent": "#d1662b",
}
NAMES: dict[Lane, str] = {
    "visitor": "visitor",
    "wake": "wake word",
    "listening": "listening",
    "asr": "recogniser",
    "llm": "language model",
    "tts": "voice",
    "agent": "agent",
}
BLAME = "#b3261e"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": QUIET,
    "xtick.color": QUIET,
    "ytick.color": INK,
}


def draw(turns: Sequence[TurnView], heard: Heard, path: Path, title: str) -> None:
    """Write the PNG. Raises ValueError where there is no turn."""
    with mpl.rc_context(STYLE):
        compose(turns, heard, title).savefig(path)


def compose(turns: Sequence[TurnView], heard: Heard, title: str) -> Figure:
    """The picture as a figure. Raises ValueError where there is no turn."""
    if not turns:
        raise ValueError("no turns to draw")
    rows = math.ceil(len(turns) / COLUMNS)
    inches = 3.2 + 3.1 * rows
    figure = Figure(figsize=(16, inches), dpi=110, facecolor=PAPER)
    FigureCanvasAgg(figure)
    edges = {"left": 0.085, "right": 0.985, "top": 1 - 0.75 / inches, "bottom": 0.55 / inches}
    heights = [0.75, *[1.0] * rows]
    grid = figure.add_gridspec(rows + 1, COLUMNS, height_ratios=heights, hspace=0.55, wspace=0.22, **edges)
    figure.suptitle(title, x=0.012, y=1 - 0.2 / inches, ha="left", va="top", size=14, weight="bold")
    _overview(figure.add_subplot(grid[0, :]), turns, heard)
    for index, turn in enumerate(turns):
        _turn(figure.add_subplot(grid[1 + index // COLUMNS, index % COLUMNS]), turn, heard)
    return figure


def envelope(samples: Samples, points: int) -> NDArray[np.float64]:
    """The loudest magnitude in each of so many equal stretches, 0.0 to 1.0 of full scale."""
    edges = np.linspace(0, len(samples), points + 1).astype(int)
    magnitude = np.abs(samples.astype(np.float64)) / 32768
    return np.array([magnitude[a:b].max(initial=0.0) for a, b in pairwise(edges)])


def _overview(axes: Any, turns: Sequence[TurnView], heard: Heard) -> None:
    seconds = min(len(heard.samples) / RATE_HZ, max(turn.end for turn in turns) - heard.start + 0.5)
    _bare(axes)
    time = np.linspace(0, seconds, 2400)
    sides = heard.samples[: round(seconds * RATE_HZ)]
    for column, centre in enumerate((1.0, 0.0)):
        _wave(axes, time, sides[:, column], centre, (COLOURS["visitor"], COLOURS["agent"])[column])
    for turn in turns:
        begin, end = turn.start - heard.start, turn.end - heard.start
        axes.axvspan(begin, end, color=GRID, alpha=0.45, lw=0)
        axes.text((begin + end) / 2, 1.62, str(turn.number), ha="center", va="bottom", weight="bold", clip_on=False)
    axes.set(xlim=(0, seconds), ylim=(-0.55, 1.6), yticks=[1.0, 0.0], yticklabels=["visitor", "agent"])
    axes.set_xlabel("seconds: what the room heard, turn by turn", loc="left")


def _turn(axes: Any, turn: TurnView, heard: Heard) -> None:
    zero = turn.zero if turn.zero is not None else turn.start
    audible = turn.audible
    until = turn.end if audible is None else min(turn.end, audible + AFTER_S)
    left, right = turn.start - 0.15 - zero, max(until, turn.start + 2.0) + 0.15 - zero
    _bare(axes)
    height = {lane: float(len(LANES) - 1 - index) for index, lane in enumerate(LANES)}
    axes.set(xlim=(left, right), ylim=(-0.6, len(LANES) - 0.4))
    axes.set_yticks([height[lane] for lane in LANES], [NAMES[lane] for lane in LANES])
    for y in height.values():
        axes.axhline(y, color=GRID, lw=0.6, zorder=0)
    time = np.linspace(left, right, 900)
    sides = heard.samples[_slice(heard, zero + left, zero + right)]
    _wave(axes, time, sides[:, 0], height["visitor"], COLOURS["visitor"], 0.42)
    _wave(axes, time, sides[:, 1], height["agent"], COLOURS["agent"], 0.42)
    _spans(axes, turn, zero, height)
    _moments(axes, turn, zero, height)
    _heading(axes, turn)


def _spans(axes: Any, turn: TurnView, zero: float, height: dict[Lane, float]) -> None:
    for span in turn.spans:
        alpha = 0.38 if span.waiting else 0.9
        box = {"left": span.start - zero, "height": 0.42, "color": COLOURS[span.lane], "alpha": alpha, "lw": 0}
        axes.barh(height[span.lane], max(span.end - span.start, 0.008), **box)
    blame = turn.receipt.get("blame")
    for lane in LANES:
        spans = [span for span in turn.spans if span.lane == lane]
        texts = [span.text for span in spans if span.text]
        if texts:
            extent = min(span.start for span in spans) - zero, max(span.end for span in spans) - zero
            blamed = blame is not None and LANE_OF[blame] == lane
            _label(axes, extent, height[lane], ", ".join(texts), BLAME if blamed else INK, blamed)


def _moments(axes: Any, turn: TurnView, zero: float, height: dict[Lane, float]) -> None:
    for mark in turn.marks:
        x, y = mark.at - zero, height[mark.lane]
        if mark.lane == "wake":
            axes.plot(x, y, "D", color=COLOURS["wake"], ms=6)
            _label(axes, (x - 0.02, x + 0.02), y, mark.text, INK)
        else:
            axes.plot([x, x], [y - 0.21, y + 0.21], color=PAPER, lw=1.1)
    if turn.zero is not None:
        axes.axvline(0, color=QUIET, lw=0.9, ls=(0, (2, 2)), zorder=1)
    if turn.audible is not None:
        x = turn.audible - zero
        axes.axvline(x, color=COLOURS["agent"], lw=1.2, zorder=1)
        _label(axes, (x, x), height["visitor"], f"first sound {x:+.2f} s", COLOURS["agent"], bold=True)


def _label(axes: Any, extent: tuple[float, float], y: float, text: str, colour: str = INK, bold: bool = False) -> None:
    """Right of what it names, or left of it where it would not fit."""
    left, right = axes.get_xlim()
    fits = len(text) * GLYPH < (right - extent[1]) / (right - left)
    backdrop = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}
    x, offset, side = (extent[1], 6, "left") if fits else (extent[0], -6, "right")
    style = {"color": colour, "va": "center", "ha": side, "size": 8.5, "weight": "bold" if bold else "normal"}
    axes.annotate(text, (x, y), (offset, 0), textcoords="offset points", bbox=backdrop, zorder=5, **style)


def _heading(axes: Any, turn: TurnView) -> None:
    receipt = turn.receipt
    said = receipt.get("transcript") or ("" if receipt["outcome"] == "silence" else "…")
    axes.set_title(
        f"{turn.number}   {_short(said, 62) if said else 'silence'}", loc="left", weight="bold", size=10.5, pad=18
    )
    blame = receipt.get("blame")
    facts = f"most of the time: {NAMES[LANE_OF[blame]]}" if blame else "no answer"
    axes.text(0, 1.025, f"{receipt['outcome']} · {facts}", transform=axes.transAxes, size=8.5, color=QUIET, va="bottom")
    unit = "seconds from the last word" if turn.zero is not None else "seconds"
    axes.set_xlabel(unit, loc="right", size=8, labelpad=1)


def _wave(
    axes: Any, time: NDArray[np.float64], samples: Samples, centre: float, colour: str, half: float = 0.48
) -> None:
    shape = envelope(samples, len(time))
    shape = half * np.sqrt(shape / max(shape.max(), 0.02))  # the root shows quiet parts too
    axes.fill_between(time, centre - shape, centre + shape, color=colour, lw=0, alpha=0.9)


def _slice(heard: Heard, since: float, until: float) -> slice:
    first = round((since - heard.start) * RATE_HZ)
    return slice(max(0, first), max(0, first + round((until - since) * RATE_HZ)))


def _bare(axes: Any) -> None:
    axes.set_facecolor(PAPER)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)


def _short(text: str, most: int) -> str:
    """As much of it as there is room for, with a dot for what the font cannot draw (it has no Hangul, say)."""
    known = get_font(findfont("DejaVu Sans")).get_charmap()
    text = "".join(letter if ord(letter) in known else "·" for letter in text)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
