"""A system with everything below the program: Debian packages, the virtual environment with all pinned libraries.

Made once for each set of packages, by booting a bare system and installing there (some minutes, from the network), and
kept in .cache/roots. `install` puts the project itself on top, as it is in this checkout: seconds.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from machines import roots
from machines.machine import Machine

# What the README tells an operator to install, and what compiles the two libraries that have no wheels.
NEEDED = ("libasound2-plugins", "espeak-ng", "alsa-utils")
BUILDING = ("gcc", "pkg-config", "python3-dev", "libasound2-dev", "libsystemd-dev")
# The room and the house around it.
DESKTOP = ("pipewire-alsa", "wireplumber", "pipewire-bin", "libpam-systemd", "dbus-user-session")
ROOM = ("pulseaudio", "pulseaudio-utils", "mosquitto", "mosquitto-clients", "procps")
ENVIRONMENT = "/opt/voice-agent/test"
PIP = (f"{ENVIRONMENT}/bin/pip", "install", "--quiet", "--disable-pip-version-check")
# The recogniser whose English model comes with its wheel (nothing to download), what the page needs, and what
# announces a satellite.
EXTRAS = ("moonshine-voice", "aiohttp", "av", "zeroconf")
NO_SERVERS = "#!/bin/sh\nexit 101\n"
INSTALL_S = 900.0
RECIPE = "1"  # changes where the same parts are put together in another way


def layers(release: roots.Release) -> tuple[Path, ...]:
    """For `Machine(release, layers(release))`. Raises Unsupported, CommandFailed."""
    below = roots.base(release)
    extra = extra_requirements()
    parts = [RECIPE, below.name, *NEEDED, *BUILDING, *ROOM, extra]
    parts += [(roots.PROJECT / name).read_text() for name in ("requirements.txt", "requirements-build.txt")]
    return kept(release, "service", parts, (below,), lambda machine: _libraries(machine, extra))


def desktop_layers(release: roots.Release) -> tuple[Path, ...]:
    """The same on a desktop: sessions, and PipeWire in PulseAudio's place."""
    below = layers(release)
    return kept(release, "desktop", [below[0].name, *DESKTOP], below, lambda machine: packages(machine, DESKTOP))


def install(machine: Machine) -> None:
    """The project, as it is in this checkout, where the unit looks for it."""
    built = wheel()
    machine.copy(built, f"/tmp/{built.name}")
    machine.run([*PIP, "--no-deps", "--no-index", f"/tmp/{built.name}"])
    machine.run(["rm", f"/tmp/{built.name}"])


@cache
def wheel() -> Path:
    """The project's wheel, built for this test run, or the one that $VOICE_AGENT_WHEEL names."""
    if given := os.environ.get("VOICE_AGENT_WHEEL"):
        return Path(given)
    folder = Path(tempfile.mkdtemp(prefix="wheel-"))
    try:
        # A copy, since a build leaves its traces in the folder, and what lies there from an older one gets into it.
        copy = folder / "source"
        unwanted = shutil.ignore_patterns("__pycache__")
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(roots.PROJECT / name, copy / name)
        shutil.copytree(roots.PROJECT / "agent", copy / "agent", ignore=unwanted)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*command, f"--wheel-dir={folder}", str(copy)], check=True, timeout=300)
        kept = roots.cache() / next(folder.glob("*.whl")).name
        shutil.copy(next(folder.glob("*.whl")), kept)
        return kept
    finally:
        shutil.rmtree(folder)


def extra_requirements() -> str:
    """The pinned lines of `EXTRAS`, and of what they need, that the program's own requirements lack."""
    own = _blocks(roots.PROJECT / "requirements.txt")
    every = _blocks(roots.PROJECT / "requirements-dev.txt")
    needed = frozenset[str]().union(*map(_needed_by, EXTRAS))
    return "".join(every[name] for name in sorted(needed) if name in every and name not in own)


def _blocks(file: Path) -> dict[str, str]:
    """Project name -> its lines, with all their hashes."""
    parts = re.split(r"^(?=[a-z0-9])", file.read_text(), flags=re.MULTILINE)
    blocks: dict[str, str] = {}
    for part in parts:
        if match := re.match(r"[a-z0-9._-]+", part):
            blocks[match[0]] = blocks.get(match[0], "") + part
    return blocks


def _needed_by(name: str, known: frozenset[str] = frozenset()) -> frozenset[str]:
    """The name, and all that is installed here for it."""
    known |= {name}
    try:
        lines = importlib.metadata.requires(name) or ()
    except importlib.metadata.PackageNotFoundError:  # wanted on other systems only
        return known
    for line in lines:
        other = re.split(r"[^A-Za-z0-9._-]", line)[0].lower().replace("_", "-")
        if "extra ==" not in line and other not in known:
            known |= _needed_by(other, known)
    return known


def kept(
    release: roots.Release,
    kind: str,
    parts: Sequence[str],
    below: tuple[Path, ...],
    make: Callable[[Machine], None],
) -> tuple[Path, ...]:
    """The layer of this kind on top of those below, made where nobody has made it from the same parts."""
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    folder = roots.cache() / f"{release}-{kind}-{key}"
    with roots.locked(f"{release}-{kind}"):
        if not folder.is_dir():
            part = folder.with_name(f"{folder.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            with Machine(release, below, upper=part) as machine:
                make(machine)
                # What only this host needs, and what would only take room.
                machine.sh("rm -rf /etc/pip.conf /root/.cache /root/*.txt; apt-get clean; rm -rf /var/lib/apt/lists/*")
            part.rename(folder)
            roots.forget_old(f"{release}-{kind}-*")
    return folder, *below


def packages(machine: Machine, names: Sequence[str]) -> None:
    """Debian packages, without their servers being started."""
    machine.write("/usr/sbin/policy-rc.d", NO_SERVERS, 0o755)
    machine.run(["apt-get", "update", "-q"], timeout=INSTALL_S)
    machine.run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *names], timeout=INSTALL_S)
    machine.run(["rm", "/usr/sbin/policy-rc.d"])


def _libraries(machine: Machine, extra: str) -> None:
    packages(machine, [*NEEDED, *BUILDING, *ROOM])
    machine.run(["systemctl", "disable", "mosquitto.service"])
    machine.run(["python3", "-m", "venv", ENVIRONMENT])
    machine.run(["ln", "-sfn", ENVIRONMENT, "/opt/voice-agent/current"])
    for name in ("requirements-build.txt", "requirements.txt"):
        machine.copy(roots.PROJECT / name, f"/root/{name}")
    machine.write("/root/extra.txt", extra)
    machine.run([*PIP, "--require-hashes", "-r", "/root/requirements-build.txt"], timeout=INSTALL_S)
    files = ["-r", "/root/requirements.txt", "-r", "/root/extra.txt"]
    machine.run([*PIP, "--require-hashes", "--use-pep517", "--no-build-isolation", *files], timeout=INSTALL_S)
