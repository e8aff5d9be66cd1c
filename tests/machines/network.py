"""The host's way into its network, brought into a machine: name server, extra certificates, pip's settings.

Nothing of it is known to what is tested: a role that needs a certificate of this host's would fail elsewhere.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from machines.machine import Machine

Result = TypeVar("Result")
CERTIFICATES = Path("/usr/local/share/ca-certificates")
# Of `pip config list`: where packages are found and how they are reached; not how this host likes to see them.
PIP_KEYS = ("index-url", "extra-index-url", "find-links", "cert", "trusted-host", "proxy", "timeout")
CLONE_NEWNET = 0x40000000


def pip_settings() -> dict[str, str]:
    """What the host's pip uses, its environment included."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, timeout=60, check=True
    )
    found = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2]
        if key in PIP_KEYS:
            found[key] = value.strip("'\"")
    return found


def pip_folders(settings: dict[str, str]) -> list[Path]:
    """The host's folders that pip looks into; of an index its parent, since the files may lie beside it."""
    found = []
    for key in ("index-url", "extra-index-url", "find-links"):
        for word in settings.get(key, "").split():
            folder = Path(word.removeprefix("file://"))
            if folder.is_absolute() and folder.is_dir():
                found.append(folder if key == "find-links" else folder.parent)
    return found


def nspawn_options() -> list[str]:
    """For a machine that shares the host's network."""
    binds = [f"--bind-ro={folder}" for folder in pip_folders(pip_settings())]
    return ["--resolv-conf=replace-host", *binds]


def install(machine: Machine) -> None:
    """Certificates, and the settings of pip and apt."""
    certificates = sorted(CERTIFICATES.glob("**/*.crt")) if CERTIFICATES.is_dir() else []
    for certificate in certificates:
        machine.copy(certificate, f"{CERTIFICATES}/{certificate.name}", 0o644)
    if certificates:
        machine.run(["update-ca-certificates"])
    if settings := pip_settings():
        lines = [f"{key} = {' '.join(value.split())}" for key, value in sorted(settings.items())]
        machine.write("/etc/pip.conf", "\n".join(["[global]", *lines, ""]))
    proxies = [line for line in _apt_settings() if "::proxy" in line.lower()]
    if proxies:
        machine.write("/etc/apt/apt.conf.d/90host-proxy", "\n".join([*proxies, ""]))


def _apt_settings() -> list[str]:
    done = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.splitlines()


def inside(leader: int, work: Callable[[], Result]) -> Result:
    """Do `work` in the network of this process; sockets, and threads begun there, stay in it.

    A thread of its own enters: the network belongs to a thread, and this one wants to stay where it is.
    """

    def enter() -> Result:
        _enter(f"/proc/{leader}/ns/net")
        return work()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="network") as pool:
        return pool.submit(enter).result()


@contextmanager
def entered(leader: int) -> Iterator[None]:
    """This thread, and all threads and processes that it begins, live in the network of that process."""
    with open("/proc/thread-self/ns/net", "rb") as own:
        _enter(f"/proc/{leader}/ns/net")
        try:
            yield
        finally:
            _enter(f"/proc/self/fd/{own.fileno()}")


def _enter(namespace: str) -> None:
    with open(namespace, "rb") as opened:
        if ctypes.CDLL(None, use_errno=True).setns(opened.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
