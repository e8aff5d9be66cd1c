"""The language models: is each there, does it take the key, does it know the model, how soon does it begin to answer?

One word is asked of each, through the same code as in a turn; what a server says is told without the key. The embedded
one computes on this device, so it also writes some sentences: a real-time factor of 0.25 means that what takes a second
to be spoken is written in a quarter of a second.
"""

from __future__ import annotations

import asyncio
import json
import time
import unicodedata
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches

import httpcore

from agent import clock, personas
from agent.config import Config, LlmProfile
from agent.doctor.context import Context
from agent.doctor.finding import Finding, of_problem
from agent.thinking.address import COMPLETIONS
from agent.thinking.answerer import Answerer, Question, Unanswered
from agent.thinking.embedded import Embedded
from agent.thinking.failure import Failure
from agent.thinking.guard import Refused
from agent.thinking.location import Location, Remote
from agent.thinking.making import answerer
from agent.thinking.request import beginning
from agent.thinking.wire import open_pool

QUESTION = "Hi"
TALE = [{"role": "user", "content": "Tell me about the sea."}]
TALE_TOKENS, TALE_S = 32, 60.0
SPOKEN_S = 18.0  # letters and spaces that Piper speaks in a second
SLOW_S = 3.0
SLOW_RTF = 1.0  # from here on the voice waits within an answer
LOAD_S = 120.0
LIST_S, LIST_BYTES = 5.0, 262_144
REMEDIES = {
    "unreachable": "does the server run, and is base_url right? curl {base_url}/models",
    "auth": "put a valid key into the credential that api_key names",
    "rate_limited": "wait, or see the account's limits",
    "timeout": "a smaller model, or raise first_token_timeout_s; the server's log tells what it does",
    "bad_reply": "is base_url that of an OpenAI-compatible interface? it usually ends in /v1",
    "cut_off": "the server's log tells why it broke off",
    "server_error": "the server's log tells why; is the name in model right?",
}


