"""One archive from which `deploy/ansible` installs the voice agent on machines without a network.

    make bundle                                    Debian 12 and 13, amd64 and arm64, what the role installs
    make bundle ARCH=arm64 RELEASES=trixie BUNDLE_MODELS="vosk-small-de" BUNDLE_ARGS=--accept-unverified

In it: the project's wheel; for each system a part with the wheels of all pinned requirements and the Debian packages
(`parts.py`); models as they are published; `deploy` and the lock files, so that the machine with Ansible needs nothing
else either; `manifest.json` and `SHA256SUMS`. Needs root, since it builds in systems of their own (`root.sh`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import parts
import wheel
import yaml
from parts import PROJECT, Wanted, note
from targets import ARCHITECTURES, RELEASES, Target

ROLE = PROJECT / "deploy/ansible/roles/voice_agent"
CACHE = PROJECT / ".cache/bundle"
CARRIED = ("deploy", "requirements.txt", "requirements-build.txt", "requirements-deploy.txt", "LICENSE")


def main() -> None:
    args = _arguments()
    if os.geteuid() != 0:
        sys.exit("make bundle needs root: it builds in Debian systems of its own")
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))
    systems = [Target(release, arch) for release in args.release for arch in args.arch]
    models = defaults["voice_agent_models"] if args.model is None else args.model
    args.extra = defaults["voice_agent_extras"] if args.extra is None else args.extra
    wanted = Wanted(
        (PROJECT / "requirements.txt", *(PROJECT / f"requirements-{extra}.txt" for extra in args.extra)),
        PROJECT / "requirements-build.txt",
        (*defaults["voice_agent_packages"], *defaults["voice_agent_broker_packages"]),
        tuple(defaults["voice_agent_build_packages"]),
    )
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            folder = Path(scratch)
            _fill(folder, systems, models, wanted, args)
            print(_archive(folder, args.to, args.version or wheel.version(), systems))
    except subprocess.CalledProcessError as error:
        sys.exit(f"bundle: {error.cmd[0]} ended with {error.returncode}; what it said stands above")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", nargs="+", choices=ARCHITECTURES, default=list(ARCHITECTURES))
    parser.add_argument("--release", nargs="+", choices=RELEASES, default=list(RELEASES))
    parser.add_argument("--model", nargs="*", metavar="NAME", help="of `voice-agent models list`; default: the role's")
    parser.add_argument("--extra", nargs="*", metavar="NAME", help="with requirements-NAME.txt; default: the role's")
    parser.add_argument("--version", default="", help="instead of the one in pyproject.toml")
    parser.add_argument("--accept-unverified", action="store_true", help="models whose checksum is not known for sure")
    parser.add_argument("--to", type=Path, default=PROJECT / "dist", metavar="FOLDER")
    return parser.parse_args()


def _fill(folder: Path, systems: list[Target], models: list[str], wanted: Wanted, args: argparse.Namespace) -> None:
    note("the wheel of voice-agent")
    own = wheel.build(folder, args.version)
    _models(folder / "models", models, args.accept_unverified)
    for target in systems:
        os.link(parts.make(target, wanted, CACHE), folder / f"{target.name}.tar")
    for name in CARRIED:
        _carry(name, folder)
    manifest = {
        "version": args.version or wheel.version(),
        "wheel": own.name,
        "systems": {target.name: {"python": target.python, "part": f"{target.name}.tar"} for target in systems},
        "models": models,
        "extras": args.extra,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _models(folder: Path, names: list[str], accept: bool) -> None:
    """Downloaded once into the cache, checked every time."""
    folder.mkdir()
    for name in names:
        kept = CACHE / "models"
        yes = ["--yes"] if accept else []
        command = [sys.executable, "-m", "agent.cli", "models", "collect", "--to", str(kept), *yes, name]
        subprocess.run(command, check=True, cwd=PROJECT)
        if (kept / name).is_dir():  # not where it comes with a package
            shutil.copytree(kept / name, folder / name)


def _carry(name: str, folder: Path) -> None:
    source = PROJECT / name
    if source.is_dir():
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "root.sh"))
    else:
        shutil.copy(source, folder / name)


def _archive(folder: Path, to: Path, version: str, systems: list[Target]) -> Path:
    """The finished archive, put into place by one rename."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    note(f"checksums of {len(files)} files")
    lines = []
    for file in files:
        with file.open("rb") as stream:
            lines.append(f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {file.relative_to(folder)}\n")
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    name = "-".join(["voice-agent-bundle", version, *_limits(systems)])
    to.mkdir(parents=True, exist_ok=True)
    part, final = to / f".{name}.tar.part", to / f"{name}.tar"
    with tarfile.open(part, "w") as tar:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            tar.add(file, f"{name}/{file.relative_to(folder)}", filter=parts.plain)
    part.replace(final)
    note(f"{final.stat().st_size / 1e6:.0f} MB")
    return final


def _limits(systems: list[Target]) -> list[str]:
    """What the name has to say where it is not for all systems."""
    everything = len(systems) == len(ARCHITECTURES) * len(RELEASES)
    return [] if everything else sorted(target.name for target in systems)


if __name__ == "__main__":
    main()
