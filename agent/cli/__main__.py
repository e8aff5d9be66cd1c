"""`voice-agent COMMAND`: finds the command, imports only what it needs, turns errors into a sentence and an exit code.

Exit codes: 0 done, 2 usage, 75 temporary (try again), 78 bad configuration or model, 70 internal error, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

from agent import version

COMMANDS = {
    "setup": "the first run: fit the agent to its room, its people and its house",
    "run": "run the agent",
    "demo": "see the whole job done on this machine, without a sound card",
    "check": "check the configuration and its models, and name every error at once",
    "config": "print the effective configuration, or an example",
    "devices": "list microphones and speakers",
    "panel": "try the lights, the button and the mute switch",
    "doctor": "examine this device, and say what is wrong and what to do",
    "say": "speak a text",
    "listen": "print what the recogniser hears",
    "wake": "tune a wake word: say it some times, get a threshold proposed",
    "timeline": "draw where the time of a turn went",
    "models": "list, install and verify models",
    "mic": "be microphone and speaker of an agent on another device",
    "mqtt": "let the broker and Home Assistant forget a device",
    "bench": "measure",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words[:1]
    try:
        code = _run(words[1:] if debug else words)
        sys.stdout.flush()  # while a broken pipe can still be caught
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter complains at exit (docs: library/signal)
        return 0
    except Exception as error:  # noqa: BLE001 - the outermost frame: whatever it is becomes an exit code
        if debug:
            traceback.print_exc()
        failure, text = _explain(error)
        print(f"voice-agent: {text}", file=sys.stderr)
        return failure


def _run(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "voice-agent",
        description="A private voice agent.",
        usage="voice-agent [--debug] COMMAND …",
        epilog="voice-agent COMMAND --help tells more.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error; comes first")
    commands = parser.add_subparsers(prog="voice-agent", dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in words if word in COMMANDS), "")
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose[0].upper() + purpose[1:] + ".")
        if name == chosen:
            importlib.import_module(f"agent.cli.{name}").configure(command)
    try:
        args = parser.parse_args(words)
    except SystemExit as leave:
        return int(leave.code or 0)
    code: int = importlib.import_module(f"agent.cli.{chosen}").run(args)
    return code


class _Version(argparse.Action):
    """Looks the version up only where it is asked for: it would delay the start of every command."""

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        print(f"voice-agent {version()}")
        parser.exit()


def _explain(error: Exception) -> tuple[int, str]:
    """(exit code, the sentence for the person)."""
    from agent.cli.fetch import FetchFailed, WrongFile
    from agent.cli.install import Busy
    from agent.cli.output import Unavailable, UsageError
    from agent.cli.unpack import BadArchive
    from agent.config_file import ConfigError
    from agent.credentials import CredentialError
    from agent.fitting.document import NotWritable
    from agent.models import ModelDamaged, ModelMissing
    from agent.speaking.tts import SpeechError

    match error:
        case UsageError():
            return 2, str(error)
        case ConfigError() | ModelMissing() | ModelDamaged() | WrongFile() | BadArchive() | CredentialError():
            return 78, str(error)
        case SpeechError():
            return 75, f"nothing can be said: {error}"
        case FetchFailed() | Busy() | Unavailable() | NotWritable() | OSError():
            return 75, str(error)
        case _:
            return 70, f"internal error: {type(error).__name__}: {error} (voice-agent --debug … shows where)"


if __name__ == "__main__":
    sys.exit(main())
