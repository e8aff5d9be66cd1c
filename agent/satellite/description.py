"""What the satellite tells of itself: the answer to "describe", from which Home Assistant makes its device."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from agent.satellite.step import RATE_HZ
from agent.wyoming.messages import Message
from agent.wyoming.sound import shape

SPEAKER_HZ = 22_050  # what Home Assistant makes its announcements at
PROJECT = "voice-agent"


def description(name: str, area: str | None, words: Sequence[tuple[str, str]], language: str) -> Message:
    """`name`: of the device; `words`: the wake words as they are configured and as they are said ("hey_jarvis", "hey
    jarvis")."""
    models = [{**_artifact(word), "phrase": phrase, "languages": [language]} for word, phrase in words]
    satellite = {
        **_artifact(name),
        "area": area,
        "has_vad": True,
        "active_wake_words": [word for word, _ in words],
        "max_active_wake_words": len(words),
        "supports_trigger": False,
    }
    data = {
        "satellite": satellite,
        "wake": [{**_artifact(PROJECT), "models": models}],
        "mic": [{**_artifact("microphone"), "mic_format": shape(RATE_HZ)}],
        "snd": [{**_artifact("speaker"), "snd_format": shape(SPEAKER_HZ)}],
    }
    return Message("info", {**{each: [] for each in ("asr", "tts", "handle", "intent")}, **data})


def _artifact(name: str) -> dict[str, object]:
    return {
        "name": name,
        "description": name,
        "installed": True,
        "version": version(PROJECT),
        "attribution": {"name": PROJECT, "url": ""},
    }
