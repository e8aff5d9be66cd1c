"""What a person sees while the agent is fitted: headings, meters, tables. 80 columns are enough for all of it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

WIDTH = 80
LOWEST_DBFS, TOO_LOUD_DBFS, SOFT_DBFS = -72.0, -6.0, -50.0
SILENT_DBFS = -99.0
BAR = 44
EIGHTHS = " ▏▎▍▌▋▊▉"


def console(stderr: bool = False) -> Console:
    """Not wider than people like to read."""
    made = Console(stderr=stderr, highlight=False)
    made.width = min(made.width, WIDTH)
    return made


def heading(number: int, of: int, title: str, purpose: str) -> RenderableType:
    line = Text.assemble((f" {number}/{of} ", "bold black on cyan"), "  ", (title, "bold cyan"))
    below = [Padding(Text(purpose, "dim"), (0, 0, 0, 1))] if purpose else []
    return Group("", line, *below, "")


def good(text: str) -> RenderableType:
    return _marked("✔", "green", text)


def bad(text: str) -> RenderableType:
    return _marked("✘", "red", text)


def hint(text: str) -> RenderableType:
    return _marked("·", "dim", text, "dim")


def _marked(mark: str, colour: str, text: str, style: str = "") -> RenderableType:
    """What does not fit into the line goes on below its own beginning."""
    grid = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_row("", Text(mark, colour), Text(text, style))
    return grid


def options(rows: Sequence[tuple[str, str]], default: int) -> RenderableType:
    """Numbered from 1; each with a name and what it is."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for number, (name, meaning) in enumerate(rows, 1):
        chosen = number == default
        label = Text(f"{number:>4}", "bold cyan" if chosen else "cyan")
        grid.add_row(label, Text(name, "bold" if chosen else ""), Text(meaning, "dim"))
    return grid


def bar(share: float, style: str, mark: float | None = None, width: int = BAR) -> Text:
    """A bar with a share (0..1) of it filled, to an eighth of a character; `mark`: where a line stands."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    whole, rest = divmod(eighths, 8)
    filled = "█" * whole + (EIGHTHS[rest] if rest else "")
    text = Text(filled.ljust(width), style)
    text.stylize("on grey15")
    if mark is not None:
        at = min(round(mark * width), width - 1)
        under = "on grey15" if at >= whole else f"on {style}"
        text = Text.assemble(text[:at], ("│", f"bold white {under}"), text[at + 1 :])
    return text


def level_bar(dbfs: float) -> Text:
    """A level, green where speech should be."""
    style = "red" if dbfs > TOO_LOUD_DBFS else "green" if dbfs > SOFT_DBFS else "grey50"
    return bar((dbfs - LOWEST_DBFS) / -LOWEST_DBFS, style)


def decibels(level: float) -> str:
    """With a true minus, and nothing where nothing is heard."""
    return "silent" if level <= SILENT_DBFS else f"{level:.0f} dB".replace("-", "−")


def meters(rows: Sequence[tuple[str, Text, str]]) -> RenderableType:
    """(name, bar, value) each."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=9, justify="right", style="dim")
    grid.add_column(width=BAR)
    grid.add_column()
    for row in rows:
        grid.add_row(*row)
    return grid


def keys_line(*keys: tuple[str, str]) -> Text:
    """("r", "once more"), …"""
    text = Text("   ")
    for key, meaning in keys:
        text.append(f" {key} ", "reverse dim").append(f" {meaning}   ", "dim")
    return text
