"""`voice-agent timeline FILE`: where the time of turns went, from their receipts."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli.output import UsageError, note
from agent.lab import waterfall

if TYPE_CHECKING:
    from agent.lab.timeline import TurnView

BEFORE_S, AFTER_S = 1.5, 1.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="turns.jsonl: of the state folder, or of the demo")
    parser.add_argument("--png", type=Path, metavar="OUT", help="draw a picture instead")


def run(args: argparse.Namespace) -> int:
    try:
        receipts = waterfall.read(args.file)
    except waterfall.BadReceipts as error:
        raise UsageError(str(error)) from None
    if args.png:
        draw(receipts, args.png)
        note(f"{args.png} written")
    else:
        waterfall.show(args.file)
    return 0


def draw(receipts: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The demo's picture, as far as receipts alone tell it: without the sound. Raises OSError."""
    import numpy as np

    from agent.lab import plots
    from agent.lab.room import Heard

    views = list(_views(receipts))
    silence = np.zeros((round(views[-1].end + AFTER_S) * 16_000, 2), np.int16)
    plots.draw(views, Heard(silence, 0.0), path, f"{len(views)} turns")


def _views(receipts: Sequence[Mapping[str, Any]]) -> Iterator[TurnView]:
    """One turn after the other on an invented clock: receipts count from their own zero."""
    from agent.lab.timeline import Notice, turn_view

    start = 0.0
    for receipt in receipts:
        turn, zero = receipt["turn"], start + BEFORE_S
        offsets = {stage: ms / 1000 for stage, ms in receipt["at_ms"].items() if ms is not None}
        end = zero + max(offsets.values(), default=BEFORE_S) + AFTER_S
        notices = [Notice(start, "state", {"turn": turn})]
        if "asr_final" in offsets:
            text = receipt.get("transcript") or ""
            notices.append(
                Notice(zero + offsets["asr_final"], "transcript", {"turn": turn, "text": text, "final": True})
            )
        notices.append(Notice(end, "turn", {"turn": turn}))
        yield turn_view(receipt, notices, None)
        start = end
