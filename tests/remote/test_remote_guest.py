"""`voice-agent mic` as a process in a room: a real microphone and speaker, the real wake word, a real connection."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from house import WAIT_S, House

from agent.audio.pcm import PERIOD, RATE_HZ
from agent.lab.playing import locate
from agent.lab.room import Room
from agent.lab.visitor import say
from agent.remote.session import LEAD
from agent.web.protocol import Frame, Kind

SPEECH_HZ = 24_000
log = logging.getLogger(__name__)

PROGRAM = [sys.executable, "-m", "agent.cli", "mic"]


class Device:
    """The process, and what it prints, line by line, each with when it came."""

    def __init__(self, env: dict[str, str], *arguments: str) -> None:
        command = [*PROGRAM, "--json", *arguments]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env=env, **pipes)
        self.news: queue.Queue[tuple[float, dict[str, Any]]] = queue.Queue()
        self._unasked: list[tuple[float, dict[str, Any]]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.news.put((time.monotonic(), json.loads(line)))

    def tells(self, type: str, **fields: object) -> tuple[float, dict[str, Any]]:
        """The next line of this type that has these fields; others may be asked for later."""
        wanted = {"type": type, **fields}.items()
        for given in self._unasked:
            if wanted <= given[1].items():
                self._unasked.remove(given)
                return given
        while not wanted <= (given := self.news.get(timeout=WAIT_S))[1].items():
            self._unasked.append(given)
        return given

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit code, and what it said on stderr."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        code = self.process.wait(WAIT_S)
        self._reader.join()
        assert self.process.stderr
        assert self.process.stdout
        said = self.process.stderr.read()
        self.process.stderr.close()
        self.process.stdout.close()
        return code, said


@pytest.fixture
def eared_house() -> Iterator[House]:
    house = House(ears=True)
    yield house.start()
    house.stop()


@pytest.fixture
def device(room: Room, eared_house: House) -> Iterator[Device]:
    device = Device(room.env, "--to", f"ws://127.0.0.1:{eared_house.port}/ws")
    device.tells("connected")
    device.tells("health", part="mic", status="ok")
    yield device
    code, said = device.end()
    assert (code, said) == (0, "")


def speech(text: str, turn: int, house: House) -> np.ndarray[Any, Any]:
    """Say it through the house's guest, in pieces of 100 ms, all at once; as the room will hear it."""
    pcm = say(text).samples
    loud = soxr.resample(pcm, RATE_HZ, SPEECH_HZ)
    for at in range(0, len(loud), SPEECH_HZ // 10):
        piece = loud[at : at + SPEECH_HZ // 10].tobytes()
        house.sound(Frame(Kind.SPEECH, piece, SPEECH_HZ, turn, float(at)))
    house.say("end", turn=turn)
    return pcm


@pytest.mark.room
def test_a_wake_word_here_is_one_there_and_nothing_was_sent_before(
    room: Room, eared_house: House, device: Device
) -> None:
    house = eared_house
    assert [house.hear("mic")["on"] for _ in range(2)] == [True, False]
    room.play(say("nobody spoke to a machine here").samples)
    time.sleep(0.5)  # that nothing comes cannot be awaited
    assert house.frames.empty()
    utterance = say("hey jarvis").then(say("what time is it"), 0.3)
    with room.playing(utterance.samples) as playing:
        heard_at, _ = device.tells("heard", word="hey_jarvis")
        assert house.hear("mic")["on"]
        first = house.frames.get(timeout=WAIT_S)
        found_at, spoken_at = house.wakes.get(timeout=WAIT_S)
        house.say("state", phase="listening", turn=1)
        played = playing.wait()
    said_at = played.time_of(utterance.ends[0])
    assert len(first.payload) == LEAD * 2 * PERIOD
    delays = heard_at - said_at, found_at - said_at, spoken_at - said_at
    log.info("seconds after the word: heard here %.3f, found there %.3f, where it was dated %.3f", *delays)
    assert heard_at - said_at < 2.0
    assert found_at - said_at < 5.0
    assert abs(spoken_at - said_at) < 0.5
    until = played.time_of(utterance.ends[1])
    frames = [first]
    while frames[-1].time / 1000 < until:
        frames.append(house.frames.get(timeout=WAIT_S))
    numbers = np.cumsum([0, *(len(frame.payload) // (2 * PERIOD) for frame in frames)])[:-1] + first.number
    assert [frame.number for frame in frames] == numbers.tolist()
    sound = np.concatenate([frame.samples() for frame in frames])
    at = locate(utterance.samples, sound)
    assert at is not None
    assert abs(first.time / 1000 + at / RATE_HZ - played.start) < 0.02
    house.say("state", phase="idle", turn=1)
    assert house.hear("mic") == {"type": "mic", "on": False}


@pytest.mark.room
def test_the_agents_speech_is_played_and_what_was_heard_is_reported(
    room: Room, eared_house: House, device: Device
) -> None:
    house, since = eared_house, time.monotonic()
    house.say("state", phase="speaking", turn=5)
    began = time.monotonic()
    pcm = speech("the weather in the evening will be fine and warm", 5, house)
    reports = [house.hear("playing")]
    house.hear("drained")
    while not house.said.empty():
        if (said := house.said.get())["type"] == "playing":
            reports.append(said)
    room.wait_heard(time.monotonic())
    heard = room.record(since).agent
    at = locate(pcm, heard)
    assert at is not None
    assert reports[0]["frames"] == 0
    truth = since + at / RATE_HZ
    told = reports[0]["at"] / 1000 - truth
    log.info("audible %.3f s after it was sent, and told %.3f s late", truth - began, told)
    assert abs(told) < 0.1
    house.say("reply", turn=5, text="It will be fine.", heard="It will be fine.")
    assert device.tells("reply")[1]["text"] == "It will be fine."


@pytest.mark.room
def test_a_wake_word_over_its_speech_is_heard_there_and_a_drop_is_obeyed_at_once(
    room: Room, eared_house: House, device: Device
) -> None:
    house = eared_house
    house.say("state", phase="speaking", turn=1)
    speech("this is a very long answer, " * 6, 1, house)
    house.hear("playing")
    with room.playing(say("hey jarvis").samples) as playing:
        house.wakes.get(timeout=WAIT_S)
        dropped = time.monotonic()
        house.say("drop", turn=1)
        playing.wait()
    room.wait_heard(dropped + 1.5)
    after = room.record(dropped, dropped + 1.5).agent.astype(np.float64)
    loud = np.flatnonzero(np.abs(after) > 100)
    log.info("silent %.3f s after the drop was sent", loud[-1] / RATE_HZ if len(loud) else 0.0)
    assert len(loud) == 0 or loud[-1] / RATE_HZ < 1.0
    with pytest.raises(queue.Empty):
        house.hear("drained", timeout_s=0.3)


@pytest.mark.room
def test_after_a_cut_it_resumes_and_speaks_on(room: Room, eared_house: House, device: Device) -> None:
    house = eared_house
    house.hear("hello")
    house.welcome["resumed"] = True
    house.cut()
    assert device.tells("disconnected")[1]["reason"] == "the connection is lost"
    assert device.tells("connected")[1]["resumed"]
    assert house.hear("hello")["resume"] == "k"
    house.say("state", phase="speaking", turn=2)
    speech("still here", 2, house)
    house.hear("drained")


@pytest.mark.room
def test_always_sends_what_nobody_woke_it_for(room: Room, house: House) -> None:
    device = Device(room.env, "--to", f"ws://127.0.0.1:{house.port}", "--always", "--speaker", "none")
    house.hear("hello")
    first = house.frames.get(timeout=WAIT_S)
    following = [house.frames.get(timeout=WAIT_S) for _ in range(100)]
    assert following[-1].number - first.number > 100
    house.say("state", phase="speaking", turn=1)
    speech("nobody hears this", 1, house)
    assert house.hear("playing")["frames"] > 0
    house.hear("drained")
    assert device.end(signal.SIGINT)[0] == 0


@pytest.fixture
def quiet(tmp_path: Path) -> list[str]:
    """Arguments: a microphone that hears nothing, and no speaker."""
    path = tmp_path / "quiet.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(bytes(2 * RATE_HZ))
    return ["--mic", f"file:{path}", "--speaker", "none"]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}


def test_with_tls_a_token_and_no_sound_card(
    safe_house: House, papers: Path, quiet: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    word = tmp_path / "token"
    word.write_text("sesame\n")
    word.chmod(0o600)
    where = ["--to", f"wss://localhost:{safe_house.port}/ws", "--ca", str(papers / "ca.pem")]
    device = Device(env, *where, "--token-file", str(word), *quiet)
    assert device.tells("connected")[1]["agent"] == "house"
    assert safe_house.hear("mic")["on"]
    assert device.end()[0] == 0
    word.write_text("other\n")
    code, said = Device(env, *where, "--token-file", str(word), *quiet).wait()
    assert code == 78
    assert "the token is missing or wrong" in said
    assert "other" not in said


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--to", "ws://kitchen:8770/ws"], 2, "--insecure-plaintext"),
        (["--to", "wss://kitchen/ws", "--ca", "/dev/null"], 78, "--ca"),
        (["--to", "wss://kitchen/ws", "--token", "none-such"], 78, "no such credential"),
        (["--to", "ws://127.0.0.1:9/ws", "--give-up", "0.2"], 75, "no connection for 0.2 s"),
    ],
)
def test_exit_codes(arguments: list[str], code: int, says: str, quiet: list[str], env: dict[str, str]) -> None:
    ended, said = Device(env, *arguments, *quiet).wait()
    assert ended == code
    assert says in said
