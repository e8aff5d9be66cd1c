"""The door: every request is looked at here before anything else, and every answer leaves with the same headers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from aiohttp import web
from aiohttp.typedefs import Middleware

from agent.web.access import COOKIE, COOKIE_S, Access

log = logging.getLogger(__name__)

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
            "frame-ancestors 'none'"
        ),
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }
)
MAX_FORM = 4096  # bytes
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def door(access: Access) -> Middleware:
    @web.middleware
    async def at_the_door(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            _look(request, access)
            response = await handler(request)
        except web.HTTPException as refusal:
            refusal.headers.update(HEADERS)
            raise
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    return at_the_door


def _look(request: web.Request, access: Access) -> None:
    if not access.our_host(request.headers.get("Host")):
        raise web.HTTPMisdirectedRequest(
            text="This device is not known by that name; web.hosts in its configuration lists the names it answers to."
        )
    if request.method not in ("GET", "HEAD") and not _from_our_page(request, access):
        raise web.HTTPForbidden(text="Only the page of this device may ask for that.")


def _from_our_page(request: web.Request, access: Access) -> bool:
    return access.our_page(request.headers.get("Origin"), request.headers.get("Host", ""), request.secure)


def admitted(request: web.Request, access: Access) -> bool:
    """Whether whoever asks has shown the token, now or earlier."""
    return access.admits(request.cookies) or access.bears(request.headers.get("Authorization"), request.remote or "")


def may_talk(request: web.Request, access: Access) -> None:
    """Of a WebSocket. A browser says from which page; a program that says none has to show the token itself."""
    if "Origin" in request.headers:
        if not _from_our_page(request, access):
            raise web.HTTPForbidden(text="Only the page of this device may open that.")
        if not access.admits(request.cookies):
            raise web.HTTPUnauthorized(text="Please log in first.")
        return
    if access.too_many(request.remote or ""):
        raise _too_many()
    if not access.open and not access.bears(request.headers.get("Authorization"), request.remote or ""):
        raise web.HTTPUnauthorized(text="The token is missing or wrong (Authorization: Bearer TOKEN).")


def _too_many() -> web.HTTPException:
    return web.HTTPTooManyRequests(text="Too many wrong tokens; please wait a minute.", headers={"Retry-After": "60"})


async def log_in(request: web.Request, access: Access) -> web.StreamResponse:
    """The field `token` of a form; leads to the page, or back."""
    address = request.remote or ""
    if access.too_many(address):
        raise _too_many()
    try:
        given = (await request.post()).get("token")
    except (ValueError, LookupError):  # of no encoding that there is, or a multipart form without an end
        raise web.HTTPBadRequest(text="That is no form.") from None
    if not isinstance(given, str) or not access.right(given.strip(), address):
        log.warning("a wrong token from %s", address, extra={"code": "web.token"})
        raise web.HTTPSeeOther("./?wrong=1")
    response = web.HTTPSeeOther("./")
    response.set_cookie(
        COOKIE, access.ticket(), max_age=COOKIE_S, httponly=True, samesite="Strict", secure=request.secure
    )
    raise response


async def log_out(request: web.Request) -> web.StreamResponse:
    response = web.HTTPSeeOther("./")
    response.del_cookie(COOKIE)
    raise response
