"""A real HTTP server on loopback that misbehaves on request, and archives to serve."""

from __future__ import annotations

import io
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler


@dataclass
class Site:
    """What the server has and does. `cut`: bytes after which the next answers break off; `hang`: they stop there."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    hang: bool = False
    ranges: bool = True
    sized: bool = True
    etag: str = '"one"'
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


def handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            site.requests.append((self.path, self.headers["Range"]))
            if site.statuses:
                self.send_error(site.statuses.pop(0))
            elif self.path in site.redirects:
                self.send_response(302)
                self.send_header("Location", site.redirects[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif self.path in site.files:
                self._answer(site.files[self.path])
            else:
                self.send_error(404)

        def _answer(self, body: bytes) -> None:
            start = 0
            if site.ranges and self.headers["Range"] and self.headers["If-Range"] == site.etag:
                start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if start else 200)
            self.send_header("ETag", site.etag)
            if site.sized:
                self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            end = site.cuts.pop(0) if site.cuts else len(body)
            self.wfile.write(body[start:end])
            if site.hang:
                self.wfile.flush()
                site.over.wait(30)
            self.close_connection = True

    return Handler


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()
