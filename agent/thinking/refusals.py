"""Connections that fail and HTTP answers other than a stream: what they mean for the turn, and whether to try again."""

from __future__ import annotations

import json
import random
import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from agent.thinking.failure import Failure
from agent.thinking.reply import error_text

MAX_RETRY_AFTER_S = 5.0
JITTER_S = (0.1, 0.5)
OPTIONAL = ("max_tokens", "temperature", "top_p")


def jitter() -> float:
    """Seconds before the one retry, so that not all devices of a house come back at once."""
    return random.uniform(*JITTER_S)


def unconnected(error: BaseException) -> Failure:
    """The Failure that an error while connecting stands for. Its text is not passed on: it may quote a header."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Failure("unreachable", f"TLS certificate refused: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return Failure("unreachable", f"TLS failed: {cause.reason}")
    return Failure("unreachable", "connection refused or no such host", jitter())


def refusal(status: int, headers: Mapping[str, str], what: str, now: datetime) -> Failure:
    """The Failure that an HTTP status other than 200 stands for.

    `headers` by lower-case name; `what` the server says about it, without secrets; `now` aware.
    """
    detail = f"HTTP {status}: {what}" if what else f"HTTP {status}"
    match status:
        case 401 | 403:
            return Failure("auth", f"HTTP {status}: the key is missing or refused")
        case 429:
            return Failure("rate_limited", detail, _again_in(headers, now))
        case 408:
            return Failure("server_error", detail, jitter())
        case _ if status >= 500:
            return Failure("server_error", detail, _again_in(headers, now))
        case _ if 300 <= status < 400:
            return Failure("bad_reply", f"HTTP {status}: redirects are not followed")
        case _:
            return Failure("server_error", detail)


def explanation(body: bytes) -> str:
    """What the body of an error says, or ""; it may quote the key."""
    return error_text(_json(body))


def unwanted_parameter(body: bytes) -> str | None:
    """Which optional parameter a status 400 complains about: newer OpenAI models refuse max_tokens and temperature.

    "tools": the model cannot use any, as Ollama says of most small ones.
    """
    value = _json(body)
    error = value.get("error") if isinstance(value, dict) else None
    param = error.get("param") if isinstance(error, dict) else None
    if param in OPTIONAL:
        return str(param)
    what = error_text(value)
    if re.search(r"\btools\b", what):
        return "tools"
    return next((name for name in OPTIONAL if re.search(rf"""['"`]{name}['"`]""", what)), None)


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks to wait (a number or a date, RFC 9110 section 10.2.3); None: nonsense."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value.strip(), re.ASCII):
        return float(value)
    try:
        when = parsedate_to_datetime(value)
        return max(timedelta(), when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds()
    except (ValueError, OverflowError):
        return None


def _again_in(headers: Mapping[str, str], now: datetime) -> float | None:
    """None where the server wants us to stay away for longer than anybody listens."""
    asked = retry_after(headers["retry-after"], now) if "retry-after" in headers else None
    if asked is None:
        return jitter()
    return asked + jitter() / 10 if asked <= MAX_RETRY_AFTER_S else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
