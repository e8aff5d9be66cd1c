"""Where the time of turns went, in the terminal: one bar per stage, one below the other, from a file of receipts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.lab.timeline import LANE_OF, STAGE_WORDS, Lane

BAR = 48  # columns
LEAST_MS = 200
COLOURS: Mapping[Lane, str] = {"listening": "cyan", "asr": "green", "llm": "magenta", "tts": "yellow", "agent": "red"}


class BadReceipts(ValueError):
    """The file holds no receipts; the text names the line."""


def show(path: Path, console: Console | None = None) -> None:
    """Print the waterfall of each turn in a turns.jsonl. Raises OSError, BadReceipts."""
    (console or Console()).print(waterfall(read(path)))


def read(path: Path) -> list[dict[str, Any]]:
    """The receipts of a file, one JSON object a line. Raises OSError, BadReceipts."""
    receipts = []
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            receipt = json.loads(line)
        except ValueError as error:
            raise BadReceipts(f"{path}, line {number}: {error}") from None
        if not is_receipt(receipt):
            raise BadReceipts(f"{path}, line {number}: no receipt of a turn")
        receipts.append(receipt)
    if not receipts:
        raise BadReceipts(f"{path} holds no receipt")
    return receipts


def is_receipt(value: Any) -> bool:
    """Whether it has what is drawn here."""
    if not isinstance(value, dict) or not isinstance(value.get("turn"), int) or "outcome" not in value:
        return False
    times = [value.get("at_ms"), value.get("stages_ms")]
    return all(isinstance(t, dict) and all(isinstance(ms, int | None) for ms in t.values()) for t in times)


def waterfall(receipts: Sequence[Mapping[str, Any]]) -> RenderableType:
    """All turns on one scale, so that a slow one is seen at once."""
    offsets = [ms for receipt in receipts for ms in receipt["at_ms"].values() if ms is not None]
    scale = max([LEAST_MS, *offsets]) / BAR
    return Group(*_spaced(_turn(receipt, scale) for receipt in receipts))


def _spaced(blocks: Iterable[RenderableType]) -> Iterable[RenderableType]:
    for index, block in enumerate(blocks):
        if index:
            yield Text()
        yield block


def _turn(receipt: Mapping[str, Any], scale: float) -> RenderableType:
    said = receipt.get("transcript") or ("silence" if receipt["outcome"] == "silence" else "…")
    ttfa_ms = receipt.get("ttfa_ms")
    heading = Text.assemble(
        (f"{receipt['turn']:>3}  ", "bold"), (str(said), "bold"), (f"  {receipt['outcome']}", "dim")
    )
    if receipt.get("wake_ms") is not None:
        heading.append(f"  wake {receipt['wake_ms']:+d} ms", "dim")
    if ttfa_ms is not None:
        heading.append(f"  first sound {ttfa_ms} ms")
    rows = Table.grid(padding=(0, 1))
    rows.add_column(justify="right", width=19, style="dim")
    rows.add_column(width=BAR)
    rows.add_column(justify="right", width=9)
    reached = 0
    for stage, added in receipt["stages_ms"].items():
        if stage not in STAGE_WORDS or receipt["at_ms"].get(stage) is None:
            continue
        blamed = stage == receipt.get("blame")
        bar = Text(" " * round(reached / scale))
        bar.append("━" * max(1, round(added / scale)), "bold red" if blamed else COLOURS[LANE_OF[stage]])
        rows.add_row(
            STAGE_WORDS[stage], bar, Text(f"+{added} ms" if added >= 0 else f"{added} ms", "bold" if blamed else "")
        )
        reached = max(reached, receipt["at_ms"][stage])
    return Group(heading, rows) if rows.row_count else heading
