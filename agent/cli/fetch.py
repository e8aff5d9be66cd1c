"""Downloading one file over HTTPS: resumed where it broke off, checked, renamed into place only when whole.

Rules:
- Bytes go to `NAME.part`; what it is a part of (ETag or Last-Modified) stands in `NAME.part.tag`, so that a part of
  another version is never continued (`If-Range`, RFC 9110 section 13.1.5).
- A connection that breaks or stalls is taken up again, ATTEMPTS times without progress; then it is a temporary failure
  and the part is kept for the next try.
- HTTPS only, redirects included; plain HTTP only from this machine itself, or where the caller allows it because a
  checksum tells the file from any other.
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

Progress = Callable[[int, int], None]
"""(bytes so far, bytes in all or 0 where not known)."""

ATTEMPTS = 4
MAX_BYTES = 8 << 30


class FetchFailed(Exception):
    """The file could not be had now (network, server). Trying again may help."""


class WrongFile(Exception):
    """The file is not the expected one (size, checksum). Trying again will hardly help."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Time-outs in seconds: to connect, without a byte, and between attempts (doubling)."""

    connect_s: float = 10.0
    silent_s: float = 30.0
    pause_s: float = 1.0


class _Broken(Exception):
    """This attempt ended before the file did."""


class _Download:
    def __init__(self, url: str, target: Path, size: int, progress: Progress) -> None:
        self._url = url
        self._part = target.with_name(target.name + ".part")
        self._tag = target.with_name(target.name + ".part.tag")
        self._size = size
        self._progress = progress

    @property
    def part(self) -> Path:
        return self._part

    def done(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def attempt(self, client: httpx.Client) -> None:
        """One request. Raises _Broken where it may be continued, FetchFailed, WrongFile."""
        start = self.done() if self._tag.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": self._tag.read_text(encoding="latin-1")}
        try:
            with client.stream("GET", self._url, headers=headers) as response:
                self._receive(response, start)
        except (httpx.TransportError, httpx.StreamError) as error:
            raise _Broken(f"{type(error).__name__}: {error}".rstrip(": ")) from error

    def _receive(self, response: httpx.Response, start: int) -> None:
        match response.status_code:
            case 206:
                offset = start
            case 200:
                offset = 0
            case 416:
                self.forget()
                raise _Broken("the server does not know that part")
            case 408 | 425 | 429 | 500 | 502 | 503 | 504 as status:
                raise _Broken(f"the server answers {status}")
            case status:
                raise FetchFailed(f"{response.url} answers {status} {response.reason_phrase}")
        total = self._total(response, offset)
        self._remember(response)
        with self._part.open("r+b" if offset else "wb") as file:
            file.seek(offset)
            file.truncate()
            for data in response.iter_raw():
                file.write(data)
                self._check_growth(file.tell())
                self._progress(file.tell(), total)
            os.fsync(file.fileno())
        if total and self.done() < total:
            raise _Broken(f"it ended after {self.done()} of {total} bytes")

    def _total(self, response: httpx.Response, offset: int) -> int:
        length = response.headers.get("Content-Length", "")
        total = offset + int(length) if length.isdecimal() else self._size
        if self._size and total != self._size:
            raise WrongFile(f"{self._url} has {total} bytes, {self._size} are expected")
        return total

    def _check_growth(self, length: int) -> None:
        if length > (self._size or MAX_BYTES):
            self.forget()
            raise WrongFile(f"{self._url} has more than the expected {self._size or MAX_BYTES} bytes")

    def _remember(self, response: httpx.Response) -> None:
        etag = response.headers.get("ETag", "")
        tag = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
        if tag:
            self._tag.write_text(tag, encoding="latin-1")
        else:
            self._tag.unlink(missing_ok=True)

    def forget(self) -> None:
        self._part.unlink(missing_ok=True)
        self._tag.unlink(missing_ok=True)

    def keep(self, target: Path) -> None:
        self._part.replace(target)
        self._tag.unlink(missing_ok=True)


def fetch(
    url: str, target: Path, size: int, progress: Progress, patience: Patience = Patience(), plain_http: bool = False
) -> None:
    """Download `url` to `target`; `size` in bytes, 0 where not known. Raises FetchFailed, WrongFile, OSError."""
    download = _Download(url, target, size, progress)
    timeout = httpx.Timeout(patience.silent_s, connect=patience.connect_s)
    hooks = {"request": [] if plain_http else [_refuse_plain_http]}
    failures = 0
    with httpx.Client(timeout=timeout, follow_redirects=True, max_redirects=5, event_hooks=hooks) as client:
        while True:
            before = download.done()
            try:
                download.attempt(client)
                break
            except httpx.TooManyRedirects as error:
                raise FetchFailed(f"{url} redirects without end") from error
            except _Broken as broken:
                failures = 1 if download.done() > before else failures + 1
                if failures >= ATTEMPTS:
                    raise FetchFailed(f"{url}: {broken}; run it again to continue") from broken
            time.sleep(patience.pause_s * 2 ** (failures - 1))
    download.keep(target)


def _refuse_plain_http(request: httpx.Request) -> None:
    if request.url.scheme == "https" or _is_this_machine(request.url.host):
        return
    raise FetchFailed(f"{request.url} is not HTTPS")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