def examine(context: Context) -> Iterator[Finding]:
    llm, used = context.config.llm, personas.profiles(context.config)
    if not llm.profiles:
        yield Finding("language", "info", "profiles", "none: only local commands are answered")
        return
    for name, profile in llm.profiles.items():
        if name not in used:
            yield Finding("language", "info", name, "neither in llm.use nor in a persona's llm, so it is never asked")
            continue
        context.say(f"asking {name}" + (" (its model is loaded first)" if profile.kind == "embedded" else ""))
        yield from asyncio.run(_asked(name, profile, context.config))


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a model reads and writes, as llama.cpp tells: in tokens a second; `rtf`: see above."""

    reads: float
    writes: float
    rtf: float

    def figures(self) -> dict[str, object]:
        numbers = {"read_tokens_per_s": self.reads, "tokens_per_s": self.writes}
        return {
            "rtf": round(self.rtf, 3),
            "limit": SLOW_RTF,
            **{key: round(value, 1) for key, value in numbers.items()},
        }


async def _asked(name: str, profile: LlmProfile, config: Config) -> list[Finding]:
    brief = profile.model_copy(update={"max_tokens": 1, "system_prompt": ""})
    began = time.monotonic()
    try:
        async with _made(name, brief, config) as (made, embedded):
            await made.reach()
            reached_s = time.monotonic() - began
            first_s = await _first_word(made, config.persona.language)
            pace = await _pace(await embedded.locate()) if embedded else None
    except Failure as failure:
        return [await _failed(name, profile, failure)]
    answered = _answered(name, profile, reached_s, first_s, pace)
    if profile.kind != "home_assistant":
        return [answered]
    from agent.doctor import home  # and with it the websocket's library

    return [answered, *home.remarks(name, made, config)]


async def _first_word(made: Answerer, language: str) -> float:
    """Seconds. Raises Failure."""
    began = time.monotonic()
    said: list[float] = []

    def hear(text: str, instead: bool = False) -> None:
        said.append(time.monotonic() - began)

    try:
        await made.ask(Question(QUESTION, language=language), hear)
    except Unanswered:
        said.append(time.monotonic() - began)
    except Failure as failure:
        if not (failure.code == "bad_reply" and "(length)" in failure.detail):
            raise
        said.append(time.monotonic() - began)  # its one token was a thought, or a space
    return said[0]


async def _pace(where: Location) -> Pace:
    """Of our own llama.cpp, whose answers end with its own figures. Raises Failure."""
    body = json.dumps({"messages": TALE, "max_tokens": TALE_TOKENS, "temperature": 0.0}).encode()
    headers = [("Authorization", f"Bearer {where.key.reveal()}")] if where.key else []
    headers.append(("Content-Type", "application/json"))
    try:
        async with asyncio.timeout(TALE_S), open_pool(where.address, where.key is not None) as pool:
            request = pool.stream("POST", where.address.url(COMPLETIONS), headers=headers, content=body)
            async with request as response:
                told = json.loads(await beginning(response, LIST_BYTES))
        text, timings = told["choices"][0]["message"]["content"], told["timings"]
        written_s = timings["predicted_ms"] / 1000
        return Pace(timings["prompt_per_second"], timings["predicted_per_second"], written_s / spoken_s(text))
    except TimeoutError:
        raise Failure("timeout", f"it did not write {TALE_TOKENS} tokens within {TALE_S:g} s") from None
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise Failure("cut_off", "the model's process broke off while it wrote") from error
    except (ValueError, TypeError, LookupError, ZeroDivisionError) as error:
        raise Failure("bad_reply", f"the model told no figures ({type(error).__name__})") from error


def spoken_s(text: str) -> float:
    """How long a voice will need for it; a Chinese or Korean character stands for three letters."""
    return sum(3 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text) / SPOKEN_S


def _answered(name: str, profile: LlmProfile, reached_s: float, first_s: float, pace: Pace | None) -> Finding:
    figures: dict[str, object] = {
        "kind": profile.kind,
        "model": profile.model,
        "reach_ms": round(reached_s * 1000),
        "first_token_ms": round(first_s * 1000),
        **(pace.figures() if pace else {}),
    }
    model = f" of {profile.model}" if profile.model else ""
    shown = f"first word{model} after {first_s:.2f} s"
    if pace:
        shown += f", then {pace.writes:.1f} tokens a second: {pace.rtf:.2f} × real time"
    if first_s > min(SLOW_S, profile.first_token_timeout_s):
        remedy = "a smaller or nearer model; silence for so long feels broken"
        return Finding("language", "warning", name, f"{shown}: slow", remedy, figures)
    if pace and pace.rtf >= SLOW_RTF:
        remedy = "a smaller model: this one writes slower than the voice speaks, which waits within an answer"
        return Finding("language", "warning", name, f"{shown}: slow", remedy, figures)
    return Finding("language", "ok", name, shown, "", figures)


@asynccontextmanager
async def _made(name: str, profile: LlmProfile, config: Config) -> AsyncIterator[tuple[Answerer, Embedded | None]]:
    """As the thinker makes it, and the server of our own that it asks, loaded before it is timed."""
    embedded: Embedded | None = None
    if profile.kind == "embedded":
        embedded = Embedded(profile, config.persona.language, lambda loading, trouble: None, lambda reason: None)
    made = answerer(name, profile, config, clock.now, embedded)
    try:
        if embedded:
            await _loaded(embedded)
        yield made, embedded
    finally:
        await made.close()
        if embedded:
            embedded.stop()


async def _loaded(embedded: Embedded) -> None:
    try:
        await asyncio.wait_for(embedded.locate(), LOAD_S)
    except TimeoutError:
        raise Failure("timeout", f"the model was not loaded within {LOAD_S:g} s") from None


async def _failed(name: str, profile: LlmProfile, failure: Failure) -> Finding:
    remedies = REMEDIES
    if profile.kind == "home_assistant":
        from agent.doctor import home

        remedies = home.REMEDIES
    remedy = remedies.get(failure.code, "voice-agent check").format(base_url=(profile.base_url or "").rstrip("/"))
    if "no assistant" in failure.detail:
        remedy = f"set agent to another one: {failure.detail.partition('; ')[2]}"
    elif "models install" in failure.detail or "pip install" in failure.detail:
        remedy = failure.detail.partition("; ")[2]
    elif failure.code == "server_error" and profile.kind == "openai":
        remedy = _suggestion(profile, await _known(profile)) or remedy
    figures: dict[str, object] = {"kind": profile.kind, "model": profile.model, "code": failure.code}
    return replace(of_problem("language", name, failure.detail.partition("; ")[0], remedy), figures=figures)


def _suggestion(profile: LlmProfile, known: list[str]) -> str:
    """Which model may be meant, where the server does not know the configured one."""
    wanted = profile.model or ""
    if not known or wanted in known:
        return ""
    near = get_close_matches(wanted, known, 1, 0.4)
    if near:
        return f'the server knows no model "{wanted}"; did you mean "{near[0]}"?'
    return f"the server knows: {', '.join(known[:6])}{' …' if len(known) > 6 else ''}"


async def _known(profile: LlmProfile) -> list[str]:
    """The models that the server lists; [] where it does not."""
    try:
        location = Remote(profile).locate()
        async with asyncio.timeout(LIST_S):
            where = await location
            headers = [("Authorization", f"Bearer {where.key.reveal()}")] if where.key else []
            async with (
                open_pool(where.address, where.key is not None) as pool,
                pool.stream("GET", where.address.url("/models"), headers=headers) as response,
            ):
                body = json.loads(await beginning(response, LIST_BYTES))
        return sorted(str(each["id"])[:80] for each in body["data"])
    except (Failure, Refused, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, TimeoutError):
        return []
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
