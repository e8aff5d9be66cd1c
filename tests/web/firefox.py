"""Firefox before the page: headless, its microphone and loudspeaker those of the room, driven by WebDriver BiDi.
https://www.w3.org/TR/webdriver-bidi/

Playwright drives a Firefox of its own that no package has, and asks a Debian one for commands that it does not know.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from agent.lab.processes import end, spawn, which

PROGRAMS = ("firefox-esr", "firefox")
PREFERENCES = {
    "media.navigator.permission.disabled": True,  # the microphone without a question
    "media.autoplay.default": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "app.update.disabledForTesting": True,
}
START_S, WAIT_S = 60.0, 40.0


class Tab:
    """A tab, and the errors on its console."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = count(1)
        self.complaints: list[str] = []
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded"])
        self._context = self.command("browsingContext.create", type="tab")["context"]

    def command(self, method: str, timeout_s: float = WAIT_S, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout_s))
            if message.get("id") == number:
                assert message["type"] == "success", message
                result: dict[str, Any] = message["result"]
                return result
            if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.complaints.append(message["params"]["text"])

    def open(self, url: str, remembered: Mapping[str, object]) -> None:
        """`remembered`: what the page finds of an earlier visit."""
        self.go(f"{url}icon.svg")  # of the same origin, and no visit
        self.evaluate(f"localStorage.setItem('voice-agent', {json.dumps(json.dumps(dict(remembered)))}) ?? true")
        self.go(url)

    def go(self, url: str = "about:blank") -> None:
        self.command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """What can be said as JSON. Raises AssertionError where it throws."""
        answer = self.command(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    def until(self, expression: str) -> None:
        """Raises AssertionError, with what the page shows, where it takes too long."""
        look = f"() => ({expression}) || performance.now() > end ? done(true) : setTimeout(look, 20)"
        body = f"const end = performance.now() + {WAIT_S * 500}; const look = {look}; look();"
        self.evaluate(f"new Promise((done) => {{ {body} }})")
        assert self.evaluate(f"!!({expression})"), f"not {expression}:\n{self.evaluate('document.body.innerText')}"

    def click(self, selector: str) -> None:
        """A real one, which may turn on a microphone."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = self.evaluate(f"(({{ x, y, width, height }}) => [x + width / 2, y + height / 2])({box})")
        steps = [
            {"type": "pointerMove", "x": int(x), "y": int(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self.command(
            "input.performActions",
            context=self._context,
            actions=[{"type": "pointer", "id": "mouse", "actions": steps}],
        )


@contextmanager
def firefox(env: Mapping[str, str]) -> Iterator[Tab]:
    """A tab of a new one in the room whose environment this is. Skips the test where there is none."""
    program = next((found for name in PROGRAMS if (found := which(name)) is not None), None)
    if program is None:
        pytest.skip(f"no Firefox; run: sudo apt-get install -y {PROGRAMS[0]}")
    with TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        profile, said = Path(folder), Path(folder) / "said"
        lines = (f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in PREFERENCES.items())
        (profile / "user.js").write_text("".join(lines))
        command = [program, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", folder]
        with said.open("wb") as log:
            process = spawn(command, {**os.environ, **env, "HOME": folder}, stdout=log, stderr=log)
        stack.callback(end, process, 10.0)
        yield Tab(stack.enter_context(connect(f"{_address(said, process)}/session", max_size=None)))


def _address(said: Path, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + START_S
    while (found := re.search(r"listening on (ws://\S+)", text := said.read_text(errors="replace"))) is None:
        assert process.poll() is None, f"Firefox has ended: {text}"
        assert time.monotonic() < until, f"Firefox did not start: {text}"
        time.sleep(0.05)  # a file tells nobody that it grows
    return found[1]
