"""An old configuration becomes a new one, with its comments; what cannot be read stays as it is."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

import pytest

from agent import config_file
from agent.cli.__main__ import main

OLD = '# my kitchen\n\n[mqtt]\nhost = "broker.local"  # the blue box\r\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_bytes(OLD.encode())
    path.chmod(0o640)
    return path


def test_prints_the_new_text_and_writes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "migrate", "--config", str(file)]) == 0
    captured = capsys.readouterr()
    assert tomllib.loads(captured.out) == {"version": 1, "mqtt": {"host": "broker.local"}}
    assert "the format is written down" in captured.err
    assert file.read_bytes() == OLD.encode()
    assert [each.name for each in file.parent.iterdir()] == ["config.toml"]


def test_writes_and_keeps_comments_mode_and_the_old_one(file: Path) -> None:
    assert main(["config", "migrate", "--config", str(file), "--write"]) == 0
    assert file.read_bytes() == b"version = 1\n" + OLD.encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert file.with_name("config.toml.bak").read_bytes() == OLD.encode()
    assert config_file.load(file).mqtt.host == "broker.local"


def test_a_second_time_changes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["config", "migrate", "--config", str(file), "--write"])
    before = file.stat()
    assert main(["config", "migrate", "--config", str(file), "--write"]) == 0
    assert "nothing to do" in capsys.readouterr().err
    after = file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert file.with_name("config.toml.bak").read_bytes() == OLD.encode()


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    assert main(["config", "migrate", "--config", str(link), "--write"]) == 0
    assert link.is_symlink()
    assert file.read_text().startswith("version = 1\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version = 2\n", "a newer voice-agent wrote it"),
        ("version = true\n", "has to be a number"),
        ('version = "1"\n', "has to be a number"),
        ("version = \n", "is not TOML"),
    ],
)
def test_what_it_cannot_read_stays(file: Path, text: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(text)
    assert main(["config", "migrate", "--config", str(file), "--write"]) == 78
    assert says in capsys.readouterr().err
    assert file.read_text() == text
    assert not file.with_name("config.toml.bak").exists()


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "migrate", "--config", str(tmp_path / "none.toml")]) == 78
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(file: Path) -> None:
    file.parent.chmod(0o500)
    try:
        assert main(["config", "migrate", "--config", str(file), "--write"]) == 75
    finally:
        file.parent.chmod(0o700)
    assert file.read_bytes() == OLD.encode()
