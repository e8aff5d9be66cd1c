"""Benches: figures of the real parts in the room, as JSON for programs and as a table for people.

Every bench is a module of this folder with `run(progress) -> Figures` and `BARS`, what its figures have to reach. Its
docstring says what exactly each key means; one whose figures are no list has a `render(figures)` for people. Every
object also has:

    bench, version, machine, at (RFC 3339), config (hash of the agent's configuration that was used),
    reference_ms: CPU time of one fixed Piper sentence on this machine, now; with it, and care, figures may be compared
    between machines. Null where no Piper voice is installed.

Progress goes to stderr. Exit codes: 0, also where a bar is missed; 2 for an unknown bench; 75 where one could not run;
78 where packages or models are missing.
"""

from __future__ import annotations

import importlib
import json as json_module
import sys
from collections.abc import Sequence
from types import ModuleType

from rich.console import Console

from agent.lab.bench.report import Progress, complete, table
from agent.lab.broker import BrokerFailed
from agent.lab.playing import SoundLost
from agent.lab.processes import PackagesMissing
from agent.lab.pulse import PulseFailed
from agent.lab.resident import ResidentFailed
from agent.lab.visitor import VoiceFailed
from agent.models import ModelMissing

NAMES = (
    "capture",
    "wake",
    "first-word",
    "endpoint",
    "rivals",
    "asr",
    "tts",
    "ttfa",
    "idle",
    "guests",
    "start",
    "mqtt",
    "noise",
    "bargein",
    "selfwake",
    "intents",
    "capture-paths",
)
DONE, USAGE, TEMPORARY, MISSING = 0, 2, 75, 78


def main(names: Sequence[str], json: bool) -> int:
    """Run benches by name, or "all"; returns the exit code."""
    console = Console(stderr=True)
    wanted = list(NAMES) if "all" in names else list(names)
    for name in wanted:
        if name not in NAMES:
            console.print(f"voice-agent bench: no bench {name}; there are {', '.join(NAMES)}", highlight=False)
            return USAGE
    try:
        for name in wanted:
            _bench(name, json, console)
    except (PackagesMissing, ModelMissing) as error:
        console.print(f"voice-agent bench: {error}", highlight=False, markup=False, soft_wrap=True)
        return MISSING
    except (BrokerFailed, PulseFailed, ResidentFailed, SoundLost, TimeoutError, VoiceFailed) as error:
        console.print(f"voice-agent bench: {error}", highlight=False, markup=False, soft_wrap=True)
        return TEMPORARY
    return DONE


def _bench(name: str, json: bool, console: Console) -> None:
    module: ModuleType = importlib.import_module(f"agent.lab.bench.{name.replace('-', '_')}")
    with Progress(name, console) as progress:
        figures = complete(name, module.run(progress), progress)
    if json:
        sys.stdout.write(json_module.dumps(figures, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    else:
        Console().print(module.render(figures) if hasattr(module, "render") else table(name, figures, module.BARS))
