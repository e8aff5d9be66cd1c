"""Archives of people who mean us harm."""

from __future__ import annotations

import contextlib
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sites import zipped

from agent.cli.unpack import BadArchive, unpack


def write(folder: Path, data: bytes) -> Path:
    path = folder / "a.zip"
    path.write_bytes(data)
    return path


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    path = tmp_path / "inner" / "out"
    path.mkdir(parents=True)
    return path


def test_prefix_is_cut_off_and_the_rest_left(tmp_path: Path, out: Path) -> None:
    archive = write(tmp_path, zipped({"m/a": b"1", "m/sub/b": b"2", "other": b"3"}))
    unpack(archive, "m/", out)
    assert files_below(out) == {"a": b"1", "sub/b": b"2"}


def test_one_file_by_its_name(tmp_path: Path, out: Path) -> None:
    unpack(write(tmp_path, zipped({"m/a.gguf": b"1", "m/code.py": b"2"})), "m/a.gguf", out)
    assert files_below(out) == {"a.gguf": b"1"}


@pytest.mark.parametrize("name", ["../evil", "m/../../evil", "/evil", "m/..\\evil", "C:/evil", "m/a:b"])
def test_no_name_leaves_the_folder(tmp_path: Path, out: Path, name: str) -> None:
    archive = write(tmp_path, zipped({"m/good": b"1", name: b"2"}))
    with pytest.raises(BadArchive, match="leave its folder"):
        unpack(archive, "m/", out)
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "inner" / "evil").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_no_links_or_devices(tmp_path: Path, out: Path, kind: int) -> None:
    info = zipfile.ZipInfo("m/link")
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(BadArchive, match="no file"):
        unpack(tmp_path / "a.zip", "m/", out)


def test_bomb_stops_early(tmp_path: Path, out: Path) -> None:
    archive = write(tmp_path, zipped({"m/zeros": bytes(50_000_000)}, zipfile.ZIP_DEFLATED))
    with pytest.raises(BadArchive, match="bomb"):
        unpack(archive, "m/", out)
    assert (out / "zeros").stat().st_size < 3_000_000


def test_unusual_packing(tmp_path: Path, out: Path) -> None:
    archive = write(tmp_path, zipped({"m/a": b"1" * 100}, zipfile.ZIP_LZMA))
    with pytest.raises(BadArchive, match="unusual"):
        unpack(archive, "m/", out)


def test_flipped_byte_is_noticed(tmp_path: Path, out: Path) -> None:
    data = bytearray(zipped({"m/a": b"hello" * 100}))
    data[60] ^= 1
    with pytest.raises(BadArchive, match="damaged"):
        unpack(write(tmp_path, bytes(data)), "m/", out)


def test_too_many_files(tmp_path: Path, out: Path) -> None:
    archive = write(tmp_path, zipped({f"m/{number}": b"" for number in range(10_001)}))
    with pytest.raises(BadArchive, match="10001 files"):
        unpack(archive, "m/", out)


def test_one_name_twice(tmp_path: Path, out: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("m/a", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("m/a", "2")
    with pytest.raises(BadArchive, match="one name"):
        unpack(tmp_path / "a.zip", "m/", out)


def test_nothing_of_ours_in_it(tmp_path: Path, out: Path) -> None:
    with pytest.raises(BadArchive, match="nothing below"):
        unpack(write(tmp_path, zipped({"x": b"1"})), "m/", out)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_anywhere_is_refused_or_harmless(data: st.DataObject) -> None:
    """Whatever byte is changed: BadArchive, or files of ours in the folder, and nothing else."""
    method = data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    whole = bytearray(zipped({"m/a": b"one" * 20, "m/b": b"two" * 20}, method))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        archive = write(folder, bytes(whole))
        (folder / "out").mkdir()
        with contextlib.suppress(BadArchive):
            unpack(archive, "m/", folder / "out")
        assert {path.name for path in folder.iterdir()} == {"a.zip", "out"}
