"""A real browser before the page: Chromium, headless, whose microphone and loudspeaker are those of the room.

The sound server's devices reach it by its environment; the microphone is allowed without a question.
`Visit` watches what a page must not do: complain on its console, or ask anybody but the agent for anything.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from agent.lab.chromium import missing, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Request

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}
WAIT_MS = 10_000


@contextmanager
def chromium(env: Mapping[str, str], *arguments: str) -> Iterator[Browser]:
    """Chromium in the room whose environment this is. Skips the test where there is none."""
    if missing():
        pytest.skip(missing())
    with opened(env, *arguments) as browser:
        yield browser


@dataclass
class Visit:
    """A page, and what went wrong in it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def evaluate(self, script: str) -> Any:
        return self.page.evaluate(script)

    def ahead_s(self) -> float:
        """Our monotonic seconds when the page's clock stood at 0; good to a millisecond."""
        rounds: list[tuple[float, float]] = []
        for _ in range(7):
            before = time.monotonic()
            page_ms = self.page.evaluate("performance.now()")
            after = time.monotonic()
            rounds.append((after - before, (before + after) / 2 - page_ms / 1000))
        return min(rounds)[1]

    def online(self) -> None:
        self.page.wait_for_selector('body[data-link="online"]')

    def phase(self) -> str:
        return self.page.locator("#phase").inner_text()


@contextmanager
def visiting(
    browser: Browser, url: str, prefs: Mapping[str, object] | None = None, script: str = "", **options: Any
) -> Iterator[Visit]:
    """A page of a browser that has never been here, or that remembers `prefs`. `script` runs before the page's own."""
    options = {"viewport": DESKTOP, "locale": "en-GB", "color_scheme": "light", **options}
    context: BrowserContext = browser.new_context(**options)
    try:
        context.set_default_timeout(WAIT_MS)
        if prefs:
            script += f";localStorage.setItem('voice-agent', JSON.stringify({json.dumps(dict(prefs))}))"
        if script:
            context.add_init_script(script)
        visit = Visit(context.new_page())
        _watch(visit, urlsplit(url).netloc)
        visit.page.goto(url)
        yield visit
    finally:
        context.close()


def _watch(visit: Visit, host: str) -> None:
    def failed(error: Error) -> None:
        visit.complaints.append(f"{error}\n{error.stack}")

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.complaints.append(message.text)

    def asked(request: Request) -> None:
        if urlsplit(request.url).netloc != host:
            visit.strangers.append(request.url)

    visit.page.on("pageerror", failed)
    visit.page.on("console", said)
    visit.page.on("request", asked)
