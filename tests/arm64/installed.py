"""The locked set, installed on arm64 as the role and the Makefile install it: two layers, kept in .cache/roots.

- `debian`: the role's Debian packages on a bare system;
- `python`: the virtual environment with all pinned requirements, those of the pins, of MCP servers, of the page and of
  Wyoming, and the two optional engines that have no model to download or none at all (`EXTRAS`).

Each is made anew where what it is made from has changed. The project itself is put on top for every run.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from emulated import CERTIFICATES, CommandFailed, Emulated
from machines import network, roots
from machines.unsupported import Unsupported, require_host

ARCH = "arm64"
HOME = "/opt/voice-agent/current"
PYTHON = f"{HOME}/bin/python"
PIP = (PYTHON, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check", "--no-input")
HASHED = ("--require-hashes", "--use-pep517", "--no-build-isolation")
# moonshine-voice, xllamacpp, and what they need that the program's own requirements lack.
EXTRAS = ("moonshine-voice", "sounddevice", "filelock", "platformdirs", "xllamacpp")
OPTIONAL = ("gpio", "mcp", "web", "discovery")
LOCKS = ("requirements-build.txt", "requirements.txt", *(f"requirements-{extra}.txt" for extra in OPTIONAL))
ROLE = roots.PROJECT / "deploy/ansible/roles/voice_agent/defaults/main.yml"
HOST_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# `--no-compile` saves minutes; what every test needs is compiled once.
WARM = "import httpcore, hassil, moonshine_voice, onnxruntime, paho.mqtt.client, piper, pydantic_settings, soxr, vosk"
RECIPE = "2"  # changes where the same parts are put together in another way
INSTALL_S = 900.0


@dataclass(slots=True)
class Workshop:
    """What a run uses for all releases; `steps`: what was done and how long it took, in seconds."""

    steps: list[tuple[str, str, float]] = field(default_factory=list)

    def timed(self, release: str, step: str, work: Callable[[], object]) -> None:
        began = time.monotonic()
        work()
        self.steps.append((release, step, time.monotonic() - began))

    def layers(self, release: roots.Release) -> tuple[Path, ...]:
        """Topmost first. Raises Unsupported, CommandFailed."""
        base = self._base(release)
        names = packages()
        lower = self._kept(release, "debian", [base.name, *names], (base,), lambda system: _debian(system, names))
        locks = [(roots.PROJECT / name).read_text() for name in LOCKS]
        return self._kept(release, "python", [lower[0].name, *locks, extras()], lower, _python)

    def _base(self, release: roots.Release) -> Path:
        """A bare system, unpacked. Raises Unsupported, also where nothing can be emulated."""
        require_host()
        began = time.monotonic()
        made = subprocess.run(
            ["bash", str(roots.ROOT_SCRIPT), release, ARCH],
            capture_output=True,
            text=True,
            timeout=roots.MAKE_S,
            check=False,
        )
        if made.returncode != 0:
            raise Unsupported(f"no arm64 system can be made or run here: {made.stderr.strip()[-500:]}")
        tar = Path(made.stdout.strip())
        folder = roots.cache() / f"{release}-{ARCH}-base-{tar.stat().st_mtime_ns}"
        with roots.locked(f"{release}-{ARCH}-base"):
            if not folder.is_dir():
                _unpack(tar, folder)
                roots.forget_old(f"{release}-{ARCH}-base-*")
                self.steps.append((release, "bare system", time.monotonic() - began))
        _probe(release, folder)
        return folder

    def _kept(
        self,
        release: roots.Release,
        kind: str,
        parts: list[str],
        below: tuple[Path, ...],
        make: Callable[[Emulated], None],
    ) -> tuple[Path, ...]:
        """The layer of this kind on top of those below, made where it was not made from the same parts."""
        key = hashlib.sha256("\0".join([RECIPE, *parts]).encode()).hexdigest()[:12]
        folder = roots.cache() / f"{release}-{ARCH}-{kind}-{key}"
        with roots.locked(f"{release}-{ARCH}-{kind}"):
            if not folder.is_dir():
                part = folder.with_name(f"{folder.name}.part")
                shutil.rmtree(part, ignore_errors=True)
                with tempfile.TemporaryDirectory(prefix="arm64-") as scratch:
                    system = connected(release, below, part, Path(scratch))
                    self.timed(release, f"{kind} layer", lambda: make(system))
                shutil.rmtree(part.with_name(f"{part.name}.work"))
                part.rename(folder)
                roots.forget_old(f"{release}-{ARCH}-{kind}-*")
        return folder, *below


def packages() -> list[str]:
    """The role's Debian packages, with those that build."""
    defaults = yaml.safe_load(ROLE.read_text(encoding="utf-8"))
    return sorted({*defaults["voice_agent_packages"], *defaults["voice_agent_build_packages"]})


