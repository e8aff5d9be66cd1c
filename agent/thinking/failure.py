"""Why a language model gave no answer, or only half of one."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    "none_configured",
    "unreachable",
    "auth",
    "rate_limited",
    "server_error",
    "timeout",
    "bad_reply",
    "other_script",
    "cut_off",
]

MAX_DETAIL = 200
NONE_CONFIGURED = "no language model is configured"


class Failure(Exception):
    """`code` as in `agent.events.LlmFailed`; `detail` for people, one short line, never with a secret.

    `again_in`: seconds after which one more try of the same profile may help; None where it would not.
    `acted`: something has been done before it failed, so that nobody else may be asked to do it again.
    """

    def __init__(self, code: Code, detail: str, again_in: float | None = None, acted: bool = False) -> None:
        super().__init__(code, one_line(detail))
        self.code: Code = code
        self.detail = one_line(detail)
        self.again_in = again_in
        self.acted = acted


def one_line(text: str, limit: int = MAX_DETAIL) -> str:
    """What a server wrote, fit for a log line: no control characters, no line breaks, at most `limit` characters."""
    printable = "".join(c if c.isprintable() else " " for c in text[: limit * 4])
    clean = " ".join(printable.split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
