"""Secrets: read by name from where the system keeps them, never from the configuration or the environment.

In this order: `$CREDENTIALS_DIRECTORY/NAME` (systemd's LoadCredential), `$CREDENTIALS_DIRECTORY/credential_NAME` (what
systemd makes of a file in a folder that the unit loads as `credential`), `/etc/voice-agent/credentials/NAME`,
`$XDG_CONFIG_HOME/voice-agent/credentials/NAME`. Outside of systemd's folder a file must belong to us or to root and be
closed to group and others (0600), else it is refused.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from agent.config import Config

MAX_BYTES = 16_384
SYSTEM_FOLDER = Path("/etc/voice-agent/credentials")


class CredentialError(Exception):
    """str() says which credential cannot be used, why, and what to do; it never holds the secret."""


class Secret:
    """A text that shows itself only where asked to."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not to be pickled")


def named_by(config: Config) -> dict[str, str]:
    """Key in the configuration -> name of the credential, for all that it names."""
    named = {"mqtt.password": config.mqtt.password if config.mqtt.enabled else None}
    named |= {"web.token": config.web.token if config.web.enabled else None}
    named |= {f"llm.profiles.{name}.api_key": profile.api_key for name, profile in config.llm.profiles.items()}
    named |= {f"tools.mcp.{name}.token": server.token for name, server in config.tools.mcp.items()}
    return {key: name for key, name in named.items() if name is not None}


def keys_named_by(config: Config) -> dict[str, str]:
    """The same for private keys, which are files of many lines: see `locate`."""
    named = {"mqtt.key": config.mqtt.key if config.mqtt.enabled else None}
    named |= {"web.key": config.web.key if config.web.enabled else None}
    return {key: name for key, name in named.items() if name is not None}


def problems(config: Config, known: Collection[str] = ()) -> Iterator[str]:
    """What keeps the credentials that are named from being used, one sentence each; `known`: names to leave out."""
    for finder, named in ((read, named_by(config)), (locate, keys_named_by(config))):
        for key, name in named.items():
            if name in known:
                continue
            try:
                finder(name)
            except CredentialError as error:
                yield f"{key}: {error}"


def read(name: str) -> Secret:
    """The credential called `name`, without a trailing line break. Raises CredentialError."""
    path, data = _open(name)
    return Secret(_text(path, data))


def read_from(path: Path) -> Secret:
    """A credential in a file that somebody names, without a trailing line break. Raises CredentialError."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    trusted = given is not None and path.resolve().is_relative_to(Path(given).resolve())
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise CredentialError(f"credential {path} cannot be opened: {error.strerror}") from error
    try:
        return Secret(_text(path, _checked(path, descriptor, trusted)))
    finally:
        os.close(descriptor)


def locate(name: str) -> Path:
    """The file of the credential called `name`, for libraries that read a key by themselves. Raises CredentialError."""
    path, data = _open(name)
    if b"PRIVATE KEY-----" not in data:
        raise CredentialError(f"credential {path} holds no private key in PEM (-----BEGIN PRIVATE KEY-----)")
    if b"ENCRYPTED" in data:
        raise CredentialError(
            f"credential {path} is a key with a passphrase, which nobody could type; "
            f"`openssl pkey -in KEY -out {path}` makes one without"
        )
    return path


def _open(name: str) -> tuple[Path, bytes]:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise CredentialError("a credential is named by letters, digits, dots, hyphens; is this the secret itself?")
    for path, trusted in _places(name):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            # Root's file, put there after systemd has handed over the others.
            late = "; systemd hands it over at the next restart" if "CREDENTIALS_DIRECTORY" in os.environ else ""
            raise CredentialError(f"credential {path} cannot be opened: {error.strerror}{late}") from error
        except OSError as error:
            raise CredentialError(f"credential {path} cannot be opened: {error.strerror}") from error
        try:
            return path, _checked(path, descriptor, trusted)
        finally:
            os.close(descriptor)
    # Its name is not repeated: somebody may have put the secret where its name belongs.
    places = f"{user_folder()} or {SYSTEM_FOLDER}"
    raise CredentialError(f"there is no such credential; put it into a file of that name in {places} (chmod 600)")


def user_folder() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "voice-agent/credentials"


def _places(name: str) -> Iterator[tuple[Path, bool]]:
    """(file, whether systemd vouches for owner and mode)."""
    if given := os.environ.get("CREDENTIALS_DIRECTORY"):
        yield Path(given) / name, True
        yield Path(given) / f"credential_{name}", True
    yield SYSTEM_FOLDER / name, False
    yield user_folder() / name, False


def _checked(path: Path, descriptor: int, trusted: bool) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise CredentialError(f"credential {path} is not a file")
    if not trusted and status.st_uid not in (0, os.geteuid()):
        raise CredentialError(f"credential {path} belongs to somebody else; `sudo chown root {path}`")
    if not trusted and status.st_mode & 0o077:
        raise CredentialError(f"credential {path} can be read by others; `chmod 600 {path}`")
    data = b""
    while len(data) <= MAX_BYTES and (piece := os.read(descriptor, MAX_BYTES + 1)):
        data += piece
    if len(data) > MAX_BYTES:
        raise CredentialError(f"credential {path} is over {MAX_BYTES} bytes long; is it the right file?")
    return data


def _text(path: Path, data: bytes) -> str:
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise CredentialError(f"credential {path} is not UTF-8 text") from None
    if not text or not text.isprintable():
        raise CredentialError(f"credential {path} is empty or not one line of text")
    return text
