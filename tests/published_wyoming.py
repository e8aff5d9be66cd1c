"""Servers that others have published, in an environment of their own below .cache; made when first wanted."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sick_server import closed_port

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".cache" / "wyoming"
STAMP = FOLDER / "piper-2.5.2"
PACKAGES = ("wyoming-piper==2.5.2",)
UP_S = 60.0


class NotPublished(Exception):
    """Why there is no such server on this machine."""


def python() -> Path:
    """The environment's. Raises NotPublished."""
    program = FOLDER / "bin" / "python"
    if not STAMP.exists():
        commands = (
            [sys.executable, "-m", "venv", str(FOLDER)],
            [str(program), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *PACKAGES],
        )
        for command in commands:
            made = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
            if made.returncode:
                said = (made.stderr.strip() or "nothing").splitlines()[-1]
                raise NotPublished(f"{PACKAGES[0]} cannot be installed: {said}")
        STAMP.touch()
    return program


@contextmanager
def piper(voice: Path, folder: Path) -> Iterator[str]:
    """wyoming-piper with this .onnx as its only voice; its address. Raises NotPublished."""
    program = python()
    for path in (voice, Path(f"{voice}.json")):
        shutil.copy(path, folder)
    (folder / "voices.json").write_text(json.dumps({}))
    uri = f"tcp://127.0.0.1:{closed_port()}"
    command = [str(program), "-m", "wyoming_piper", "--voice", voice.stem, "--uri", uri, "--data-dir", str(folder)]
    with subprocess.Popen([*command, "--local-files-only"], stderr=subprocess.PIPE, text=True) as process:
        try:
            _await(uri, process)
            yield uri
        finally:
            process.kill()


def _await(uri: str, process: subprocess.Popen[str]) -> None:
    port, until = int(uri.rpartition(":")[2]), time.monotonic() + UP_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    process.kill()
    raise NotPublished(f"wyoming-piper does not start: {(process.communicate()[1] or '').strip()[-300:]}")
