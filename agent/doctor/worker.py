"""The process that does the checks: `python -m agent.doctor.worker`, driven by `agent.doctor.examination`.

In:  a line of JSON {config, sound}, then the name of one check a line; the end of the input ends it.
Out: lines of JSON: {"say": text}, {"finding": {…}}, and {"done": name} at the end of a check.

A check that crashes takes this process with it, and what it wrote to stderr tells why; one that hangs (opening a sound
device can hold the interpreter for ever) is killed from outside. So only what the system refuses is caught here.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
from functools import partial
from typing import Any, TextIO

from agent.config import Config
from agent.doctor.context import Context
from agent.doctor.finding import Finding


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what native libraries print harms nothing
    logging.disable(logging.CRITICAL)  # findings tell; stderr is for the reason of a crash
    told = json.loads(sys.stdin.readline())
    say = partial(_say, answers)
    context = Context(Config(**told["config"]), told["sound"], say)
    for line in sys.stdin:
        name = line.strip()
        try:
            for finding in importlib.import_module(f"agent.doctor.{name}").examine(context):
                _tell(answers, {"finding": finding.as_json()})
        except OSError as error:
            _tell(answers, {"finding": _refused(name, error).as_json()})
        _tell(answers, {"done": name})


def _refused(part: str, error: OSError) -> Finding:
    """Somebody without rights may ask, too."""
    shown = f"{error.filename or 'the system'}: {error.strerror or error}"
    if isinstance(error, PermissionError):
        return Finding(part, "warning", "no access", shown, f"sudo voice-agent doctor --only {part}")
    return Finding(part, "failure", "broke off", shown, "dmesg tells what the kernel thinks of it")


def _say(answers: TextIO, text: str) -> None:
    _tell(answers, {"say": text})


def _tell(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
