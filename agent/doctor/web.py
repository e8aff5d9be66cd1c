"""The page: can it be served, by which names, and would a browser take it? Its token is read, and shown to nobody.

It is asked for where the running service serves it; where nobody answers, its port is tried.
"""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from importlib.util import find_spec

from agent import credentials
from agent.config import Web
from agent.credentials import CredentialError
from agent.doctor import certificate, report
from agent.doctor.context import Context
from agent.doctor.finding import Finding, of_problem
from agent.web.room import NEEDED

ANSWER_S = 5.0
DAY_S = 86_400
DAYS = 14
LETTERS = 16
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
UNPRIVILEGED = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
FRESH = "openssl rand -base64 24 makes a good one"
PAGE = "docs/web.md has the ways to get one"
WHO = "sudo ss -ltnp shows who listens where; or choose another web.port"


def examine(context: Context) -> Iterator[Finding]:
    web = context.config.web
    if not web.enabled:
        yield Finding("web", "info", "page", "switched off by web.enabled")
        return
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        shown = f"{', '.join(missing)}: not installed"
        yield Finding("web", "failure", "page", shown, "pip install 'voice-agent[web]'")
        return
    yield _token(web)
    yield from _certificate(web)
    if not web.local and not _names(web):
        shown = "browsers elsewhere are refused: the page answers to localhost alone"
        yield Finding("web", "warning", "names", shown, 'web.hosts = ["kitchen.local", "192.168.1.40"]')
    context.say(f"asking {_url(web)}")
    yield _answer(web, context)


def _token(web: Web) -> Finding:
    if web.token is None:
        shown = "none: whatever runs on this machine, and whoever is logged in there, may talk"
        return Finding("web", "info", "token", shown)
    try:
        letters = len(credentials.read(web.token).reveal())
    except CredentialError as error:
        return of_problem("web", "token", f"web.token: {error}", "voice-agent check")
    if letters < LETTERS:
        shown = f"it has {letters} characters; fewer than {LETTERS} can be guessed"
        return Finding("web", "warning", "token", shown, FRESH)
    return Finding("web", "ok", "token", f"{letters} characters")


def _certificate(web: Web) -> Iterator[Finding]:
    if web.cert_file is None:
        if not web.local:
            shown = "none: whoever is in that network hears everything, and browsers there give no microphone"
            yield Finding("web", "warning", "certificate", shown, PAGE)
        return
    from agent.web.server import tls

    try:
        server = tls(web)
        assert server is not None
        found = certificate.look(server, web.cert_file, _names(web))
    except CredentialError as error:
        yield of_problem("web", "key", f"web.key: {error}", "voice-agent check")
    except ssl.SSLError as error:
        yield _unfit(web.cert_file, error)
    except OSError as error:
        shown = f"web.cert_file: {web.cert_file}: {error.strerror}"
        yield of_problem("web", "certificate", shown, "the service's user has to be able to read it (chmod 644)")
    else:
        yield _dates(found)
        if found.strange:
            shown = f"it is not for {', '.join(found.strange)}: browsers will warn of it there"
            yield Finding("web", "warning", "certificate", shown, f"have these names in it, too; {PAGE}")


def _unfit(cert_file: str, error: ssl.SSLError) -> Finding:
    if error.reason == "KEY_VALUES_MISMATCH":
        return Finding("web", "failure", "certificate", f"{cert_file} and web.key are not of one pair", PAGE)
    why = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else (error.reason or "no PEM")
    return Finding("web", "failure", "certificate", f"{cert_file} cannot be used: {why}", PAGE)


def _dates(found: certificate.Certificate) -> Finding:
    now = time.time()
    left = int((found.until - now) // DAY_S)
    figures: dict[str, object] = {"days_left": left, "issuer": found.issuer}
    if found.since > now:
        remedy = "is the clock right? voice-agent doctor --only clock"
        return Finding("web", "failure", "certificate", f"it holds from {_day(found.since)} on", remedy, figures)
    if found.until <= now:
        return Finding("web", "failure", "certificate", f"it ended on {_day(found.until)}", PAGE, figures)
    shown = f"by {found.issuer}, {left} days are left"
    if left < DAYS:
        remedy = "renew it, and restart the service"
        return Finding("web", "warning", "certificate", shown, remedy, figures)
    return Finding("web", "ok", "certificate", shown, "", figures)


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def _answer(web: Web, context: Context) -> Finding:
    """Does the page answer, and if not: could it?"""
    url = _url(web)
    began = time.monotonic()
    try:
        status, body = _asked(web)
    except ConnectionRefusedError:
        return _free(web, context)
    except socket.gaierror as error:
        return Finding(
            "web", "failure", "port", f"web.address: {web.address}: {error.strerror}", "write a number there"
        )
    except (OSError, http.client.HTTPException) as error:
        return _somebody(f"what listens at {url} is no page: {error or type(error).__name__}")
    took_ms = (time.monotonic() - began) * 1000
    if (status, body) != (200, b"ok\n"):
        return _somebody(f"what listens at {url} answers otherwise, with {status}")
    shown = f"{url} answers in {took_ms:.0f} ms"
    return Finding("web", "ok", "port", shown, "", {"answer_ms": round(took_ms, 1)})


def _somebody(shown: str) -> Finding:
    return Finding("web", "failure", "port", shown, f"{WHO}; the service may have another configuration: reload it")


def _asked(web: Web) -> tuple[int, bytes]:
    """Nothing secret is said, so whoever answers may be anybody. Raises OSError, http.client.HTTPException."""
    host = ANYWHERE.get(web.address, web.address)
    connection: http.client.HTTPConnection
    if web.cert_file is None:
        connection = http.client.HTTPConnection(host, web.port, timeout=ANSWER_S)
    else:
        anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, web.port, timeout=ANSWER_S, context=anybody)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status, answer.read(16)
    finally:
        connection.close()


def _free(web: Web, context: Context) -> Finding:
    """Nobody listens there; may we?"""
    privileged = int(context.text(UNPRIVILEGED) or 1024)
    if web.port < privileged:
        remedy = "a port from 1024 on; docs/web.md tells how a proxy stands before it"
        return Finding("web", "failure", "port", f"ports below {privileged} are root's", remedy)
    if report.running() is not None:
        remedy = "journalctl -u voice-agent VOICE_AGENT_CODE=web.failed; a new configuration is read by a reload"
        return Finding("web", "failure", "port", f"the service runs, and nobody answers at {_url(web)}", remedy)
    family, kind, *_, where = socket.getaddrinfo(web.address, web.port, type=socket.SOCK_STREAM)[0]
    try:
        with socket.socket(family, kind) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(where)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            remedy = "ip address shows those there are; 0.0.0.0 is all of them"
            return Finding("web", "failure", "port", f"{web.address} is no address of this machine", remedy)
        return Finding("web", "failure", "port", f"{web.address}:{web.port}: {error.strerror}", WHO)
    return Finding("web", "ok", "port", f"{web.port} is free; the service does not run")


def _names(web: Web) -> list[str]:
    """By which browsers elsewhere may call it, without brackets."""
    own = [] if web.local or web.address in ANYWHERE else [web.address]
    return [name.strip("[]") for name in (*own, *web.hosts)]


def _url(web: Web) -> str:
    name = next(iter(_names(web)), "localhost")
    return f"http{'s' if web.cert_file else ''}://{f'[{name}]' if ':' in name else name}:{web.port}/"
