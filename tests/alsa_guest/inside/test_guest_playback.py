"""The speaker on a real kernel: what is said comes out, the device is shared, USB comes loose."""

from __future__ import annotations

import queue
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from audio_helpers import WAIT_S, HealthLog, clock, tone
from cables import (
    ROOM_HZ,
    SPEAKER,
    USB,
    Recording,
    holding,
    is_open,
    loud_s,
    program,
    strength,
    until,
    write_wav,
)

from agent.audio.playback import Playback
from agent.config import Speaker

Measured = Callable[[str, float], None]
USB_SPEAKER = "hw:CARD=Audio,DEV=0"


@dataclass(frozen=True)
class Told:
    what: str
    turn: int
    at: float = 0.0
    reason: str = ""


class Mouth:
    """A playback, and what it told its listener."""

    def __init__(self, config: Speaker, health: HealthLog) -> None:
        self.fatal: list[str] = []
        self.told: queue.Queue[Told] = queue.Queue()
        self.playback = Playback(config, self, health.events.put, clock, self.fatal.append)
        self.playback.start()

    def audible(self, turn: int, at: float) -> None:
        self.told.put(Told("audible", turn, at))

    def played(self, turn: int, position: int, rate_hz: int, at: float) -> None:
        self.told.put(Told("played", turn, at))

    def drained(self, turn: int) -> None:
        self.told.put(Told("drained", turn, time.monotonic()))

    def failed(self, turn: int, reason: str) -> None:
        self.told.put(Told("failed", turn, time.monotonic(), reason))

    def until(self, what: str, turn: int) -> Told:
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            told = self.told.get(timeout=WAIT_S)
            if (told.what, told.turn) == (what, turn):
                return told
        raise AssertionError(f"no {what} {turn}")

    def say(self, turn: int, seconds: float, hz: float = 440.0) -> None:
        assert self.playback.play(turn, tone(ROOM_HZ, seconds, hz), ROOM_HZ)
        self.playback.end(turn)


@pytest.fixture
def mouth(health: HealthLog) -> Iterator[Callable[..., Mouth]]:
    started: list[Mouth] = []

    def start(device: str, **changes: object) -> Mouth:
        started.append(Mouth(Speaker(**{"device": device, "volume_percent": 100, **changes}), health))
        return started[-1]

    yield start
    for each in started:
        each.playback.stop()
        assert not each.fatal


def test_two_replies_come_out_whole_and_bit_by_bit(
    mouth: Callable[..., Mouth], health: HealthLog, tmp_path: Path
) -> None:
    with Recording(tmp_path) as room:
        speaking = mouth(SPEAKER)
        health.until("ok")
        params = Path("/proc/asound/Loopback/pcm0p/sub1/hw_params").read_text()
        assert "period_size: 480\n" in params
        assert "rate: 48000 " in params
        for turn in (1, 2):  # the second finds the device run dry, or stopped
            speaking.say(turn, 1.0)
            speaking.until("drained", turn)
            room.wait(0.2 * turn)
        said, heard = tone(ROOM_HZ, 1.0), room.pcm()
    first = heard.tobytes().find(said.tobytes())
    assert first >= 0
    assert heard.tobytes().find(said.tobytes(), first + 1) > first
    assert speaking.playback.counters().underruns == 0


def test_a_dropped_reply_is_silent_at_once_and_the_next_one_sounds(
    mouth: Callable[..., Mouth], health: HealthLog, measured: Measured, tmp_path: Path
) -> None:
    with Recording(tmp_path) as room:
        speaking = mouth(SPEAKER)
        health.until("ok")
        speaking.say(1, 5.0)
        speaking.until("audible", 1)
        room.wait(0.5)
        before = room.pcm().size
        speaking.playback.drop(1)
        speaking.say(2, 0.5, 1000.0)
        speaking.until("drained", 2)
        room.wait(0.3)
        heard = room.pcm()
    rest = heard[before:]
    tail = next(at for at in range(0, len(rest), 480) if strength(rest[at : at + 960], 440) < 500)
    measured("dropped: the room still heard the reply for", tail / ROOM_HZ)
    assert tail / ROOM_HZ < 0.6, "200 ms, three times"
    assert strength(rest[tail:], 440) < 200
    assert 0.4 < loud_s(rest[tail:]) < 0.6


