"""`voice-agent devices`: the names to configure, which stay the same when cards are renumbered."""

from __future__ import annotations

import argparse

from agent.audio import alsa
from agent.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    found = [("microphone", device) for device in alsa.devices("capture")]
    found += [("speaker", device) for device in alsa.devices("playback")]
    if args.json:
        output.data([{"use": use, "name": each.name, "description": each.description} for use, each in found])
        return 0
    rows = [(use, each.name, each.description) for use, each in found]
    output.table("Audio devices", ("use", "name", "what it is"), rows)
    if not found:
        output.note("ALSA knows no device; is the user in the group audio, is a sound server running?")
    return 0
