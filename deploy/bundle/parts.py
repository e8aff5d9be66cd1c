"""The part of a bundle for one system: its wheels, its Debian packages, and the requirements that pin the wheels.

What has no wheel is built in that very system (`in-root.sh`). A wheel that was built here has a hash that no lock file
can know, so each part carries requirements of its own: the project's pins, with the hashes of the built wheels added.
pip then still refuses every file that is neither the published one nor the one built for this bundle.

Everything that was downloaded or built is kept in the cache until what it was made from changes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import targets
from targets import Pin, Target

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
# Without wheels at the publishers'.
SOURCE_ONLY = frozenset({"pyalsaaudio", "systemd-python", "srt"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """The lock files of what is installed and of what builds it; Debian packages to run and to build with."""

    locks: tuple[Path, ...]
    build_lock: Path
    packages: tuple[str, ...]
    build_packages: tuple[str, ...]


def note(text: str) -> None:
    """Progress, for the person who waits."""
    print(text, file=sys.stderr, flush=True)


def make(target: Target, wanted: Wanted, cache: Path) -> Path:
    """The part, as a tar file in the cache. Raises subprocess.CalledProcessError, OSError, ValueError."""
    pinned = {pin.name: pin for lock in wanted.locks for pin in targets.pins(lock, target)}
    built = _built(target, wanted, [pin for pin in pinned.values() if pin.name in SOURCE_ONLY], cache)
    wheels = _downloaded(target, [pin for pin in pinned.values() if pin.name not in SOURCE_ONLY], cache)
    requirements = _requirements(list(pinned.values()), built / "wheels")
    part = cache / f"{target.name}.tar"
    with tarfile.open(part, "w") as tar:
        for file in sorted([*wheels.glob("*.whl"), *(built / "wheels").glob("*.whl")], key=lambda file: file.name):
            tar.add(file, f"wheels/{file.name}", filter=plain)
        for file in sorted((built / "debs").glob("*.deb")):
            tar.add(file, f"debs/{file.name}", filter=plain)
        for name, text in (("requirements.txt", requirements), ("debs/Packages", _index(built / "debs"))):
            file = cache / "text"
            file.write_text(text, encoding="utf-8")
            tar.add(file, name, filter=plain)
    note(f"{target.name}: {part.stat().st_size / 1e6:.0f} MB")
    return part


def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing of who made it and when: the same contents give the same bytes."""
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = "root"
    info.mode = 0o644
    return info


def _built(target: Target, wanted: Wanted, pinned: list[Pin], cache: Path) -> Path:
    """A folder with `wheels` of what comes as source, and `debs`."""
    source = "\n".join(pin.line() for pin in pinned) + "\n"
    packages, compilers = " ".join(wanted.packages), " ".join(wanted.build_packages)
    made_from = [source, packages, compilers, wanted.build_lock.read_text(), (HERE / "in-root.sh").read_text()]
    folder = cache / f"{target.name}-built-{_digest(*made_from)}"
    if folder.is_dir():
        note(f"{target.name}: built and Debian packages from the cache")
        return folder
    note(f"{target.name}: in a bare system of its own (some minutes, more where it is emulated)")
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    (part / "source.txt").write_text(source, encoding="utf-8")
    shutil.copy(wanted.build_lock, part / "build.txt")
    root = subprocess.run(
        ["bash", str(HERE / "root.sh"), target.release, target.arch], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    inside = ["bash", str(HERE / "enter.sh"), root, str(part), str(HERE / "in-root.sh"), packages, compilers]
    subprocess.run(inside, check=True, stdout=sys.stderr)
    part.rename(folder)
    return folder


def _downloaded(target: Target, pinned: list[Pin], cache: Path) -> Path:
    """A folder with the published wheels."""
    text = "\n".join(pin.line() for pin in pinned) + "\n"
    folder = cache / f"{target.name}-wheels-{_digest(text)}"
    if folder.is_dir():
        note(f"{target.name}: {len(pinned)} wheels from the cache")
        return folder
    note(f"{target.name}: downloading {len(pinned)} wheels")
    part = folder.with_suffix(".part")
    part.mkdir(parents=True, exist_ok=True)
    (part / "requirements.txt").write_text(text, encoding="utf-8")
    options = ["--only-binary=:all:", "--no-deps", "--require-hashes", "--disable-pip-version-check", "--quiet"]
    options += ["--implementation", "cp", "--python-version", target.python]
    options += [word for tag in target.platforms() for word in ("--platform", tag)]
    command = [sys.executable, "-m", "pip", "download", *options, "-d", str(part), "-r", str(part / "requirements.txt")]
    subprocess.run(command, check=True, stdout=sys.stderr)
    part.rename(folder)
    return folder


def _requirements(pinned: list[Pin], built: Path) -> str:
    added = {_project_of(wheel): _sha256(wheel) for wheel in built.glob("*.whl")}
    return "\n".join(pin.line(*([added[pin.name]] if pin.name in added else [])) for pin in pinned) + "\n"


def _project_of(wheel: Path) -> str:
    return wheel.name.split("-")[0].replace("_", "-").lower()


def _index(debs: Path) -> str:
    """What apt reads of a folder of packages."""
    entries = []
    for deb in sorted(debs.glob("*.deb")):
        control = subprocess.run(["dpkg-deb", "-f", str(deb)], check=True, stdout=subprocess.PIPE, text=True).stdout
        where = f"Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {_sha256(deb)}\n"
        entries.append(control.rstrip("\n") + "\n" + where)
    return "\n".join(entries)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
