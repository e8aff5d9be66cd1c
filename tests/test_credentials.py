"""Secrets are read from safe places only and never shown."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import credentials
from agent.config import Config
from agent.credentials import CredentialError, Secret

SECRET = "correct-horse"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder; systemd's is not there."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    path = tmp_path / "voice-agent/credentials"
    path.mkdir(parents=True)
    return path


def put(folder: Path, name: str, data: bytes, mode: int = 0o600) -> Path:
    path = folder / name
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_users_file_without_its_line_break(folder: Path) -> None:
    put(folder, "llm-key", f"{SECRET}\n".encode())
    assert credentials.read("llm-key").reveal() == SECRET


def test_systemd_comes_first_and_vouches_for_the_mode(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "llm-key", b"the user's")
    given_by_systemd = tmp_path / "systemd"
    given_by_systemd.mkdir()
    put(given_by_systemd, "llm-key", SECRET.encode(), 0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given_by_systemd))
    assert credentials.read("llm-key").reveal() == SECRET


def test_a_file_of_a_folder_that_systemd_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "credential_llm-key", SECRET.encode(), 0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert credentials.read("llm-key").reveal() == SECRET


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_open_to_others(folder: Path, mode: int) -> None:
    path = put(folder, "llm-key", SECRET.encode(), mode)
    with pytest.raises(CredentialError, match=f"chmod 600 {path}"):
        credentials.read("llm-key")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_of_somebody_else(folder: Path) -> None:
    os.chown(put(folder, "llm-key", SECRET.encode()), 4711, 4711)
    with pytest.raises(CredentialError, match="belongs to somebody else"):
        credentials.read("llm-key")


def test_absent_says_where_to_put_it(folder: Path) -> None:
    with pytest.raises(CredentialError, match="chmod 600") as error:
        credentials.read("hunter2")
    assert str(folder) in str(error.value)
    assert "hunter2" not in str(error.value)  # somebody may have taken the field for the secret itself


@pytest.mark.parametrize("name", ["", "../passwd", "a/b", ".hidden", "x" * 65, "key with spaces", "new\nline", "kеy"])
def test_no_name(folder: Path, name: str) -> None:
    with pytest.raises(CredentialError) as error:
        credentials.read(name)
    assert not name or name not in str(error.value)


@pytest.mark.parametrize("data", [b"", b"\n", b"two\nlines", b"\xff\xfe", b"nul\0", b"x" * 20_000])
def test_not_one_line_of_text(folder: Path, data: bytes) -> None:
    put(folder, "llm-key", data)
    with pytest.raises(CredentialError):
        credentials.read("llm-key")


def test_not_a_file(folder: Path) -> None:
    os.mkfifo(folder / "llm-key", 0o600)
    with pytest.raises(CredentialError, match="not a file"):
        credentials.read("llm-key")
    (folder / "folder").mkdir(mode=0o700)
    with pytest.raises(CredentialError, match="not a file"):
        credentials.read("folder")


def test_shows_itself_only_when_asked() -> None:
    secret = Secret(SECRET)
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r}", f"{[secret]}"):
        assert SECRET not in shown
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(secret)


@given(st.binary(max_size=300))
def test_whatever_the_file_holds(data: bytes) -> None:
    """Text or CredentialError, and the error repeats nothing of it."""
    shown = ""
    try:
        assert credentials._text(Path("key"), data).encode() == data.rstrip(b"\r\n")
    except CredentialError as error:
        shown = str(error)
    assert len(data) < 8 or data.decode("latin-1") not in shown


KEY = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"


def test_a_key_is_located_and_not_read(folder: Path) -> None:
    path = put(folder, "mqtt-key", KEY)
    assert credentials.locate("mqtt-key") == path
    with pytest.raises(CredentialError, match="not one line of text"):
        credentials.read("mqtt-key")


@pytest.mark.parametrize(
    ("data", "mode", "reason"),
    [
        (KEY, 0o640, "can be read by others; `chmod 600"),
        (b"secret\n", 0o600, "holds no private key"),
        (KEY.replace(b"PRIVATE", b"ENCRYPTED PRIVATE"), 0o600, "openssl pkey"),
        (KEY + b"x" * credentials.MAX_BYTES, 0o600, "is it the right file"),
    ],
)
def test_what_is_no_usable_key(folder: Path, data: bytes, mode: int, reason: str) -> None:
    put(folder, "mqtt-key", data, mode)
    with pytest.raises(CredentialError, match=reason) as told:
        credentials.locate("mqtt-key")
    assert "secret" not in str(told.value)


def test_problems_name_the_key_of_the_configuration(folder: Path) -> None:
    mqtt = {"password": "mqtt-password", "tls": True, "cert_file": "/x", "key": "mqtt-key"}
    config = Config.model_validate({"mqtt": mqtt})
    assert [problem.split(":")[0] for problem in credentials.problems(config)] == ["mqtt.password", "mqtt.key"]
    assert list(credentials.problems(config, known=["mqtt-password", "mqtt-key"])) == []
    put(folder, "mqtt-key", KEY)
    put(folder, "mqtt-password", b"sesame")
    assert list(credentials.problems(config)) == []
