"""Unpack a bundle and compare every checksum: python3 open.py BUNDLE FOLDER [SHA256]

Run by the role on the machine with Ansible; needs nothing but Python's standard library. BUNDLE is the archive, or the
folder it was unpacked to by hand. Prints the manifest as JSON, with `folder`: where the contents lie. Every file has to
be named in SHA256SUMS and to be what it says; otherwise it ends with status 78 and says which file is not.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tarfile
from pathlib import Path

SUMS = "SHA256SUMS"


class BadBundle(Exception):
    """str() says what is wrong with it, and what helps."""


def opened(bundle: Path, folder: Path, expected: str) -> dict[str, object]:
    """The manifest. Raises BadBundle, OSError."""
    contents = bundle if bundle.is_dir() else _unpacked(bundle, folder, expected)
    _verify(contents)
    manifest: dict[str, object] = json.loads((contents / "manifest.json").read_text(encoding="utf-8"))
    return {**manifest, "folder": str(contents)}


def _unpacked(bundle: Path, folder: Path, expected: str) -> Path:
    """The folder with the archive's contents; unpacked anew only when it is another archive."""
    digest = _sha256(bundle)
    if expected and digest != expected.lower():
        raise BadBundle(f"{bundle} has the SHA-256 {digest}, not {expected}: copy it again from where it was made")
    target = folder / f"{bundle.stem}-{digest[:12]}"
    if target.is_dir():
        return target
    part = target.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        with tarfile.open(bundle) as tar:
            tar.extractall(part, members=_plain(tar))
        (inside,) = part.iterdir()
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BadBundle(f"{bundle} is no bundle: {error}") from error
    inside.rename(target)
    part.rmdir()
    return target


def _plain(tar: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """Files and folders that stay inside; anything else has no place in a bundle."""
    members = tar.getmembers()
    for member in members:
        path = Path(member.name)
        if not (member.isfile() or member.isdir()) or path.is_absolute() or ".." in path.parts:
            raise BadBundle(f"it holds {member.name}, which no bundle has: do not use it")
    return members


def _verify(contents: Path) -> None:
    try:
        lines = (contents / SUMS).read_text(encoding="utf-8").splitlines()
        expected = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError) as error:
        raise BadBundle(f"{contents} holds no readable {SUMS}: it is no bundle") from error
    found = {str(file.relative_to(contents)): file for file in contents.rglob("*") if file.is_file()}
    found.pop(SUMS)
    for name in sorted(expected.keys() ^ found.keys()):
        if name in expected:
            raise BadBundle(f"{name} is missing in {contents}: unpack it again")
        raise BadBundle(f"{name} is not one of the bundle’s files: move it out of {contents}, if it is yours")
    for name, file in sorted(found.items()):
        if _sha256(file) != expected[name]:
            raise BadBundle(f"{file} was changed (its SHA-256 is not the one in {SUMS}): do not use this bundle")


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        print(json.dumps(opened(Path(sys.argv[1]), Path(sys.argv[2]), (*sys.argv, "")[3])))
    except BadBundle as error:
        print(f"open.py: {error}", file=sys.stderr)
        sys.exit(78)
