"""A real browser before Home Assistant's own pages: Chromium, headless, in the machine's network, the owner logged in.

Debian's Chromium and Playwright, which drives it and looks through shadow roots by itself, are brought by
`make test-home-assistant`; a host that has none of them raises Unsupported.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core import PORT
from machines.unsupported import Unsupported

if TYPE_CHECKING:
    from playwright.sync_api import Page, StorageState

PROGRAMS = ("chromium-headless-shell", "chromium")
URL = f"http://127.0.0.1:{PORT}"
WIDTH, HEIGHT, SCALE = 460, 1000, 2  # a column of a dashboard, or a phone; sharp when it is shown large
WAIT_S = 60.0
NEVER_MS = 4_102_444_800_000


@contextmanager
def opened(token: str) -> Iterator[Page]:
    """An empty page of a browser that knows its user. Raises Unsupported."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise Unsupported(f"no Chromium; run: apt install {PROGRAMS[0]}")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise Unsupported("no Playwright; run: pip install -r requirements-browser.txt") from None
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program) as chromium:
        context = chromium.new_context(
            viewport={"width": WIDTH, "height": HEIGHT},
            device_scale_factor=SCALE,
            color_scheme="light",
            locale="en-GB",
            storage_state=_logged_in(token),
        )
        context.set_default_timeout(WAIT_S * 1000)
        yield context.new_page()


def _logged_in(token: str) -> StorageState:
    """What Home Assistant's pages keep of a login, with a token that needs no renewal."""
    kept = {
        "access_token": token, "refresh_token": "", "token_type": "Bearer", "expires_in": 1800, "expires": NEVER_MS,
        "hassUrl": URL, "clientId": f"{URL}/",
    }  # fmt: skip
    return {"origins": [{"origin": URL, "localStorage": [{"name": "hassTokens", "value": json.dumps(kept)}]}]}
