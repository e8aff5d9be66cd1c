"""`voice-agent bench NAME|all`: see `agent.lab.bench`."""

from __future__ import annotations

import argparse
import importlib


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help='"all", or some of: capture wake first-word endpoint noise bargein selfwake rivals intents asr tts ttfa '
        "idle guests start mqtt capture-paths",
    )
    parser.add_argument("--json", action="store_true", help="one object a bench")


def run(args: argparse.Namespace) -> int:
    code: int = importlib.import_module("agent.lab.bench").main(args.names, args.json)
    return code
