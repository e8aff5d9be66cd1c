"""`voice-agent demo`: the whole job, played by real parts; see `agent.lab.demo`."""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--asr", choices=["vosk", "moonshine"], help="recogniser; default: the best that is installed")
    parser.add_argument("--language", metavar="CODE", help="en (default) or ko")
    parser.add_argument("--mic", metavar="DEVICE", help="a real microphone: you speak")
    parser.add_argument("--speaker", metavar="DEVICE", help="a real speaker")
    parser.add_argument("--out", type=Path, default=Path("demo-out"), metavar="FOLDER", help="default: demo-out")
    parser.add_argument("--download", action="store_true", help="get Vosk's model of the language first")
    parser.add_argument("--json", action="store_true", help="the receipts, one a line")


def run(args: argparse.Namespace) -> int:
    from agent.lab.demo import DemoOptions, main

    options = DemoOptions(
        json=args.json,
        asr=args.asr,
        language=args.language,
        mic=args.mic,
        speaker=args.speaker,
        out=args.out,
        download=args.download,
    )
    return main(options)
