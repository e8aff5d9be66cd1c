"""A bundle: what holds on which system, the same bytes from the same sources, and nothing that somebody changed."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

PROJECT = Path(__file__).parents[2]
BUNDLE = PROJECT / "deploy/bundle"
FILES = {"manifest.json": b'{"version": "1.2.3", "systems": {}}', "models/small/model.zip": b"acoustic"}


def packed(folder: Path, files: dict[str, bytes], links: Mapping[str, str] = MappingProxyType({})) -> Path:
    """An archive as `build.py` makes them."""
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in FILES.items())
    archive = folder / "bundle.tar"
    with tarfile.open(archive, "w") as tar:
        for name, data in {**files, "SHA256SUMS": sums.encode()}.items():
            info = tarfile.TarInfo(f"bundle/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in links.items():
            link = tarfile.TarInfo(f"bundle/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
    return archive


def opened(*arguments: object) -> subprocess.CompletedProcess[str]:
    # -I: it needs the standard library alone, wherever Ansible's Python is.
    command = [sys.executable, "-I", str(BUNDLE / "open.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_an_archive_is_unpacked_and_its_manifest_printed(tmp_path: Path) -> None:
    archive = packed(tmp_path, FILES)
    done = opened(archive, tmp_path / "cache", hashlib.sha256(archive.read_bytes()).hexdigest())
    assert done.returncode == 0, done.stderr
    manifest = json.loads(done.stdout)
    assert manifest["version"] == "1.2.3"
    assert (Path(manifest["folder"]) / "models/small/model.zip").read_bytes() == b"acoustic"


def test_a_second_time_it_is_there_already(tmp_path: Path) -> None:
    archive = packed(tmp_path, FILES)
    folder = Path(json.loads(opened(archive, tmp_path / "cache").stdout)["folder"])
    before = (folder / "manifest.json").stat()
    assert json.loads(opened(archive, tmp_path / "cache").stdout)["folder"] == str(folder)
    assert (folder / "manifest.json").stat().st_ino == before.st_ino


def test_a_folder_that_was_unpacked_by_hand(tmp_path: Path) -> None:
    with tarfile.open(packed(tmp_path, FILES)) as tar:
        tar.extractall(tmp_path, filter="data")
    assert json.loads(opened(tmp_path / "bundle", tmp_path / "cache").stdout)["folder"] == str(tmp_path / "bundle")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({**FILES, "models/small/model.zip": b"tampered"}, "was changed"),
        ({**FILES, "wheels/more.whl": b""}, "not one of the bundle’s files: move it out"),
        ({"manifest.json": FILES["manifest.json"]}, "is missing in"),
        ({**FILES, "../outside": b""}, "no bundle has"),
    ],
    ids=["changed", "added", "missing", "outside"],
)
def test_a_bundle_that_somebody_changed_is_refused(tmp_path: Path, files: dict[str, bytes], says: str) -> None:
    done = opened(packed(tmp_path, files), tmp_path / "cache")
    assert (done.returncode, done.stdout) == (78, "")
    assert says in done.stderr
    assert not (tmp_path / "outside").exists()


def test_a_link_has_no_place_in_it(tmp_path: Path) -> None:
    done = opened(packed(tmp_path, FILES, {"models/shadow": "/etc/shadow"}), tmp_path / "cache")
    assert done.returncode == 78
    assert "models/shadow" in done.stderr


def test_what_was_unpacked_and_changed_later_is_refused(tmp_path: Path) -> None:
    archive = packed(tmp_path, FILES)
    folder = Path(json.loads(opened(archive, tmp_path / "cache").stdout)["folder"])
    (folder / "models/small/model.zip").write_bytes(b"tampered")
    assert opened(archive, tmp_path / "cache").returncode == 78


def test_another_archive_than_the_one_that_was_told(tmp_path: Path) -> None:
    done = opened(packed(tmp_path, FILES), tmp_path / "cache", "0" * 64)
    assert done.returncode == 78
    assert "copy it again" in done.stderr


def test_not_an_archive(tmp_path: Path) -> None:
    (tmp_path / "cut.tar").write_bytes(packed(tmp_path, FILES).read_bytes()[:700])
    done = opened(tmp_path / "cut.tar", tmp_path / "cache")
    assert done.returncode == 78, done.stderr


def test_the_same_sources_give_the_same_wheel(tmp_path: Path) -> None:
    first, second = (built(tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_a_wheel_of_another_version(tmp_path: Path) -> None:
    wheel = built(tmp_path, "--version", "0.0.9")
    assert wheel.name == "voice_agent-0.0.9-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        assert b"Version: 0.0.9\n" in archive.read("voice_agent-0.0.9.dist-info/METADATA")


def built(folder: Path, *arguments: str) -> Path:
    command = [sys.executable, str(BUNDLE / "wheel.py"), "--to", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def pins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """System -> name -> version, as the bundle's own code reads the lock file."""
    code = (
        "import json, sys; from pathlib import Path; import targets\n"
        "systems = [targets.Target(r, a) for r in targets.RELEASES for a in targets.ARCHITECTURES]\n"
        "read = lambda s: {p.name: p.version for p in targets.pins(Path(sys.argv[1]), s)}\n"
        "print(json.dumps({s.name: read(s) for s in systems}))"
    )
    command = [sys.executable, "-c", code, str(PROJECT / "requirements.txt")]
    done = subprocess.run(command, cwd=BUNDLE, capture_output=True, text=True, timeout=60, check=True)
    systems: dict[str, dict[str, str]] = json.loads(done.stdout)
    return systems


def test_each_system_gets_the_versions_that_hold_there(pins: dict[str, dict[str, str]]) -> None:
    assert sorted(pins) == ["bookworm-amd64", "bookworm-arm64", "trixie-amd64", "trixie-arm64"]
    assert pins["bookworm-arm64"]["numpy"] != pins["trixie-arm64"]["numpy"]
    assert all("colorama" not in system for system in pins.values()), "that is for Windows"
    assert all(system.keys() == pins["trixie-amd64"].keys() for system in pins.values())


def test_a_line_without_a_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text("numpy==2.0.0\n")
    code = (
        "import sys; from pathlib import Path; import targets\n"
        "targets.pins(Path(sys.argv[1]), targets.Target('trixie', 'arm64'))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lock.txt")]
    done = subprocess.run(command, cwd=BUNDLE, capture_output=True, text=True, timeout=60, check=False)
    assert "numpy==2.0.0 is not pinned by version and hash" in done.stderr


@pytest.mark.parametrize("script", sorted(BUNDLE.glob("*.sh")), ids=lambda script: script.name)
def test_the_shell_understands_the_script(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=10)
