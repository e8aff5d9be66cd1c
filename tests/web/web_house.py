"""A real agent with a page, in a room, with a broker and a scripted language model, and what can be waited for."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import psutil
from guest import WAIT_S, Guest
from sick_llm import SickLlm, answer
from sick_llm import Visit as Asked

from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.watch import Watcher

PARTS = ("mic", "speaker", "wake", "asr", "tts")
STORY = "There was a king who lived by the sea. " * 20
NAMES = count(1)


@dataclass
class WebAgent:
    """An agent that people visit by the page at `url`."""

    room: Room
    watcher: Watcher
    agent: Resident
    llm: SickLlm
    port: int
    device: str
    alone: int = 0  # children that it has without guests

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    def guest(self, **options: Any) -> Guest:
        return Guest(self.ws, **options)

    def process(self) -> psutil.Process:
        return psutil.Process(self.agent.pid)

    def wait_mqtt(self, topic: str, wanted: Any = lambda data: True, after: int = 0, timeout_s: float = WAIT_S) -> Any:
        """The first such message after the mark."""
        found = self.watcher.wait(lambda n: n.topic == topic and wanted(n.data), timeout_s, after, self.agent.check)
        assert found is not None, f"no {topic}: {[n.topic for n in self.watcher.notices[after:]]}\n{self.agent.tail()}"
        return found.data

    def wait_empty(self, timeout_s: float = WAIT_S) -> None:
        """Until all seats are free again, and their processes have ended."""
        until = time.monotonic() + timeout_s
        while (now := len(self.process().children())) > self.alone:
            assert time.monotonic() < until, f"{now} children, {self.alone} without guests\n{self.agent.tail()}"
            time.sleep(0.05)

    def wait_log(self, text: str, after: int = 0, timeout_s: float = WAIT_S) -> str:
        """Until the log says so; the log from `after` on."""
        return self.agent.wait_log(text, timeout_s, after)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def storyteller(visit: Asked) -> None:
    """Says again what it was asked; of a story, it tells a long one."""
    question = visit.request.body["messages"][-1]["content"]
    await answer(STORY if "story" in question.lower() else f"You said: {question}.")(visit)


@contextmanager
def agent_with_page(
    room: Room, broker: Broker, llm: SickLlm, settings: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None, wait: bool = True,
) -> Iterator[WebAgent]:  # fmt: skip
    """An agent of its own; `wait`: until its page is there and all parts work. The port is free, or of the settings."""
    settings = settings or {}
    device, port = f"web-{next(NAMES)}", settings.get("web.port") or free_port()
    given: dict[str, Any] = {
        "mqtt.port": broker.port,
        "mqtt.device": device,
        "llm.use": ["story"],
        "llm.profiles.story.base_url": llm.base_url,
        "llm.profiles.story.model": "story",
        "web.enabled": True,
        "web.port": port,
        "web.keep_s": 1.0,
        **settings,
    }
    with ExitStack() as stack:
        watcher = Watcher("127.0.0.1", broker.port, f"voice-agent/{device}")
        watcher.start()
        stack.callback(watcher.stop)
        agent = stack.enter_context(Resident(given, {**room.env, **(env or {})}))
        made = WebAgent(room, watcher, agent, llm, port, device)
        if wait:
            agent.wait_online(watcher, WAIT_S)
            made.wait_log("the page is at")
            agent.wait_parts(watcher, PARTS, 2 * WAIT_S)
            made.alone = len(made.process().children())
        yield made
