"""What every check is given, and how a check asks the system's own tools."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.config import Config

TOOL_S = 5.0


@dataclass(frozen=True, slots=True)
class Context:
    """`sound`: whether the speaker may be heard; `say`: told what is being done, for those who wait.

    `root`: where /proc, /sys and /etc are looked for.
    """

    config: Config
    sound: bool
    say: Callable[[str], None]
    root: Path = Path("/")

    def text(self, path: str) -> str:
        """The contents of a small file of the system, stripped; "" where it cannot be read."""
        try:
            return (self.root / path.lstrip("/")).read_bytes().decode(errors="replace").strip("\0 \n")
        except OSError:
            return ""


def printed(*command: str) -> str | None:
    """What a tool of the system prints; None where it is missing, fails or does not end."""
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=TOOL_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
