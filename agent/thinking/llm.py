"""The thinker: one thread with one asyncio loop that asks the language model and passes its words on as events.

Rules:
- One question at a time. A question of a newer turn, or the same turn asked again, cancels the one before; questions of
  an older turn are dropped. Cancelling closes the socket, also before the first word.
- Each question ends in exactly one ReplyDone or LlmFailed, unless it was cancelled: then nothing more is said of it.
- Without a profile there is no thread: a question fails at once, and that is no fault but a choice.
- What this room cannot explain ends the thread, which is reported by `on_fatal`, and the exception goes its way to
  `threading.excepthook`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, assert_never

from agent import personas
from agent.clock import Clock
from agent.commands import AskLlm, CancelLlm, Confirmed, IntentDone
from agent.config import Config
from agent.events import Event, Health, LlmFailed, ReplyDelta, ReplyDone, Turn
from agent.requests import own
from agent.thinking.answerer import Unanswered
from agent.thinking.failure import NONE_CONFIGURED, Failure

if TYPE_CHECKING:
    from agent.thinking.answerer import Answerer
    from agent.thinking.embedded import Embedded
    from agent.thinking.profiles import Profiles
    from agent.thinking.toolbox import Toolbox

log = logging.getLogger(__name__)

STOP_S = 1.0


@dataclass(frozen=True, slots=True)
class Warm:
    """The persona is being spoken to, and may have to ask."""

    persona: str


Order = AskLlm | CancelLlm | Confirmed | IntentDone | Warm


class Thinker:
    """Commands in from any thread, events out through `emit` from the thinker's own."""

    def __init__(
        self, config: Config, emit: Callable[[Event], None], clock: Clock, on_fatal: Callable[[str], None]
    ) -> None:
        self._config = config
        self._emit = emit
        self._clock = clock
        self._on_fatal = on_fatal
        self._orders = {name: each.llm.use for name, each in personas.configurations(config).items()}
        self._lock = threading.Lock()  # guards the loop against being called when closed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._commands: asyncio.Queue[Order | None] = asyncio.Queue()
        self._thread: threading.Thread | None = None
        # The rest belongs to the loop.
        self._newest: Turn = 0
        self._asking: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None
        self._servers: dict[str, Embedded] = {}
        self._toolbox: Toolbox | None = None

    def start(self) -> None:
        """Returns at once; health tells when the profiles have been looked at."""
        if not any(self._orders.values()):
            self._emit(Health(self._clock(), "llm", "ok", NONE_CONFIGURED))
            return
        self._emit(Health(self._clock(), "llm", "loading"))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="thinking", daemon=True)
        self._thread.start()

    def do(self, command: AskLlm | CancelLlm | Confirmed | IntentDone) -> None:
        """From any thread; never blocks."""
        if not any(self._orders.values()):
            if isinstance(command, AskLlm):
                self._emit(LlmFailed(self._clock(), command.turn, "none_configured", NONE_CONFIGURED))
            return
        self._tell(command)

    def warm(self, persona: str = "") -> None:
        """Somebody may ask soon (a wake word was heard): open the connection already. From any thread."""
        self._tell(Warm(persona))

    def stop(self) -> None:
        """Cancel what runs, end the thread and the embedded server; at most about a second. Idempotent."""
        self._tell(None)
        if self._thread:
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                log.warning("the thinker did not end within %g s", STOP_S)

    def _tell(self, command: Order | None) -> None:
        with self._lock:
            if self._loop:
                self._loop.call_soon_threadsafe(self._commands.put_nowait, command)

    # The rest runs on the thinker's thread.

    def _run(self) -> None:
        assert self._loop is not None
        loop, ended = self._loop, False
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                try:
                    runner.run(self._live())
                    ended = True
                finally:
                    with self._lock:
                        self._loop = None
        finally:
            if not ended:
                self._on_fatal("the thinker's thread ended unexpectedly")

    async def _live(self) -> None:
        from agent.thinking.making import toolbox
        from agent.thinking.profiles import Manner, Profiles

        def note(name: str, loading: bool, trouble: Failure | None) -> None:
            profiles.note(name, loading, trouble)

        manners = {
            name: Manner(each.persona.prompt, each.persona.language, each.llm.use)
            for name, each in personas.configurations(self._config).items()
        }
        first = own(self._config.persona.use)
        profiles = Profiles(self._answerers(note), manners, self._clock, self._emit, first)
        self._toolbox = toolbox(self._config, self._emit, self._clock)
        try:
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(profiles.watch())
                self._start_server()
                while (command := await self._commands.get()) is not None:
                    self._obey(command, profiles, tasks)
                for task in (watch, self._asking, self._warming):
                    if task:
                        task.cancel()
        finally:
            if self._toolbox:
                await self._toolbox.close()
            await profiles.close()
            for server in self._servers.values():
                server.stop()

    def _answerers(self, note: Callable[[str, bool, Failure | None], None]) -> list[Answerer]:
        """Imports clients, which take memory and time that an agent without a profile saves."""
        from agent.thinking.embedded import Embedded
        from agent.thinking.making import answerer

        def made(name: str) -> Answerer:
            profile = self._config.llm.profiles[name]
            server: Embedded | None = None
            if profile.kind == "embedded":
                server = Embedded(profile, self._config.persona.language, partial(note, name), self._on_fatal)
                self._servers[name] = server
            return answerer(name, profile, self._config, self._clock, server)

        return [made(name) for name in dict.fromkeys(name for order in self._orders.values() for name in order)]

    def _start_server(self) -> None:
        """A server of our own is loaded at the start where it is the first choice of who talks most, else when it is
        needed."""
        order = self._orders.get(own(self._config.persona.use), self._orders[""])
        if order and order[0] in self._servers:
            with contextlib.suppress(Failure):  # told by `Profiles.watch`
                self._servers[order[0]].start()

    def _obey(self, command: Order, profiles: Profiles, tasks: asyncio.TaskGroup) -> None:
        match command:
            case AskLlm(turn=turn):
                if turn >= self._newest:
                    self._newest = turn
                    self._cancel()
                    self._asking = tasks.create_task(self._ask(command, profiles))
            case CancelLlm(turn=turn):
                if turn >= self._newest:
                    self._newest = turn
                    self._cancel()
            case Warm(persona=persona):
                if self._warming is None or self._warming.done():
                    self._warming = tasks.create_task(profiles.warm(persona))
                if self._toolbox:
                    self._toolbox.warm()
            case Confirmed() | IntentDone():
                if self._toolbox:
                    self._toolbox.answered(command)
            case _:
                assert_never(command)

    def _cancel(self) -> None:
        """Once each: a request that is cancelled twice may leave its connection open."""
        asking, self._asking = self._asking, None
        if asking:
            asking.cancel()

    async def _ask(self, ask: AskLlm, profiles: Profiles) -> None:
        def on_text(text: str, instead: bool, profile: str) -> None:
            self._emit(ReplyDelta(self._clock(), ask.turn, text, instead, profile))

        try:
            tools = self._toolbox.for_turn(ask.turn) if self._toolbox else None
            await profiles.answer(ask, on_text, tools)
        except Unanswered as unanswered:
            self._emit(LlmFailed(self._clock(), ask.turn, "unanswered", str(unanswered)))
        except Failure as failure:
            self._emit(LlmFailed(self._clock(), ask.turn, failure.code, failure.detail))
        else:
            self._emit(ReplyDone(self._clock(), ask.turn))
