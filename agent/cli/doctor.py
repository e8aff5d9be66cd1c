"""`voice-agent doctor`: what is wrong with this device, and what to do about it.

On a terminal each check shows up on stderr as it ends, and a table follows; in a pipe there is a line a finding, with
tabs between severity, part, title, detail and remedy. Exit codes: 0 nothing has failed (warnings may be there), 78 the
configuration or a model is at fault, 75 anything else is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent import version
from agent.cli import output
from agent.cli.output import UsageError
from agent.doctor.examination import LIMITS_S, NEED_NO_CONFIG, PARTS, examine
from agent.doctor.finding import SEVERITIES, Finding, Severity, exit_code

if TYPE_CHECKING:
    from rich.status import Status
    from rich.table import Table

MARKS: dict[Severity, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "info": ("·", "cyan"),
    "warning": ("!", "yellow"),
    "failure": ("✗", "bold red"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-sound", action="store_true", help="play no chirps")
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument(
        "--wait", type=float, metavar="SECONDS", help="first wait until the running service hears; a failure if not"
    )


def run(args: argparse.Namespace) -> int:
    unknown = [part for part in args.only if part not in PARTS]
    if unknown:
        raise UsageError(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if args.wait is not None and not 0 <= args.wait <= 3600:
        raise UsageError("--wait takes seconds, at most 3600")
    with Progress() as progress:
        findings = [progress.found(finding) for finding in _all(args, progress)]
    code = exit_code(findings)
    if args.json:
        output.data(_document(findings, code))
    else:
        _show(findings)
    return code


def _all(args: argparse.Namespace, progress: Progress) -> Iterator[Finding]:
    from agent.doctor import configuration, report

    config, about_config = configuration.load(args.config)
    broken = any(finding.severity == "failure" for finding in about_config)
    if not args.only or "config" in args.only:
        progress.checking("config", "")
        yield from about_config
    if args.wait is not None:
        progress.checking("service", "")
        yield report.wait_until_hears(args.wait, lambda text: progress.checking("service", text))
    wanted = [part for part in LIMITS_S if not args.only or part in args.only]
    useful = [part for part in wanted if not broken or part in NEED_NO_CONFIG]
    if useful:
        yield from examine(config, useful, not args.no_sound, progress.checking)
    if left := [part for part in wanted if part not in useful]:
        shown = f"left out until it is correct: {', '.join(left)}"
        yield Finding("config", "info", "other checks", shown)


class Progress:
    """What is going on, on stderr: a moving line and each check as it ends; without a terminal, plain lines."""

    def __init__(self) -> None:
        self._part = ""
        self._worst: Severity = "ok"
        self._status: Status | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console

            console = Console(stderr=True, highlight=False)
            self._status = self._stack.enter_context(console.status(""))
        return self

    def __exit__(self, *_: object) -> None:
        self._ended()
        self._stack.close()

    def checking(self, part: str, doing: str) -> None:
        """A part begins, or goes on with something."""
        if part != self._part:
            self._ended()
            self._part, self._worst = part, "ok"
        if self._status:
            from rich.markup import escape

            self._status.update(f"{part}[dim]{escape(f': {doing}') if doing else ''}[/dim]")
        elif doing.startswith(("quiet", "waiting")):
            output.note(f"{part}: {doing}")

    def found(self, finding: Finding) -> Finding:
        self._worst = max(self._worst, finding.severity, key=SEVERITIES.index)
        return finding

    def _ended(self) -> None:
        if not self._part:
            return
        mark, colour = MARKS[self._worst]
        if self._status:
            self._status.console.print(f"[{colour}]{mark}[/] {self._part}")
        else:
            output.note(f"{self._part}: {self._worst}")


def _document(findings: Sequence[Finding], code: int) -> dict[str, object]:
    from agent.doctor.board import this_machine

    return {
        "ok": code == 0,
        "code": code,
        "findings": [finding.as_json() for finding in findings],
        "version": version(),
        "machine": this_machine(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _show(findings: Sequence[Finding]) -> None:
    if not sys.stdout.isatty():
        for finding in findings:
            print("\t".join((finding.severity, finding.part, finding.title, finding.detail, finding.remedy)))
        output.note(verdict(findings))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    console.print()
    console.print(table(findings))
    severities = {finding.severity for finding in findings}
    mark, colour = MARKS[next((worst for worst in ("failure", "warning") if worst in severities), "ok")]
    console.print(Text(f"\n{mark} {verdict(findings)}", style=colour))


def table(findings: Sequence[Finding]) -> Table:
    """A row a finding: mark, part (once), what, and what was found with what to do below it."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    grid.add_column(no_wrap=True, style="bold", min_width=8)
    grid.add_column(max_width=20)
    grid.add_column(ratio=1)
    part = ""
    for finding in findings:
        mark, colour = MARKS[finding.severity]
        calm = finding.severity in ("ok", "info")
        text = Text(finding.detail, style="" if calm else colour)
        if finding.remedy:
            text.append(f"\n→ {finding.remedy}", style="dim" if calm else "default")
        grid.add_row(Text(mark, style=colour), "" if finding.part == part else finding.part, Text(finding.title), text)
        part = finding.part
    return grid


def verdict(findings: Sequence[Finding]) -> str:
    """The whole in one line."""
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in SEVERITIES}
    failures, warnings = counts["failure"], counts["warning"]
    found = [_counted(failures, "failure"), _counted(warnings, "warning")]
    shown = " and ".join(text for text in found if text)
    if failures:
        where = dict.fromkeys(finding.part for finding in findings if finding.severity == "failure")
        return f"{shown}: look at {', '.join(where)} first."
    if warnings:
        return f"It works, with {shown}."
    return f"All is well, {_counted(counts['ok'], 'check')} passed." if counts["ok"] else "Nothing has failed."


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}" if count else ""
