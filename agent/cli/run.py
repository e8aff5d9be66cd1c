"""`voice-agent run`: what systemd starts."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent import config_file
from agent.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE")
    parser.add_argument("--mic", metavar="DEVICE", help='instead of audio.mic.device; "file:x.wav" plays a file')
    parser.add_argument("--speaker", metavar="DEVICE", help="instead of audio.speaker.device")


def run(args: argparse.Namespace) -> int:
    config = config_file.load(args.config, overrides(args))
    for warning in config_file.warnings(config):
        output.note(f"warning: {warning}")
    from agent.daemon.daemon import main

    return main(config)


def overrides(args: argparse.Namespace) -> dict[str, object]:
    """What --mic and --speaker change, where the command has them."""
    keys = {"mic": "audio.mic.device", "speaker": "audio.speaker.device"}
    return {key: vars(args)[option] for option, key in keys.items() if vars(args).get(option)}
