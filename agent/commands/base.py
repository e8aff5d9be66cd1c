"""The words that several commands share."""

from __future__ import annotations

from typing import Literal

Outcome = Literal["answered", "interrupted", "silence", "failed", "yielded", "continued"]
EarconName = Literal["wake", "done", "error", "muted", "thinking", "announce", "timer"]
Scalar = str | int | float | bool | None
