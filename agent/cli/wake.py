"""`voice-agent wake tune`: say the wake word some times, see what it scores, get a threshold proposed."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from agent import config_file
from agent.cli import output
from agent.cli.output import Unavailable, UsageError
from agent.cli.run import overrides
from agent.config import Config
from agent.doctor import report
from agent.fitting import document, recorded, screen, tuning
from agent.fitting.firstrun import STOP
from agent.fitting.microphone import MicrophoneTrouble
from agent.fitting.saying import Goal, Unheard, collect
from agent.fitting.tuning import Tuned
from agent.hearing import wakewords
from agent.hearing.wake import WakeModelError

MOST_TIMES = 100


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    tune = actions.add_parser("tune", help="say it ten times: is it heard, and which threshold suits")
    tune.add_argument("--word", metavar="NAME", help="which of the wake words; the first")
    tune.add_argument("--times", type=int, default=10, metavar="N", help="how often it will be said; 10")
    tune.add_argument("--config", type=Path, metavar="FILE")
    tune.add_argument("--mic", metavar="DEVICE", help='instead of audio.mic.device; "file:x.wav" plays a file')
    tune.add_argument("--scores", type=Path, metavar="FILE", help="the recorded scores, where they are not found")
    tune.add_argument("--write", action="store_true", help="put the proposed threshold into the configuration")
    tune.add_argument("--json", action="store_true", help="the result as JSON, on stdout")


def run(args: argparse.Namespace) -> int:
    if not 1 <= args.times <= MOST_TIMES:
        raise UsageError(f"--times takes 1 to {MOST_TIMES}")
    config = config_file.load(args.config, overrides(args))
    if args.write:
        document.check_writable(document.target(args.config))  # before anybody has said it ten times
    try:
        engine = wakewords.load(config)
    except WakeModelError as error:
        raise config_file.ConfigError(config_file.Problem("wake", str(error), "")) from error
    word = _word(args.word, engine.thresholds)
    goal = Goal(word, args.times, engine.thresholds[word])
    output.note(f'Say "{goal.spoken}" {goal.times} times, from where you usually are. Ctrl-C ends it.')
    try:
        attempts = collect(config, engine, goal, screen.console(stderr=True))
    except MicrophoneTrouble as trouble:
        raise Unavailable(f"{trouble}{_holder()}") from trouble
    except Unheard as nothing:
        raise Unavailable(
            f"{nothing}; {nothing.remedy or '`voice-agent setup` finds microphone and gain'}"
        ) from nothing
    known, remark = recorded.load(config, word, args.scores)
    if remark:
        output.note(remark)
    _show(tuning.judge(word, goal.threshold, attempts, known), args, config)
    return 0


def _holder() -> str:
    """Who may well have the microphone: on a device in use it is the service itself."""
    running = report.running()
    return f"; voice-agent is running (process {running.pid}): {STOP}, start it again afterwards" if running else ""


def _word(wanted: str | None, thresholds: Mapping[str, float]) -> str:
    if wanted is None:
        return next(iter(thresholds))
    name = wanted.replace(" ", "_")
    if name not in thresholds:
        raise UsageError(f'"{wanted}" is no wake word of the configuration; there is {", ".join(thresholds)}')
    return name


def _show(tuned: Tuned, args: argparse.Namespace, config: Config) -> None:
    if args.json:
        output.data(tuned.as_json())
    else:
        screen.console(stderr=True).print(tuning.summary(tuned))
    if not tuned.differs:
        return
    path = document.target(args.config)
    if args.write or (not args.json and output.confirmed(f"Write threshold {tuned.proposal.threshold:g} to {path}?")):
        document.check_writable(path)
        backup = document.replace(path, document.changed(document.read(path), _changes(tuned, config)))
        kept = f" (the old file is {backup.name})" if backup else ""
        output.note(f"written to {path}{kept}; it holds from the next start: `sudo systemctl restart voice-agent`")


def _changes(tuned: Tuned, config: Config) -> document.Changes:
    return tuning.changes(config, tuned.word, tuned.proposal.threshold)
