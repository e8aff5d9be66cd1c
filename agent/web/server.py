"""The server: the page, the door, and the WebSockets of those who talk. In one asyncio loop, on a thread of its own."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from agent import credentials
from agent.config import Web
from agent.web.access import Access
from agent.web.door import MAX_FORM, admitted, door, log_in, log_out
from agent.web.visitors import Visitors

PAGE = Path(__file__).with_name("page")


def application(access: Access, visitors: Visitors, folders: Sequence[Path] = ()) -> web.Application:
    """`folders`: with more files, beside those of the page."""

    async def index(request: web.Request) -> web.StreamResponse:
        known = admitted(request, access)
        return web.FileResponse(PAGE / ("index.html" if known else "login.html"), status=200 if known else 401)

    async def file(request: web.Request) -> web.StreamResponse:
        """Of the page, which holds no secret and has no folders: so no name leads out of it."""
        name = request.match_info["name"]
        path = next((found for folder in (PAGE, *folders) if (found := folder / name).is_file()), None)
        if path is None:
            raise web.HTTPNotFound(text="There is no such file.")
        return web.FileResponse(path)

    async def login(request: web.Request) -> web.StreamResponse:
        return await log_in(request, access)

    async def health(request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def talk(request: web.Request) -> web.StreamResponse:
        return await visitors.talk(request, access)

    app = web.Application(middlewares=[door(access)], client_max_size=MAX_FORM)
    app.router.add_get("/", index)
    app.router.add_get("/healthz", health)
    app.router.add_get("/ws", talk)
    app.router.add_post("/login", login)
    app.router.add_post("/logout", log_out)
    app.router.add_get(r"/{name:[a-z0-9-]+\.[a-z0-9]+}", file)
    return app


def tls(config: Web) -> ssl.SSLContext | None:
    """None without a certificate. Raises CredentialError, OSError."""
    if config.cert_file is None or config.key is None:
        return None
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(config.cert_file, credentials.locate(config.key), password=lambda: "")
    return made
