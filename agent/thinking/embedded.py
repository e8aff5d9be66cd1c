"""A language model of our own: llama.cpp's OpenAI-compatible server in a child process, on a loopback port.

The child (`python -m agent.thinking.embedded MODEL`) loads the GGUF file, opens the server with a key made for this
run, and says {"type": "ready", "port": …, "key": …}, or {"type": "failed", "reason": …} where the file is damaged. The
thinker then talks to it as to any other endpoint. Its threads sleep while nobody asks (no polling), one core is left to
the sound, and it has one slot whose prompt cache keeps the system prompt, so that a next question costs few tokens.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from agent import models
from agent.child import Child, ChildSpec, ChildState, Parent
from agent.config import LlmProfile
from agent.credentials import Secret
from agent.records import Kind, Record
from agent.thinking.address import Address
from agent.thinking.failure import Failure
from agent.thinking.location import Location

CONTEXT = 2048
TEMPERATURE = 0.3  # where the profile gives none: small models ramble at the usual 0.8
MOST_THREADS = 4
READY_S = 180.0  # a model of several GB from an SD card
SILENT_S = 10.0

OnChange = Callable[[bool, Failure | None], None]


class Embedded:
    """The parent's side; a Locator. `on_change(loading, trouble)` is called in the loop.

    Belongs to the loop it was first used in, and is stopped there before the loop is closed.
    """

    remote = False

    def __init__(
        self, profile: LlmProfile, language: str, on_change: OnChange, on_fatal: Callable[[str], None]
    ) -> None:
        self._model = profile.model
        self._language = language
        self._on_change = on_change
        self._on_fatal = on_fatal
        self._child: Child | None = None
        self._location: Location | None = None
        self._trouble: Failure | None = None
        self._settled = asyncio.Event()

    def check(self) -> None:
        if self._trouble:
            raise self._trouble
        self._file()

    async def locate(self) -> Location:
        self.start()
        while self._location is None:
            if self._trouble:
                raise self._trouble
            await self._settled.wait()
        return self._location

    def start(self) -> None:
        """Load the model, unless that is done or in hand. Raises Failure where there is nothing to load."""
        if self._child is not None:
            return
        spec = ChildSpec("llm", __name__, (self._file(),), ready_s=READY_S, silent_s=SILENT_S)
        loop = asyncio.get_running_loop()

        def on_record(record: Record) -> None:
            if record.kind is Kind.MESSAGE:
                message = record.message()
                loop.call_soon_threadsafe(self._told, message)
                if message["type"] == "failed":
                    child.stop()  # another try would fail alike

        def on_state(state: ChildState, reason: str) -> None:
            if state in ("starting", "died", "hung"):
                loop.call_soon_threadsafe(self._lost)

        child = self._child = Child(spec, on_record, on_state, self._on_fatal)
        child.start()
        self._on_change(True, None)

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()

    def _file(self) -> str:
        if importlib.util.find_spec("xllamacpp") is None:
            raise Failure(
                "unreachable", "xllamacpp is not installed; `pip install 'voice-agent[local-llm]'` installs it"
            )
        try:
            return str(models.require("llm-gguf", self._language, self._model))
        except models.ModelMissing as error:
            raise Failure("unreachable", str(error)) from error

    def _told(self, message: dict[str, object]) -> None:
        match message:
            case {"type": "ready", "port": int(port), "key": str(key)}:
                self._location = Location(Address("http", "127.0.0.1", port, "/v1"), Secret(key))
            case {"type": "failed", "reason": str(reason)}:
                self._trouble = Failure("unreachable", reason)
            case _:
                return
        self._settled.set()
        self._on_change(False, self._trouble)

    def _lost(self) -> None:
        self._location = None
        self._settled.clear()
        self._on_change(True, self._trouble)


def serve(model: str) -> None:
    """The child's side: serve until the parent closes the pipe."""
    parent = Parent()
    key = secrets.token_hex(16)
    try:
        import xllamacpp

        server = xllamacpp.Server(_parameters(xllamacpp.CommonParams(), model, key))
    except ImportError as error:
        parent.message("failed", reason=f"xllamacpp cannot be imported: {error}")
    except RuntimeError:
        parent.message("failed", reason=f"llama.cpp cannot load {model}; is it a whole GGUF file?")
    else:
        parent.message("ready", port=urlsplit(server.listening_address).port, key=key)
    for _ in parent.records():
        pass
    os._exit(0)  # an orderly end would wait for the reply that is being written


def _parameters(params: object, model: str, key: str) -> object:
    """llama.cpp's settings (`common/common.h`). The server writes its log to stderr, and only errors of it."""
    threads = max(1, min(MOST_THREADS, len(os.sched_getaffinity(0)) - 1))
    settings: dict[str, object] = {
        "n_ctx": CONTEXT,
        "n_parallel": 1,
        "n_predict": CONTEXT // 2,
        "n_gpu_layers": 0,
        "n_threads_http": 2,
        "cache_prompt": True,
        "cache_ram_mib": 0,  # a second cache for prompts that were pushed out of the slot
        "fit_params": False,
        "hostnames": ["127.0.0.1"],
        "port": 0,
        "api_keys": [key],
        "cors_origins": "",
        "ui": False,
        "endpoint_slots": False,
        "verbosity": 0,
    }
    for name, value in settings.items():
        setattr(params, name, value)
    params.model.path = model  # type: ignore[attr-defined]
    params.sampling.temp = TEMPERATURE  # type: ignore[attr-defined]
    for cpu in (params.cpuparams, params.cpuparams_batch):  # type: ignore[attr-defined]
        cpu.n_threads, cpu.poll = threads, 0
    return params


if __name__ == "__main__":
    serve(sys.argv[1])
