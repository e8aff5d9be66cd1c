"""Unpacking archives that somebody else made.

Rules: only regular files; no name that leaves the folder (absolute, `..`, backslash); no links, no encryption; never
more than RATIO times the archive's size nor more than MAX_FILES files, counted in bytes really written, since a header
may lie. What was written before a refusal lies in a folder that the caller throws away.
"""

from __future__ import annotations

import errno
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

RATIO = 20
MAX_FILES = 10_000
_STEP = 1 << 20
# What zipfile and its decompressors raise for bytes that make no sense; found by changing bytes at random.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class BadArchive(Exception):
    """The archive is damaged or hostile; str() says how."""


def unpack(archive: Path, prefix: str, folder: Path) -> list[Path]:
    """Put the members below `prefix` (cut off), or the one file of that name, into `folder`; the files written.

    Raises BadArchive, OSError.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            return _unpack(source, prefix, folder, RATIO * archive.stat().st_size)
    except _DAMAGE as error:
        raise BadArchive(f"{archive.name} is damaged: {error}") from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # a seek to before the file
            raise BadArchive(f"{archive.name} is damaged: {error}") from error
        raise


def _unpack(source: zipfile.ZipFile, prefix: str, folder: Path, budget: int) -> list[Path]:
    members = [(info, _target(info, prefix)) for info in source.infolist()]
    wanted = [(info, target) for info, target in members if target is not None]
    if len(wanted) > MAX_FILES:
        raise BadArchive(f"the archive holds {len(wanted)} files")
    if not wanted:
        raise BadArchive(f'the archive holds nothing below "{prefix}"')
    if len({target for _, target in wanted}) < len(wanted):
        raise BadArchive("the archive holds two files of one name")
    written = []
    for info, target in wanted:
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        budget -= _copy(source, info, path, budget)
        written.append(path)
    return written


def _target(info: zipfile.ZipInfo, prefix: str) -> PurePosixPath | None:
    """Where the member goes, None if it is not wanted. Every member is judged, wanted or not."""
    path = PurePosixPath(info.filename)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in info.filename or ":" in info.filename:
        raise BadArchive(f"the archive tries to leave its folder: {info.filename!r}")
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadArchive(f"the archive holds something that is no file: {info.filename!r}")
    if info.flag_bits & 0x1:
        raise BadArchive(f"the archive is encrypted: {info.filename!r}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others' memory has no bound
        raise BadArchive(f"the archive is packed in an unusual way: {info.filename!r}")
    if info.filename.endswith("/") or not info.filename.startswith(prefix):
        return None
    return PurePosixPath(info.filename.removeprefix(prefix) or path.name)


def _copy(source: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, budget: int) -> int:
    written = 0
    with source.open(info) as packed, path.open("xb") as file:
        while data := packed.read(_STEP):
            written += len(data)
            if written > budget:
                raise BadArchive(f"the archive is a bomb: it grows beyond {RATIO} times its size")
            file.write(data)
    return written
