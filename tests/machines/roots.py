"""The folders below a machine: a bare Debian, unpacked once from what `deploy/bundle/root.sh` makes.

They lie in .cache/roots (or $VOICE_AGENT_ROOTS) and are never written to again: machines are overlays on them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from machines.unsupported import Unsupported, require_host

Release = Literal["bookworm", "trixie"]
RELEASES: tuple[Release, ...] = ("bookworm", "trixie")

PROJECT = Path(__file__).parents[2]
ROOT_SCRIPT = PROJECT / "deploy/bundle/root.sh"
MAKE_S = 1800.0
KEEP_S = 86_400.0


def cache() -> Path:
    """Where systems are kept from run to run."""
    folder = Path(os.environ.get("VOICE_AGENT_ROOTS") or PROJECT / ".cache/roots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One process at a time makes what has this name."""
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def architecture() -> str:
    """This host's, as Debian calls it."""
    done = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


def base(release: Release) -> Path:
    """The folder of a bare system; made where it is not there (some minutes, from the network). Raises Unsupported."""
    require_host()
    arch = architecture()
    made = subprocess.run(
        ["bash", str(ROOT_SCRIPT), release, arch], capture_output=True, text=True, timeout=MAKE_S, check=False
    )
    if made.returncode != 0:
        raise Unsupported(f"no Debian {release} to boot: {made.stderr.strip()[-500:]}")
    tar = Path(made.stdout.strip())
    stamp = f"{tar.stat().st_mtime_ns}"
    folder = cache() / f"{release}-{arch}-{stamp}"
    with locked(f"{release}-{arch}-folder"):
        if not folder.is_dir():
            _unpack(tar, folder)
            forget_old(f"{release}-{arch}-[0-9]*")
    return folder


def forget_old(pattern: str) -> None:
    """Remove such folders, but for the newest: another machine may still stand on one that was made today."""
    found = sorted((path for path in cache().glob(pattern) if path.is_dir()), key=lambda path: path.stat().st_ctime)
    for old in found[:-1]:
        if old.stat().st_ctime < time.time() - KEEP_S:
            shutil.rmtree(old)


def _unpack(tar: Path, folder: Path) -> None:
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    command = ["tar", "-C", str(part), "-xpf", str(tar), "--numeric-owner", "--xattrs", "--xattrs-include=*"]
    subprocess.run(command, check=True, timeout=600)
    part.rename(folder)
