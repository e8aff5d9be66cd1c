"""The stage: what a person sees of the demo while it runs. Live on a terminal, line by line elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from agent.lab.timeline import STAGE_WORDS, Notice
from agent.lab.verdict import Check

OUTCOME_STYLE = {"answered": "green", "interrupted": "yellow", "silence": "dim", "failed": "bold red"}


@dataclass(frozen=True, slots=True)
class Row:
    """One turn as it goes. `heard` may still change until `final`."""

    title: str
    said: str
    turn: int | None = None
    heard: str = ""
    final: bool = False
    answer: str = ""
    receipt: Mapping[str, Any] | None = None


class Stage:
    """`notice` may be called from any thread (rich's Live locks); everything else from the one that runs the demo."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: tuple[Row, ...] = ()
        self._status = ""
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self._picture, console=console, refresh_per_second=8, transient=False)

    def __enter__(self) -> Stage:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status = ""
        if self._console.is_terminal:
            self._live.stop()

    def status(self, text: str) -> None:
        """What is going on now."""
        self._status = text
        if text and not self._console.is_terminal:
            self._console.print(text, highlight=False, soft_wrap=True)

    def begin(self, title: str, said: str) -> None:
        """The visitor begins to speak."""
        self._rows = (*self._rows, Row(title, said))

    def notice(self, notice: Notice) -> None:
        """Something the agent published."""
        if notice.turn is None:
            return
        index = next((i for i, row in enumerate(self._rows) if row.turn == notice.turn), None)
        if index is None and notice.topic == "event/wake" and self._rows and self._rows[-1].turn is None:
            index = len(self._rows) - 1
        if index is not None:
            rows = list(self._rows)
            rows[index] = updated(replace(rows[index], turn=notice.turn), notice)
            self._rows = tuple(rows)
            if notice.topic == "turn" and not self._console.is_terminal:
                self._console.print(line(rows[index]), highlight=False, soft_wrap=True)

    def _picture(self) -> RenderableType:
        parts: list[RenderableType] = [table(self._rows)] if self._rows else []
        if self._status:
            self._spinner.update(text=Text(self._status))
            parts.append(self._spinner)
        return Group(*parts)


def updated(row: Row, notice: Notice) -> Row:
    """The row, when this has happened."""
    match notice.topic:
        case "transcript":
            return replace(row, heard=str(notice.data["text"]), final=bool(notice.data["final"]))
        case "reply":
            return replace(row, answer=str(notice.data["heard"] or notice.data["text"]))
        case "turn":
            return replace(row, receipt=notice.data)
        case _:
            return row


def table(rows: Sequence[Row]) -> Table:
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", expand=True)
    grid.add_column("turn", justify="right")
    grid.add_column("the visitor says", ratio=3)
    grid.add_column("the agent hears", ratio=3)
    grid.add_column("the agent says", ratio=5)
    grid.add_column("first sound", justify="right", no_wrap=True)
    grid.add_column("most of it", no_wrap=True)
    grid.add_column("outcome", no_wrap=True)
    for row in rows:
        number = str(row.turn) if row.turn is not None else "…"
        heard = Text(row.heard, "" if row.final else "italic dim")
        grid.add_row(number, Text(row.said), heard, Text(row.answer), *_facts(row.receipt))
    return grid


def _facts(receipt: Mapping[str, Any] | None) -> tuple[Text, Text, Text]:
    if receipt is None:
        return Text(), Text(), Text()
    outcome = str(receipt["outcome"])
    first = f"{receipt['ttfa_ms']} ms" if receipt["ttfa_ms"] is not None else ""
    blame = STAGE_WORDS.get(str(receipt["blame"]), "")
    return Text(first), Text(blame), Text(outcome, OUTCOME_STYLE.get(outcome, ""))


def line(row: Row) -> Text:
    """A finished turn in one line."""
    first, blame, outcome = _facts(row.receipt)
    facts = ", ".join(str(fact) for fact in (outcome, first, blame) if str(fact))
    return Text(f"{row.turn}  {row.said}  |  heard: {row.heard or '-'}  |  says: {row.answer or '-'}  |  {facts}")


def verdict(checks: Sequence[Check]) -> RenderableType:
    """The checks, with the reasons of those that failed below them."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for check in checks:
        mark = Text("ok", "green") if check.ok else Text("FAILED", "bold red")
        grid.add_row(mark, Text(check.name), Text(check.found))
        for reason in check.reasons:
            grid.add_row("", "", Text(reason, "red"))
    return grid
