"""What commands print: data on stdout, everything for people's eyes on stderr; colours and bars only on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from agent.cli.fetch import Progress


class UsageError(Exception):
    """The command line asks for something it cannot mean: exit code 2."""


class Unavailable(Exception):
    """A device or an engine cannot be had now: exit code 75."""


def note(text: str) -> None:
    """Something for the person, not for the next program in a pipe."""
    print(text, file=sys.stderr)


def data(value: object) -> None:
    """One JSON value, as one line when piped."""
    print(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None), flush=True)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A rich table on a terminal; tab-separated values, without a head, in a pipe."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=title, title_justify="left")
    for column in columns:
        grid.add_column(column)
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    Console().print(grid)


@contextmanager
def bar(title: str) -> Iterator[Progress]:
    """A progress bar for bytes on stderr, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total or None)


def confirmed(question: str) -> bool:
    """Ask a person; nobody at the terminal means no."""
    if not sys.stdin.isatty():
        return False
    note(question)
    return input("[y/N] ").strip().lower() in ("y", "yes")


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size else "?"


class Transcript:
    """Partials and finals: JSON lines; or, on a terminal, a line that changes until it is final; piped, finals only."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self._live = sys.stdout.isatty()

    def show(self, final: bool, text: str) -> None:
        if self._json:
            print(json.dumps({"type": "final" if final else "partial", "text": text}, ensure_ascii=False), flush=True)
        elif self._live:
            end = "\n" if final and text else ""
            print(f"\r\x1b[K{text if final else f'{text} …'}", end=end, flush=True)
        elif final and text:
            print(text, flush=True)
