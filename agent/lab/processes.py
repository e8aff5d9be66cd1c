"""Processes of the lab: started so that none outlives its owner, ended by their id.

- Each is a session of its own, so that Ctrl-C reaches only us and we end them in the right order.
- `setpriv --pdeathsig` (util-linux) lets the kernel end it where we die without a chance to clean up. The kernel
  means the *thread* that started it (prctl(2), PR_SET_PDEATHSIG): start rooms from a thread that lives on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO


class PackagesMissing(RuntimeError):
    """Programs of Debian packages are not installed; the text holds the command that installs them."""


def which(program: str) -> str | None:
    """Where the program is. Debian keeps servers in /usr/sbin, which a user's PATH may lack."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def require(packages: Mapping[str, str]) -> None:
    """`packages`: program -> Debian package. Raises PackagesMissing, naming all that is missing at once."""
    missing = {program: package for program, package in packages.items() if which(program) is None}
    if missing:
        names = " ".join(sorted(set(missing.values())))
        raise PackagesMissing(f"{', '.join(sorted(missing))} not found; run: sudo apt-get install -y {names}")


def spawn(
    command: Sequence[str],
    env: Mapping[str, str],
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = subprocess.DEVNULL,
    stderr: int | IO[bytes] | None = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a process that dies with the calling thread, in a session of its own."""
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *command],
        env=dict(env),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        bufsize=0,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes], grace_s: float = 2.0) -> int:
    """Ask the process to end, insist after `grace_s`, reap it, close its pipes; its exit status. Idempotent."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    return process.wait()
