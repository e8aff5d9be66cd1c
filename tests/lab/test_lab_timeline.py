"""Receipts and notices become one time axis, a picture whose labels do not meet, and a waterfall in the terminal."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text
from rich.console import Console

from agent.audio.pcm import RATE_HZ
from agent.lab.plots import STYLE, compose, draw, envelope
from agent.lab.room import Heard
from agent.lab.timeline import Notice, TurnView, turn_view
from agent.lab.waterfall import BadReceipts, read, show

STAGES = ("endpoint", "asr_final", "llm_first_token", "first_clause", "tts_first", "audible")


def receipt(turn: int, transcript: str = "what time is it", outcome: str = "answered", **added: int) -> dict[str, Any]:
    at_ms: dict[str, int | None] = dict.fromkeys(STAGES)
    reached = 0
    for stage, ms in added.items():
        reached += ms
        at_ms[stage] = reached
    return {
        "turn": turn,
        "outcome": outcome,
        "wake_ms": 12,
        "at_ms": at_ms,
        "stages_ms": added,
        "ttfa_ms": at_ms["audible"],
        "blame": max(added, key=lambda stage: added[stage]) if added else None,
        "transcript": transcript,
    }


LOCAL = {"endpoint": 600, "asr_final": 50, "first_clause": 2, "tts_first": 90, "audible": 60}
ASKED = {"endpoint": 600, "asr_final": 50, "llm_first_token": 1200, "first_clause": 300, "tts_first": 90, "audible": 60}


def session() -> tuple[list[dict[str, Any]], list[TurnView], Heard]:
    receipts = [
        receipt(1, **LOCAL),
        receipt(2, "tell me a very long story about penguins and all the fish of the southern sea", **ASKED),
        receipt(3, "지금 몇 시예요", outcome="interrupted", **LOCAL),
        receipt(4, "", outcome="silence"),
    ]
    notices = []
    for index, slip in enumerate(receipts):
        turn, zero = slip["turn"], 1010.0 + 10 * index
        notices.append(Notice(zero - 1.5, "event/wake", {"turn": turn, "word": "hey jarvis", "score": 0.9}))
        if slip["ttfa_ms"] is not None:
            notices.append(Notice(zero - 0.5, "transcript", {"turn": turn, "text": "what", "final": False}))
            notices.append(Notice(zero + 0.65, "transcript", {"turn": turn, "text": slip["transcript"], "final": True}))
        notices.append(Notice(zero + 6, "turn", slip))
    notices.append(Notice(1050.0, "state", "idle"))
    rng = np.random.default_rng(0)
    heard = Heard(rng.integers(-3000, 3000, (60 * RATE_HZ, 2)).astype(np.int16), 1000.0)
    views = [turn_view(slip, notices, (1007.5 + 10 * i, 1010.0 + 10 * i)) for i, slip in enumerate(receipts)]
    return receipts, views, heard


def test_a_turn_is_put_on_the_time_axis() -> None:
    _, views, _ = session()
    asked = views[1]
    assert asked.zero == pytest.approx(1020.0)
    assert asked.audible == pytest.approx(1020.0 + 2.3)
    assert (asked.start, asked.end) == (1017.5, 1026.0)
    spans = {(span.lane, span.text): (span.start - 1020, span.end - 1020) for span in asked.spans}
    assert spans["listening", "waiting for silence +600 ms"] == pytest.approx((0, 0.6))
    assert spans["asr", "recognising +50 ms"] == pytest.approx((-1.5, 0.65))
    assert spans["llm", "first token +1200 ms"] == pytest.approx((0.65, 1.85))
    assert spans["tts", "voice +90 ms"] == pytest.approx((2.15, 2.24))
    assert [mark.lane for mark in asked.marks] == ["wake", "asr", "asr"]


def test_a_silent_turn_has_no_zero() -> None:
    _, views, _ = session()
    silent = views[3]
    assert silent.zero is None
    assert silent.audible is None
    assert [(span.lane, span.text) for span in silent.spans] == [("listening", "nothing said")]


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    _, views, heard = session()
    draw(views, heard, tmp_path / "timeline.png", "six turns")
    picture = imread(tmp_path / "timeline.png")
    assert picture.shape[1] == 1760
    assert picture[..., :3].mean() > 0.8, "the background is light"
    with pytest.raises(ValueError, match="no turns"):
        draw([], heard, tmp_path / "none.png", "")


def test_no_two_texts_meet_and_none_leaves_the_picture() -> None:
    _, views, heard = session()
    with mpl.rc_context(STYLE):
        figure = compose(views, heard, "six turns")
        renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
        figure.draw(renderer)
        texts: list[Text] = [*figure.texts]
        for axes in figure.axes:
            # The title that is used is the left one; ticks outside the axis have labels that are not drawn.
            texts += [*axes.texts, axes._left_title, axes.xaxis.label, *axes.get_yticklabels()]  # type: ignore[attr-defined]
        seen = [(t.get_text(), Text.get_window_extent(t, renderer)) for t in texts if t.get_text().strip()]
    width, height = figure.canvas.get_width_height()
    assert len(seen) > 50
    for index, (text, box) in enumerate(seen):
        assert box.x0 >= 0, text
        assert box.x1 <= width, text
        assert box.y0 >= 0, text
        assert box.y1 <= height, text
        for other, its in seen[index + 1 :]:
            assert not box.overlaps(its), f"{text!r} meets {other!r}"


def test_the_envelope_keeps_peaks() -> None:
    sound = np.zeros(1000, np.int16)
    sound[333] = -16384
    assert envelope(sound, 10).tolist() == [0, 0, 0, 0.5, 0, 0, 0, 0, 0, 0]
    assert envelope(np.zeros(0, np.int16), 4).tolist() == [0, 0, 0, 0]


def test_the_waterfall_shows_every_stage(tmp_path: Path) -> None:
    receipts, _, _ = session()
    file = tmp_path / "turns.jsonl"
    file.write_text("\n".join(json.dumps(slip, ensure_ascii=False) for slip in receipts) + "\n\n")
    console = Console(width=100, record=True, file=(tmp_path / "out").open("w"))
    show(file, console)
    console.file.close()
    lines = console.export_text().splitlines()
    token = next(line for line in lines if "first token" in line)
    clause = next(line for line in lines[lines.index(token) :] if "first clause" in line)
    assert token.rstrip().endswith("+1200 ms")
    assert clause.index("━") == token.rindex("━") + 1
    assert any("silence" in line for line in lines)
    assert any("지금 몇 시예요" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no receipt"),
        ("{", "line 1"),
        ('{"turn": 1}', "line 1: no receipt"),
        ("[]", "no receipt"),
        ('{"turn": 1, "outcome": "answered", "at_ms": {"audible": "soon"}, "stages_ms": {}}', "no receipt"),
    ],
)
def test_what_is_no_receipt_is_told(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "turns.jsonl"
    file.write_text(text)
    with pytest.raises(BadReceipts, match=why):
        read(file)