def extras() -> str:
    """The pinned lines of `EXTRAS`, with their hashes."""
    parts = re.split(r"^(?=[a-z0-9])", (roots.PROJECT / "requirements-dev.txt").read_text(), flags=re.MULTILINE)
    return "".join(part for part in parts if part.partition("==")[0] in EXTRAS)


def connected(
    release: str, layers: tuple[Path, ...], upper: Path, scratch: Path, binds: Mapping[Path, str] | None = None
) -> Emulated:
    """A system with the host's way into its network: name server, certificates, settings of pip."""
    settings = network.pip_settings()
    env = {f"PIP_{key.upper().replace('-', '_')}": " ".join(value.split()) for key, value in settings.items()}
    given = {
        Path("/etc/resolv.conf"): "/etc/resolv.conf",
        **{folder: str(folder) for folder in network.pip_folders(settings)},
    }
    if HOST_CERTIFICATES.is_file():
        given[HOST_CERTIFICATES] = CERTIFICATES
        env["PIP_CERT"] = CERTIFICATES
    downloads = roots.PROJECT / ".cache/pip-arm64"
    downloads.mkdir(parents=True, exist_ok=True)
    given[downloads] = "/mnt/pip"
    env["PIP_CACHE_DIR"] = "/mnt/pip"
    return Emulated(release, layers, upper, scratch, {**given, **(binds or {})}, env)


def _debian(system: Emulated, names: list[str]) -> None:
    system.run(["apt-get", "update", "-q"], INSTALL_S)
    system.run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *names], INSTALL_S)
    system.run(["sh", "-c", "apt-get clean; rm -rf /var/lib/apt/lists/*"])


def _python(system: Emulated) -> None:
    with tempfile.TemporaryDirectory(prefix="locks-") as folder:
        for name in LOCKS:
            shutil.copy(roots.PROJECT / name, folder)
        Path(folder, "extras.txt").write_text(extras())
        binds = {Path(folder): "/mnt/locks"}
        system.run(["python3", "-m", "venv", HOME])
        system.run([*PIP, "--require-hashes", "-r", "/mnt/locks/requirements-build.txt"], INSTALL_S, binds=binds)
        wanted = (*LOCKS[1:], "extras.txt")
        files = [part for name in wanted for part in ("-r", f"/mnt/locks/{name}")]
        system.run([*PIP, *HASHED, *files], INSTALL_S, binds=binds)
    system.run([PYTHON, "-c", WARM], INSTALL_S)


def _probe(release: str, base: Path) -> None:
    """Raises Unsupported where the host may not mount, or does not run arm64 programs."""
    with tempfile.TemporaryDirectory(prefix="arm64-", dir=roots.cache()) as scratch:
        system = Emulated(release, (base,), Path(scratch) / "upper", Path(scratch))
        try:
            system.run(["/usr/bin/uname", "-m"])
        except CommandFailed as failure:
            raise Unsupported(f"arm64 programs do not run here: {failure}") from None


def _unpack(tar: Path, folder: Path) -> None:
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    command = ["tar", "-C", str(part), "-xpf", str(tar), "--numeric-owner", "--exclude=./dev/*"]
    subprocess.run(command, check=True, timeout=600)
    part.rename(folder)