def test_the_device_is_given_back_after_ten_seconds_of_quiet(
    mouth: Callable[..., Mouth], health: HealthLog, measured: Measured, tmp_path: Path
) -> None:
    speaking = mouth(SPEAKER)
    health.until("ok")
    speaking.say(1, 0.3)
    quiet = speaking.until("drained", 1).at
    music = write_wav(tmp_path / "music.wav", tone(ROOM_HZ, 0.5), ROOM_HZ)
    refused = subprocess.run(["aplay", "-q", "-N", "-D", SPEAKER, str(music)], capture_output=True, text=True)
    assert "busy" in refused.stderr, "only until then"
    until(lambda: not any(is_open(SPEAKER, "p")), timeout_s=30)
    measured("quiet: the device was given back after", time.monotonic() - quiet)
    assert 9.5 < time.monotonic() - quiet < 20
    with Recording(tmp_path) as room:
        subprocess.run(["aplay", "-q", "-N", "-D", SPEAKER, str(music)], check=True)
        room.wait(0.2)
        assert loud_s(room.pcm()) > 0.45
    assert [each.status for each in health.seen] == ["loading", "ok"], "nothing is wrong with a speaker that rests"


def test_music_that_holds_the_speaker_is_named_and_not_robbed_when_it_pauses(
    mouth: Callable[..., Mouth], health: HealthLog, measured: Measured, tmp_path: Path
) -> None:
    with holding(SPEAKER, "playback", "-f", "S16_LE", "-r", str(ROOM_HZ), "-c", "1"):
        speaking = mouth(SPEAKER)
        reason = health.until("failed").reason
        assert f"{SPEAKER} is in use by another program" in reason
        assert "dmix" in reason
        speaking.say(1, 0.5)
        assert "in use" in speaking.until("failed", 1).reason
    free = time.monotonic()
    well = health.until("ok").at.mono
    measured("music ended: the speaker is ok after", well - free)
    assert until(lambda: not any(is_open(SPEAKER, "p"))) < 3, "the next song must find it free"
    with Recording(tmp_path) as room:
        speaking.say(2, 0.5)
        speaking.until("drained", 2)
        room.wait(0.2)
        assert 0.4 < loud_s(room.pcm()) < 0.6


def test_a_usb_speaker_that_comes_loose_while_it_speaks(
    mouth: Callable[..., Mouth], health: HealthLog, measured: Measured
) -> None:
    if not USB.exists():
        pytest.skip("QEMU gave no USB sound card")
    speaking = mouth(USB_SPEAKER)
    health.until("ok")
    speaking.say(1, 20.0)
    speaking.until("audible", 1)
    try:
        gone = time.monotonic()
        USB.write_text("0")
        failed = health.until("failed")
        measured("USB speaker loose: failed after", failed.at.mono - gone)
        assert failed.at.mono - gone < 3.0
        assert speaking.until("failed", 1).at - gone < 3.0
        until(lambda: not Path("/proc/asound/Audio").exists())
    finally:
        USB.write_text("1")
    until(lambda: Path("/proc/asound/Audio").exists())
    back = time.monotonic()
    well = health.until("ok")
    measured("USB speaker back: ok after", well.at.mono - back)
    assert well.at.mono - back < 6.0
    speaking.say(2, 0.5)
    speaking.until("drained", 2)


def test_with_dmix_music_and_speech_sound_together(
    mouth: Callable[..., Mouth], health: HealthLog, sharing: Callable[[str], None], tmp_path: Path
) -> None:
    sharing(SPEAKER)
    song = write_wav(tmp_path / "song.wav", tone(ROOM_HZ, 8.0, 1000.0), ROOM_HZ, 2)
    with Recording(tmp_path) as room, program("aplay", "-q", str(song)) as music:
        until(lambda: strength(room.pcm()[-9600:], 1000) > 5000, music)
        speaking = mouth("default")
        health.until("ok")
        speaking.say(1, 2.0)
        speaking.until("drained", 1)
        assert music.poll() is None
        heard = room.pcm()
    both = [
        at
        for at in range(0, len(heard) - 9600, 4800)
        if min(strength(heard[at : at + 9600], hz) for hz in (440, 1000)) > 3000
    ]
    assert len(both) >= 15, "for nearly two seconds, both"
    alone = heard[: both[0] - 9600]
    assert strength(alone[-9600:], 440) < 200
    assert np.abs(heard).max() < 32_000
