"""Servers of recognition and speech on bigger machines: are they there, and do they do their work in time?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from agent.config import Config
from agent.doctor.context import Context
from agent.doctor.finding import Finding
from agent.hearing import wyoming as hearing
from agent.speaking.wyoming import Remote
from agent.wyoming.connection import Lost
from agent.wyoming.offer import Offer

REMEDY = "does the server run, and is {key} where it listens? Until then the engine on this device does it"


def examine(context: Context) -> Iterator[Finding]:
    asked = list(_asked(context.config))
    if not asked:
        yield Finding("wyoming", "info", "servers", "left out: neither asr.wyoming nor tts.wyoming is set")
    for key, uri, look in asked:
        context.say(f"{key} is asked")
        yield _finding(key, uri, look)


def _asked(config: Config) -> Iterator[tuple[str, str, Callable[[], Offer]]]:
    language = config.persona.language
    if uri := config.asr.wyoming:
        yield "asr.wyoming", uri, hearing.server(uri, language, config.asr.wyoming_wait_ms / 1000).look
    if uri := config.tts.wyoming:
        yield "tts.wyoming", uri, Remote(uri, config.tts.wyoming_voice or "", language).look


def _finding(key: str, uri: str, look: Callable[[], Offer]) -> Finding:
    began = time.monotonic()
    try:
        offer = look()
    except Lost as error:
        return Finding("wyoming", "warning", key, f"{uri}: {error}", REMEDY.format(key=key))
    took_ms = round((time.monotonic() - began) * 1000)
    figures: dict[str, object] = {"program": offer.program, "models": len(offer.models), "took_ms": took_ms}
    return Finding("wyoming", "ok", key, f"{offer.program or uri} did its work, all in {took_ms} ms", "", figures)
