"""The systems a bundle can be for, and which lines of the pinned requirements hold on each.

pip downloads for other systems (`--platform`), but reads the conditions behind ";" as if for its own: so the lines are
chosen here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
# Release: Python, and the second number of glibc's version.
RELEASES = {"bookworm": ("3.11", 36), "trixie": ("3.13", 41)}
OLDEST_GLIBC = 17  # of any wheel that pip still takes for "manylinux"


@dataclass(frozen=True, slots=True)
class Target:
    """A Debian release on an architecture, both in Debian's words."""

    release: str
    arch: str

    @property
    def name(self) -> str:
        return f"{self.release}-{self.arch}"

    @property
    def machine(self) -> str:
        return ARCHITECTURES[self.arch]

    @property
    def python(self) -> str:
        return RELEASES[self.release][0]

    def platforms(self) -> list[str]:
        """The platform tags of wheels that run there, the newest first (PEP 600)."""
        newest = RELEASES[self.release][1]
        tags = [f"manylinux_2_{minor}_{self.machine}" for minor in range(newest, OLDEST_GLIBC - 1, -1)]
        return [*tags, f"manylinux2014_{self.machine}", f"linux_{self.machine}"]

    def environment(self) -> dict[str, str]:
        """What the conditions of requirements are compared with (PEP 508)."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "platform_release": "",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
            "extra": "",
        }


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a lock file: `name` as it is written there, and the SHA-256 of the files it may be."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"

    def line(self, *more: str) -> str:
        """As pip reads it, with `more` hashes."""
        return " \\\n".join([self.requirement, *(f"    --hash=sha256:{each}" for each in (*self.hashes, *more))])


def pins(lock: Path, target: Target) -> list[Pin]:
    """What of the lock file holds there. Raises ValueError for a line that is not pinned."""
    return [pin for text in _logical_lines(lock) if (pin := _pin(text, target, lock))]


def _logical_lines(lock: Path) -> Iterator[str]:
    whole = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in whole.splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def _pin(text: str, target: Target, lock: Path) -> Pin | None:
    requirement, *options = text.split("--hash=sha256:")
    pinned, _, condition = requirement.partition(";")
    name, equal, version = pinned.strip().partition("==")
    if not equal or not options:
        raise ValueError(f"{lock.name}: {pinned.strip()} is not pinned by version and hash")
    if condition.strip() and not Marker(condition.strip()).evaluate(target.environment()):
        return None
    return Pin(name, version, tuple(option.strip() for option in options))
