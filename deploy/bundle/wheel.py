"""The project's own wheel, made from a clean copy of the sources: the same sources give the same bytes.

    .cache/deploy/bin/python deploy/bundle/wheel.py [--version 0.1.0+kitchen1] [--to dist]      prints the wheel's path

A release is never installed over itself with other contents: sources that were changed need another version.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = ("agent", "pyproject.toml", "README.md", "LICENSE")
# Zip files know no earlier year; the sources' own times would differ from checkout to checkout.
EPOCH = "315619200"


def version() -> str:
    """As pyproject.toml says."""
    found = re.search(r'^version = "([^"]+)"', (PROJECT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError("pyproject.toml names no version")
    return found[1]


def build(folder: Path, other_version: str = "") -> Path:
    """The wheel, in `folder`; with another version where one is given. Raises subprocess.CalledProcessError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "sources"
        copy.mkdir()
        for name in SOURCES:
            _copy(PROJECT / name, copy / name)
        if other_version:
            project = copy / "pyproject.toml"
            text = project.read_text(encoding="utf-8")
            project.write_text(text.replace(f'version = "{version()}"', f'version = "{other_version}"', 1), "utf-8")
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", f"{scratch}/wheel", str(copy)]
        subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH}, stdout=sys.stderr)
        (made,) = Path(scratch, "wheel").glob("*.whl")
        return Path(shutil.move(made, folder / made.name))


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", default="", help="instead of the one in pyproject.toml")
    parser.add_argument("--to", type=Path, default=PROJECT / "dist", metavar="FOLDER")
    args = parser.parse_args()
    print(build(args.to, args.version))
