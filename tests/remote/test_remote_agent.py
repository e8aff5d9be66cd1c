"""A device with a microphone and a speaker beside a real agent that has neither: the whole way there and back."""

from __future__ import annotations

import importlib.util
import logging
import socket
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_remote_guest import WAIT_S, Device

from agent.audio.pcm import RATE_HZ
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.visitor import say

pytestmark = [
    pytest.mark.room,
    pytest.mark.skipif(importlib.util.find_spec("moonshine_voice") is None, reason="moonshine-voice is not installed"),
]
SEATED_S, POLL_S = 60.0, 0.2

log = logging.getLogger(__name__)


@pytest.fixture
def agent(room: Room, tmp_path: Path) -> Iterator[tuple[Resident, str]]:
    """It hears silence, and serves guests at the URL."""
    quiet = tmp_path / "quiet.wav"
    with wave.open(str(quiet), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(bytes(2 * RATE_HZ))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "web.enabled": True,
        "web.port": port,
        "mqtt.enabled": False,
        "audio.mic.device": f"file:{quiet}",
        "audio.speaker.device": "null",
        "asr.engine": "moonshine",
    }
    with Resident(settings, room.env) as resident:
        yield resident, f"ws://127.0.0.1:{port}/ws"


def test_a_question_in_one_breath_is_answered_here(room: Room, agent: tuple[Resident, str]) -> None:
    resident, url = agent
    device = Device(room.env, "--to", url)
    try:
        device.tells("connected")
        device.tells("health", part="mic", status="ok")
        until = time.monotonic() + SEATED_S
        while "talks [web.guest]" not in resident.log and time.monotonic() < until:
            time.sleep(POLL_S)
        since = time.monotonic()
        said = say("hey jarvis").then(say("what time is it"), 0.25)
        played = room.play(said.samples)
        woken_at, _ = device.tells("wake", word="hey_jarvis")
        transcript_at, transcript = device.tells("transcript", final=True)
        _, reply = device.tells("reply")
    finally:
        code, trouble = device.end()
    assert "time" in transcript["text"].lower(), transcript
    assert reply["text"].startswith("It's")
    assert reply["heard"] == reply["text"]
    word, end = (played.time_of(each) for each in said.ends)
    log.info("woken %.3f s after the word, understood %.3f s after the last", woken_at - word, transcript_at - end)
    assert room.wait_heard(time.monotonic(), WAIT_S)
    assert abs(room.record(since).agent).max() > 1000
    assert (code, trouble) == (0, "")
