"""`voice-agent run`: what systemd starts."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from agent.daemon.signals import Signals


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE")
    parser.add_argument("--mic", metavar="DEVICE", help='instead of audio.mic.device; "file:x.wav" plays a file')
    parser.add_argument("--speaker", metavar="DEVICE", help="instead of audio.speaker.device")


def run(args: argparse.Namespace) -> int:
    signals = Signals()
    signals.take()
    # From here on a stop is obeyed; all that takes time is imported after it.
    from agent import config_file
    from agent.cli import output
    from agent.config import Config

    file = args.config or next((path for path in config_file.default_paths() if path.exists()), None)

    def load(settings: Mapping[str, object]) -> Config:
        return config_file.load(file, overrides(args), settings)

    config = load({})
    for warning in config_file.warnings(config):
        output.note(f"warning: {warning}")
    from agent.daemon.daemon import main

    return main(config, load, signals, file)


def overrides(args: argparse.Namespace) -> dict[str, object]:
    """What --mic and --speaker change, where the command has them."""
    keys = {"mic": "audio.mic.device", "speaker": "audio.speaker.device"}
    return {key: vars(args)[option] for option, key in keys.items() if vars(args).get(option)}
