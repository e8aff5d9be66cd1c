"""A thinker with a list of what it says."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.clock import now
from agent.commands import AskLlm, CancelLlm, Exchange
from agent.config import Config, Llm, LlmProfile, Persona
from agent.events import Event, Health, LlmFailed, ReplyDelta, ReplyDone, Turn
from agent.thinking.llm import Thinker

QUICK = {"cold_first_token_timeout_s": 5.0, "first_token_timeout_s": 5.0, "token_timeout_s": 5.0}


class Rig:
    """Runs a Thinker and keeps its events; `wait` for what has to come."""

    def __init__(
        self,
        use: tuple[str, ...],
        profiles: dict[str, LlmProfile],
        language: str = "en",
        persona: str = "default",
        **sections: Any,
    ) -> None:
        self.events: list[Event] = []
        self.fatal: list[str] = []
        self._came = threading.Condition()
        persona = Persona(prompt="Be brief.", language=language, use=persona)
        config = Config(llm=Llm(use=use, profiles=profiles), persona=persona, **sections)
        self.thinker = Thinker(config, self._emit, now, self.fatal.append)

    def _emit(self, event: Event) -> None:
        with self._came:
            self.events.append(event)
            self._came.notify_all()

    def wait(self, wanted: Callable[[Event], bool], timeout_s: float = 20.0) -> Event:
        def found() -> Event | None:
            return next((event for event in self.events if wanted(event)), None)

        with self._came:
            event = self._came.wait_for(found, timeout_s)
        assert event is not None, f"it did not come; there were {self.events}"
        return event

    def tell(self, turn: Turn, text: str = "Hi?", history: tuple[Exchange, ...] = ()) -> None:
        self.thinker.do(AskLlm(turn, text, history))

    def ask(self, turn: Turn = 1, text: str = "Hi?", history: tuple[Exchange, ...] = ()) -> ReplyDone | LlmFailed:
        """Ask and wait for the end."""
        self.tell(turn, text, history)
        end = self.wait(lambda e: isinstance(e, ReplyDone | LlmFailed) and e.turn == turn)
        assert isinstance(end, ReplyDone | LlmFailed)
        return end

    def cancel(self, turn: Turn) -> None:
        self.thinker.do(CancelLlm(turn))

    def text(self, turn: Turn = 1) -> str:
        return "".join(e.text for e in self.events if isinstance(e, ReplyDelta) and e.turn == turn)

    def health(self) -> list[tuple[str, str]]:
        return [(e.status, e.reason) for e in self.events if isinstance(e, Health)]

    def wait_health(self, status: str) -> str:
        event = self.wait(lambda e: isinstance(e, Health) and e.status == status)
        assert isinstance(event, Health)
        return event.reason

    def stop(self) -> float:
        """Seconds it took."""
        begin = time.monotonic()
        self.thinker.stop()
        return time.monotonic() - begin


@pytest.fixture
def profiles_rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rig]]:
    """`profiles_rig({"name": LlmProfile(…)})`: a started thinker that uses these profiles in this order,
    and knows `more` of them."""
    monkeypatch.setattr("agent.thinking.refusals.JITTER_S", (0.01, 0.02))
    rigs: list[Rig] = []

    def make(
        profiles: dict[str, LlmProfile],
        language: str = "en",
        more: dict[str, LlmProfile] | None = None,
        **sections: Any,
    ) -> Rig:
        made = Rig(tuple(profiles), profiles | (more or {}), language, **sections)
        rigs.append(made)
        made.thinker.start()
        return made

    yield make
    for made in rigs:
        made.stop()
        assert made.fatal == []


@pytest.fixture
def rig(profiles_rig: Callable[..., Rig]) -> Callable[..., Rig]:
    """`rig(url, …, max_tokens=9)`: a started thinker with a profile "a", "b", … for each address."""

    def make(*urls: str, **settings: Any) -> Rig:
        given = {**QUICK, **settings}
        return profiles_rig(
            {name: LlmProfile(base_url=url, **given) for name, url in zip("abcdef", urls, strict=False)}
        )

    return make


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate for localhost and 127.0.0.1, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed; `apt-get install openssl` installs it")
    folder = tmp_path_factory.mktemp("tls")
    file = folder / "server.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", names, "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    file.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
