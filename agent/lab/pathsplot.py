"""The picture of `voice-agent bench capture-paths --json`: `python -m agent.lab.pathsplot FIGURES.json PICTURE.png`.

One line for each way: from a sound in the room until Python had it, half of the sounds to the left of the mark, nine of
ten to the left of the line's end. A diamond is the average that the idea of this project quoted.
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

NAMES: Mapping[str, str] = {
    "native": "native ALSA, in the agent",
    "native_beside": "the same, while all others run",
    "native_websocket": "native ALSA over a WebSocket",
    "worklet": "AudioWorklet over a WebSocket",
    "script": "ScriptProcessorNode",
    "webrtc": "WebRTC",
    "recorder": "MediaRecorder",
}
QUOTED_AS: Mapping[str, str] = {"native_websocket": "native", "worklet": "AudioWorklet", "recorder": "MediaRecorder"}
NATIVE, BROWSER, SAID = "#4f9d69", "#2f6f9f", "#d1662b"


def draw(figures: Mapping[str, Any], path: Path) -> None:
    """Write the PNG."""
    with mpl.rc_context(STYLE):
        compose(figures).savefig(path)


def compose(figures: Mapping[str, Any]) -> Figure:
    """The picture as a figure."""
    rows = {name: figures[name] for name in NAMES if name in figures}
    figure = Figure(figsize=(10.5, 0.55 * len(rows) + 1.6), dpi=110, facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_facecolor(PAPER)
    axes.set_title("From a sound in the room until Python has it", loc="left", size=11, weight="bold")
    axes.set_xlabel("ms", loc="right", size=8, color=QUIET)
    axes.grid(axis="x", color=GRID, lw=0.6)
    axes.tick_params(length=0)
    axes.set_yticks(range(len(rows)), [NAMES[name] for name in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    for y, (name, row) in enumerate(rows.items()):
        _line(axes, y, name, row)
        if name in QUOTED_AS:
            label = "quoted average" if name == "worklet" else None
            axes.plot(figures["quoted"][QUOTED_AS[name]], y, "D", color=SAID, ms=6, ls="none", label=label, zorder=3)
    axes.set_xlim(0, 1.4 * max(row["p90_ms"] or 0 for row in rows.values()))
    axes.legend(loc="upper right", frameon=False)
    figure.tight_layout()
    return figure


def _line(axes: Any, y: int, name: str, row: Mapping[str, Any]) -> None:
    if row["p50_ms"] is None:
        axes.text(2, y, "no sound was found", va="center", size=8, color=QUIET)
        return
    colour = NATIVE if name.startswith("native") else BROWSER
    axes.plot([0, row["p90_ms"]], [y, y], color=colour, lw=7, alpha=0.35, solid_capstyle="butt", zorder=1)
    axes.plot(row["p50_ms"], y, "|", color=colour, ms=16, mew=3, zorder=2)
    text = f"{row['p50_ms']:g} ms, comes {row['granularity_ms']:g} ms at a time"
    axes.annotate(text, (row["p90_ms"], y), xytext=(8, 0), textcoords="offset points", va="center", size=8, color=INK)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
