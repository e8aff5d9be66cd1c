"""`voice-agent panel test`: each look on the lights in turn, and every press, to check the wiring with."""

from __future__ import annotations

import argparse
import queue
import time
from pathlib import Path

from agent import clock, config_file
from agent.cli import output
from agent.events import Event, MuteSwitched, Pressed
from agent.panel.check import problems
from agent.panel.look import Scene, look
from agent.panel.room import Panel

SCENES = {
    "starting": Scene(starting=True),
    "listening": Scene(phase="listening"),
    "thinking": Scene(phase="thinking"),
    "speaking": Scene(phase="speaking"),
    "microphone off": Scene(mic_off=True),
    "speaking, microphone off": Scene(phase="speaking", mic_off=True),
    "trouble": Scene(trouble=True),
    "broker or language model away": Scene(offline=True),
    "idle": Scene(),
}


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    test = actions.add_parser("test", help="show each look, then print presses; stop the service first")
    test.add_argument("--config", type=Path, metavar="FILE")
    test.add_argument("--look-s", type=float, default=3.0, metavar="S", help="how long each look is shown (3)")
    test.add_argument("--press-s", type=float, default=30.0, metavar="S", help="how long presses are waited for (30)")


def run(args: argparse.Namespace) -> int:
    config = config_file.load(args.config).panel
    if config.empty:
        raise output.UsageError('nothing is wired: set [panel] board, such as "respeaker-2mic", or the pins')
    faults = problems(config)
    if faults:
        raise output.Unavailable("\n".join(faults))
    wired = config.wired
    told: queue.SimpleQueue[Event | str] = queue.SimpleQueue()
    panel = Panel(config, told.put, clock.now, told.put)
    panel.start()
    try:
        told.get()  # what the switch counts as before it has been read
        if wired.lights != "none":
            _looks(panel, told, args.look_s)
        if wired.button.pin is not None or wired.mute_switch.pin is not None:
            output.note("now press the button, slide the switch (Ctrl-C ends)")
            _print(told, args.press_s)
    finally:
        panel.stop()
    return 0


def _looks(panel: Panel, told: queue.SimpleQueue[Event | str], seconds: float) -> None:
    for name, scene in SCENES.items():
        shown = look(scene)
        print(f"lights\t{name}\t{shown.motion if shown.level else 'dark'}\trgb {shown.colour}", flush=True)
        panel.show(scene)
        _print(told, seconds)


def _print(told: queue.SimpleQueue[Event | str], seconds: float) -> None:
    """What the pins tell within that time."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            event = told.get(timeout=left)
        except queue.Empty:
            return
        match event:
            case Pressed(action=action):
                print(f"button\t{action}", flush=True)
            case MuteSwitched(on=on, fault=fault):
                print(f"switch\t{'microphone off' if on else 'microphone on'}\t{fault}", flush=True)
            case str():
                raise output.Unavailable(event)
            case _:
                pass
