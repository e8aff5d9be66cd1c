"""A real browser in the room: Chromium, headless, whose microphone and loudspeaker are those of the room.

The sound server's devices reach it by its environment; it is allowed the microphone without a question. Playwright
drives it (`requirements-browser.txt`), and Chromium is the system's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.lab.processes import PackagesMissing, which

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
ARGUMENTS = ("--use-fake-ui-for-media-stream", "--no-sandbox")
# Playwright mutes a headless browser, and here its sound is looked at.
WITHOUT = ("--mute-audio",)


def missing() -> str:
    """Why there is no browser here, with what to run; "" if there is one."""
    if program() is None:
        return f"no Chromium; run: sudo apt-get install -y {PROGRAMS[0]}"
    try:
        import playwright  # noqa: F401
    except ModuleNotFoundError:
        return "no Playwright; run: pip install -r requirements-browser.txt"
    return ""


def program() -> str | None:
    return next((found for name in PROGRAMS if (found := which(name)) is not None), None)


@contextmanager
def opened(env: Mapping[str, str], *arguments: str) -> Iterator[Browser]:
    """Chromium in the room whose environment this is. Raises PackagesMissing."""
    if missing():
        raise PackagesMissing(missing())
    from playwright.sync_api import sync_playwright

    given = [*ARGUMENTS, *arguments]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=program(), env={**os.environ, **env}, args=given, ignore_default_args=list(WITHOUT)
        ) as browser,
    ):
        yield browser
