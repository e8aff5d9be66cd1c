"""`voice-agent setup`: the first run, for a person at a terminal; or from a file of answers, for operators."""

from __future__ import annotations

import argparse
import signal
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomlkit
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from agent.cli import check, output
from agent.cli.fetch import FetchFailed, WrongFile
from agent.cli.install import Busy, Installer
from agent.cli.output import Unavailable, UsageError
from agent.cli.unpack import BadArchive
from agent.fitting import document, firstrun, screen
from agent.fitting.asking import Asker, Person, Prepared, Trouble
from agent.fitting.draft import Draft
from agent.fitting.languages import NotInstalled
from agent.models import Model

UNITS = (Path("/etc/systemd/system/voice-agent.service"), Path("/usr/lib/systemd/system/voice-agent.service"))
NO_TERMINAL = (
    "setup asks questions and needs a terminal: run it there (ssh -t …), or give the answers in a file, "
    "`voice-agent setup --answers FILE` (keys as in config.toml), or take all defaults with --yes"
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="the file to write, instead of the usual one")
    parser.add_argument(
        "--answers", type=Path, metavar="FILE", help="ask nothing: keys as in config.toml, the rest stays as it is"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing: what is configured, or the defaults")


def run(args: argparse.Namespace) -> int:
    prepared = args.yes or args.answers is not None
    if not prepared and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(NO_TERMINAL)
    console = screen.console()
    asker: Asker = Prepared(console) if prepared else Person(console)
    path = document.target(args.config)
    try:
        document.check_writable(path)
        with _interruptible(), Draft(path) as draft:
            for key, value in _answers(args.answers):
                draft.set(key, value)
            draft.config  # noqa: B018 - wrong answers end it before anything is tried
            firstrun.walk(draft, asker, lambda model: _install(model, asker))
            return _finish(draft, asker)
    except Trouble as error:
        raise Unavailable(str(error)) from error
    except (KeyboardInterrupt, EOFError):
        console.print("\n\n Nothing was changed.")
        return 130


@contextmanager
def _interruptible() -> Iterator[None]:
    """A lost connection ends it as Ctrl-C does: nothing is left behind."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _answers(path: Path | None) -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values. Raises UsageError, OSError."""
    if path is None:
        return
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    yield from _flat(document, "")


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _install(model: Model, asker: Asker) -> None:
    """Raises NotInstalled."""
    if not model.verified:
        sources = ", ".join(file.url or file.package for file in model.files)
        asker.console.print(screen.hint(f"it comes from {sources}; its checksum is not known for sure"))
        if not asker.yes("Install it all the same?", False):
            raise NotInstalled(f"{model.name} was not installed; `voice-agent models install {model.name}` does it")
    try:
        with output.bar(model.name) as progress:
            Installer(progress).install(model)
    except (FetchFailed, WrongFile, BadArchive, Busy, OSError) as error:
        raise NotInstalled(f"{model.name} was not installed: {error}") from error


def _finish(draft: Draft, asker: Asker) -> int:
    """Show, write, check, and say what comes next."""
    console = asker.console
    if not draft.changes and not draft.secrets and not draft.new:
        console.print("\n", screen.good(f"{draft.path} stays as it is"))
        return _check(draft, asker)
    text = document.changed(document.read(draft.path), draft.changes)
    shown = tomlkit.dumps(document.nested(draft.changes)).strip() or "# all as by default"
    code = Syntax(shown, "toml", theme="ansi_dark", background_color="default", word_wrap=True)
    console.print("", Panel(code, title=f"what is new in {draft.path.name}", title_align="left", border_style="cyan"))
    console.print(screen.hint("all other keys are as they were; `voice-agent config` shows them"))
    for name in draft.secrets:
        console.print(screen.hint(f"and the credential {name}, for its owner only"))
    if not asker.yes("Write it?", True):
        console.print(" Nothing was changed.")
        return 0
    kept = draft.write_secrets()
    backup = document.replace(draft.path, text)
    console.print(screen.good(f"written: {draft.path}" + (f" (the old one is {backup.name})" if backup else "")))
    for path in kept:
        console.print(screen.good(f"written: {path}"))
    return _check(draft, asker)


def _check(draft: Draft, asker: Asker) -> int:
    problems = list(check.problems_of(document.load(draft.path)))
    for problem in problems:
        asker.console.print(screen.bad(problem))
    if problems:
        asker.console.print(screen.hint("put that right, then: voice-agent check"))
        return 78
    asker.console.print(screen.good("configuration and models are fine"))
    asker.console.print()
    asker.console.print(Text.assemble(" Next:  ", (_next(draft), "bold")), soft_wrap=True)  # to be copied in one piece
    asker.console.print()
    return 0


def _next(draft: Draft) -> str:
    usual = draft.path == document.target(None)
    if usual and draft.path.is_relative_to("/etc") and any(unit.exists() for unit in UNITS):
        return "sudo systemctl enable --now voice-agent && sudo systemctl restart voice-agent"
    return "voice-agent run" if usual else f"voice-agent run --config {draft.path}"
