"""The picture of conversation: every figure of the three benches is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.lab import talkplot

FIRST: dict[str, Any] = {"n": 43, "recall": {"0": 0.8, "500": 0.9}, "held_out": {"0": 0.7, "500": 1.0}}
ENDS: dict[str, Any] = {"cutoff_by_answer": {"0": 0.3, "500": 0.02}, "delay_p50_ms": 391.0, "delay_p90_ms": 706.0}
QUIET: dict[str, Any] = {"cutoff_by_answer": {"0": 0.1, "500": 0.0}, "delay_p50_ms": 305.0, "delay_p90_ms": 580.0}
ENDPOINT = {**ENDS, "conditions": {"quiet": QUIET, "babble": ENDS}, "held_out": QUIET}
BARGEIN: dict[str, Any] = {"n": 15, "detected": {"-10": 0.93, "6": 0.87}}


def test_the_picture_shows_every_figure(tmp_path: Path) -> None:
    figure = talkplot.compose(FIRST, ENDPOINT, BARGEIN)
    lines = {
        line.get_label(): np.asarray(line.get_ydata(), float).tolist() for axes in figure.axes for line in axes.lines
    }
    assert lines["43 commands"] == pytest.approx([80, 90])
    assert lines["in quiet"] == pytest.approx([10, 0])
    assert lines["among ten voices, 10 dB weaker"] == pytest.approx([30, 2])
    assert lines["15 wake words"] == pytest.approx([93, 87])
    written = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"all", "quiet", "babble", "held out", "391", "706", "305", "580"} <= written
    talkplot.draw(FIRST, ENDPOINT, BARGEIN, tmp_path / "talk.png")
    assert (tmp_path / "talk.png").read_bytes().startswith(b"\x89PNG")
