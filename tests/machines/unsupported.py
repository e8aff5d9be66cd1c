"""What a host needs to boot a Debian system, and the error of one that cannot."""

from __future__ import annotations

import os
from pathlib import Path

from agent.lab.processes import PackagesMissing, require

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "setpriv": "util-linux",
}


class Unsupported(RuntimeError):
    """This host cannot do it; the text says why and, where there is one, what helps."""


def require_host() -> None:
    """Raises Unsupported."""
    if os.geteuid() != 0:
        raise Unsupported("systems are booted as root only")
    try:
        require(PROGRAMS)
    except PackagesMissing as missing:
        raise Unsupported(str(missing)) from None
    if "overlay" not in Path("/proc/filesystems").read_text():
        raise Unsupported("the kernel has no overlay file system; run: modprobe overlay")


def control_group(name: str) -> Path | None:
    """A new group of its own in the host's unified hierarchy; None where it has none. Raises Unsupported."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, folder, kind, *_ = line.split()
        if kind == "cgroup2":
            group = Path(folder) / name
            try:
                group.mkdir()
            except OSError as error:
                raise Unsupported(f"no control group can be made: {error}") from None
            return group
    return None
