"""Playback through a real ALSA path; what the room heard is recorded from the sink's monitor."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from audio_helpers import WAIT_S, HealthLog, SoundServer, clock, tone
from numpy.typing import NDArray

from agent.audio.capture import Capture
from agent.audio.pcm import RATE_HZ
from agent.audio.playback import Playback
from agent.config import Mic, Speaker

VOICE_HZ = 22_050


@dataclass(frozen=True)
class Said:
    what: str
    turn: int
    position: int = 0
    at: float = 0.0
    reason: str = ""


class Ear:
    """The listener: a queue of what it was told."""

    def __init__(self) -> None:
        self.told: queue.Queue[Said] = queue.Queue()
        self.all: list[Said] = []
        self.rates: set[int] = set()

    def audible(self, turn: int, at: float) -> None:
        self.told.put(Said("audible", turn, 0, at))

    def played(self, turn: int, position: int, rate_hz: int, at: float) -> None:
        self.rates.add(rate_hz)
        self.told.put(Said("played", turn, position, at))

    def drained(self, turn: int) -> None:
        self.told.put(Said("drained", turn, 0, time.monotonic()))

    def failed(self, turn: int, reason: str) -> None:
        self.told.put(Said("failed", turn, reason=reason))

    def until(self, what: str, turn: int, position: int = 0) -> Said:
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            said = self.told.get(timeout=WAIT_S)
            self.all.append(said)
            if (said.what, said.turn) == (what, turn) and said.position >= position:
                return said
        raise AssertionError(f"no {what} {turn}; told: {self.all}")

    def positions(self, turn: int) -> list[int]:
        return [said.position for said in self.all if said.what == "played" and said.turn == turn]


@dataclass
class Stage:
    playback: Playback
    ear: Ear


@pytest.fixture
def start(health: HealthLog) -> Iterator[Callable[..., Stage]]:
    started: list[Playback] = []
    fatal: list[str] = []

    def starter(**changes: object) -> Stage:
        ear = Ear()
        config = Speaker(**{"volume_percent": 100, **changes})
        playback = Playback(config, ear, health.events.put, clock, fatal.append)
        started.append(playback)
        playback.start()
        return Stage(playback, ear)

    yield starter
    for playback in started:
        playback.stop()
    assert not fatal


@pytest.fixture
def stage(server: SoundServer, start: Callable[..., Stage], health: HealthLog) -> Stage:
    stage = start()
    health.until("ok")
    return stage


class Recording:
    """What the room hears while the block runs; `settle()` waits until the tail is in the file."""

    def __init__(self, server: SoundServer, folder: Path) -> None:
        self._path = folder / "room.raw"
        self._process = server.record(self._path)
        self.until(0.2)

    def until(self, seconds: float) -> None:
        end = time.monotonic() + WAIT_S
        while self.seconds() < seconds:
            assert time.monotonic() < end
            time.sleep(0.02)  # a file that grows has no event

    def seconds(self) -> float:
        return self._path.stat().st_size / 2 / RATE_HZ if self._path.exists() else 0.0

    def stop(self) -> NDArray[np.int16]:
        """After 0.3 s more."""
        self.until(self.seconds() + 0.3)
        self._process.kill()
        self._process.wait()
        return np.fromfile(self._path, np.int16)


@pytest.fixture
def recording(server: SoundServer, tmp_path: Path) -> Recording:
    return Recording(server, tmp_path)


def loud_s(pcm: NDArray[np.int16], above: int = 500) -> float:
    """Seconds of periods that are louder than that."""
    periods = pcm[: len(pcm) // 160 * 160].reshape(-1, 160)
    return float((np.abs(periods.astype(int)).max(axis=1) > above).sum()) / 100


@pytest.mark.room
@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 48_000])
def test_a_reply_is_heard_whole_and_drains(stage: Stage, recording: Recording, rate_hz: int) -> None:
    said = tone(rate_hz, 0.8)
    half = len(said) // 2
    assert stage.playback.play(1, said[:half], rate_hz)
    assert stage.playback.play(1, said[half:], rate_hz)
    stage.playback.end(1)
    audible = stage.ear.until("audible", 1)
    drained = stage.ear.until("drained", 1)
    assert abs(drained.at - audible.at - 0.8) < 0.3
    assert stage.ear.rates == {rate_hz}
    positions = stage.ear.positions(1)
    assert positions == sorted(positions)
    assert positions[-1] == len(said)
    heard = recording.stop()
    assert abs(loud_s(heard) - 0.8) < 0.05
    loud = heard[np.flatnonzero(np.abs(heard.astype(int)) > 2000)]
    # Not the very peak: a tone that begins at once rings in every resampler on its way.
    assert 7500 < np.percentile(np.abs(loud.astype(int)), 98) < 8500
    assert stage.playback.counters().underruns == 0


@pytest.mark.room
@pytest.mark.parametrize("changes", [{"rate_hz": 44_100}, {"latency_ms": 20}, {"volume_percent": 50}])
def test_settings_of_the_device(
    server: SoundServer, start: Callable[..., Stage], health: HealthLog, tmp_path: Path, changes: dict[str, int]
) -> None:
    stage = start(**changes)
    health.until("ok")
    recording = Recording(server, tmp_path)
    stage.playback.play(1, tone(VOICE_HZ, 0.4), VOICE_HZ)
    stage.playback.end(1)
    stage.ear.until("drained", 1)
    heard = recording.stop().astype(int)
    expected = 1000 if "volume_percent" in changes else 8000  # 50 % is an eighth of the amplitude
    assert abs(np.abs(heard).max() - expected) < expected * 0.1


@pytest.mark.room
def test_drop_overtakes_what_waits(stage: Stage, recording: Recording) -> None:
    stage.playback.play(1, tone(VOICE_HZ, 60.0), VOICE_HZ)
    stage.playback.end(1)
    stage.ear.until("played", 1, position=VOICE_HZ // 5)
    stage.playback.drop(1)
    stage.playback.play(1, tone(VOICE_HZ, 1.0), VOICE_HZ)  # late sound of the dropped turn
    stage.playback.play(2, tone(VOICE_HZ, 0.3, hz=1000), VOICE_HZ)
    stage.playback.end(2)
    stage.ear.until("drained", 2)
    assert ("drained", 1) not in [(said.what, said.turn) for said in stage.ear.all]
    heard = recording.stop().astype(float)
    spectrum = np.abs(np.fft.rfft(heard))
    high = spectrum[np.abs(np.fft.rfftfreq(len(heard), 1 / RATE_HZ) - 1000) < 20].max()
    assert high > 0.1 * spectrum.max()
    assert loud_s(heard) < 2.5


@pytest.mark.room
def test_two_minutes_are_taken_and_three_refused(stage: Stage) -> None:
    assert stage.playback.play(1, tone(VOICE_HZ, 120.0), VOICE_HZ)
    assert 55 < stage.playback.room() < 65
    assert not stage.playback.play(1, tone(VOICE_HZ, 70.0), VOICE_HZ)
    stage.ear.until("played", 1)
    stage.playback.drop(1)
    assert stage.playback.room() == 180


@pytest.mark.room
def test_a_pause_of_the_engine_cuts_nothing(stage: Stage, recording: Recording) -> None:
    """The device runs dry in the middle of a turn; the rest is heard from its first sample on."""
    said = tone(VOICE_HZ, 0.6)
    stage.playback.play(1, said[: len(said) // 2], VOICE_HZ)
    stage.ear.until("played", 1, position=len(said) // 4)
    time.sleep(0.8)  # the engine thinks
    stage.playback.play(1, said[len(said) // 2 :], VOICE_HZ)
    stage.playback.end(1)
    stage.ear.until("drained", 1)
    assert stage.playback.counters().underruns == 1
    assert abs(loud_s(recording.stop()) - 0.6) < 0.06


@pytest.mark.room
def test_an_earcon_is_mixed_over_speech_and_outlives_a_drop(stage: Stage, recording: Recording) -> None:
    stage.playback.play(1, tone(VOICE_HZ, 5.0), VOICE_HZ)
    stage.ear.until("played", 1, position=VOICE_HZ // 5)
    stage.playback.drop(1)
    stage.playback.earcon(tone(VOICE_HZ, 0.3, hz=2000), VOICE_HZ)
    stage.playback.end(2)
    stage.ear.until("drained", 2)
    recording.until(recording.seconds() + 0.4)
    heard = recording.stop().astype(float)
    spectrum = np.abs(np.fft.rfft(heard))
    high = spectrum[np.abs(np.fft.rfftfreq(len(heard), 1 / RATE_HZ) - 2000) < 20].max()
    assert high > 0.3 * 8000 * 0.3 * RATE_HZ / 2


@pytest.mark.room
def test_volume_and_ducking(stage: Stage, recording: Recording) -> None:
    stage.playback.play(1, tone(VOICE_HZ, 2.0), VOICE_HZ)
    stage.ear.until("played", 1, position=VOICE_HZ // 2)
    stage.playback.duck(-15, 50)
    stage.ear.until("played", 1, position=VOICE_HZ)
    stage.playback.duck(0, 50)
    stage.playback.volume(50)
    stage.playback.end(1)
    stage.ear.until("drained", 1)
    heard = np.abs(recording.stop().astype(int))
    levels = heard[: len(heard) // 160 * 160].reshape(-1, 160).max(axis=1)
    counts = [int(((levels > level * 0.9) & (levels < level * 1.1)).sum()) for level in (8000, 8000 * 0.178, 1000)]
    assert min(counts) > 20


@pytest.mark.room
def test_what_is_played_and_captured_agrees_in_time(
    server: SoundServer, start: Callable[..., Stage], health: HealthLog
) -> None:
    """From the speaker's clock, through the air (a null sink), to the microphone's clock: a few periods at most."""
    stage = start(device="lips")
    health.until("ok")
    capture = Capture(Mic(), health.events.put, clock, pytest.fail)
    capture.start()
    try:
        while not capture.read(0.1):
            pass
        click = np.zeros(VOICE_HZ // 2, np.int16)  # not at its beginning: a null sink's monitor misses up to 10 ms
        click[VOICE_HZ // 10 :][:40] = 20_000
        stage.playback.play(1, click, VOICE_HZ)
        stage.playback.end(1)
        audible = stage.ear.until("audible", 1).at
        end = time.monotonic() + WAIT_S
        heard_at = None
        while heard_at is None:
            assert time.monotonic() < end
            for block in capture.read(0.1):
                loud = np.flatnonzero(np.abs(block.pcm.astype(int)) > 5000)
                if len(loud) and heard_at is None:
                    heard_at = block.time_of(block.position + int(loud[0]))
        assert abs(heard_at - audible - 0.1) < 0.06
    finally:
        capture.stop()


@pytest.mark.room
def test_a_speaker_that_comes_later(new_server: SoundServer, start: Callable[..., Stage], health: HealthLog) -> None:
    stage = start()
    health.until("failed", "sound server")
    stage.playback.play(1, tone(VOICE_HZ, 0.2), VOICE_HZ)
    assert "sound server" in stage.ear.until("failed", 1).reason
    new_server.start()
    health.until("ok")
    stage.playback.play(1, tone(VOICE_HZ, 0.2), VOICE_HZ)  # what has failed stays silent
    stage.playback.play(2, tone(VOICE_HZ, 0.2), VOICE_HZ)
    stage.playback.end(2)
    stage.ear.until("drained", 2)
    assert not stage.ear.positions(1)


@pytest.mark.room
def test_a_speaker_that_is_pulled_out_fails_the_turn_and_comes_back(
    own_server: SoundServer, start: Callable[..., Stage], health: HealthLog
) -> None:
    stage = start()
    health.until("ok")
    stage.playback.play(1, tone(VOICE_HZ, 60.0), VOICE_HZ)
    stage.ear.until("played", 1)
    own_server.remove_sinks()
    stage.ear.until("failed", 1)
    health.until("failed")
    own_server.add_sinks()
    health.until("ok")
    stage.playback.play(2, tone(VOICE_HZ, 0.2), VOICE_HZ)
    stage.playback.end(2)
    stage.ear.until("drained", 2)


@pytest.mark.room
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_child_that_is_killed_or_stopped_is_replaced(
    server: SoundServer, start: Callable[..., Stage], health: HealthLog, number: int
) -> None:
    stage = start()
    health.until("ok")
    stage.playback.play(1, tone(VOICE_HZ, 60.0), VOICE_HZ)
    stage.ear.until("played", 1)
    pid = stage.playback.pid
    assert pid is not None
    os.kill(pid, number)
    stage.ear.until("failed", 1)
    health.until("failed", "speaker.child")
    health.until("ok")
    stage.playback.play(2, tone(VOICE_HZ, 0.2), VOICE_HZ)
    stage.playback.end(2)
    stage.ear.until("drained", 2)
    assert stage.playback.counters().restarts == 1


@pytest.mark.room
def test_a_sound_server_that_stands_still_fails_the_turn(
    own_server: SoundServer, start: Callable[..., Stage], health: HealthLog
) -> None:
    stage = start()
    health.until("ok")
    stage.playback.play(1, tone(VOICE_HZ, 60.0), VOICE_HZ)
    stage.ear.until("played", 1)
    os.kill(own_server.pid, signal.SIGSTOP)
    try:
        stage.ear.until("failed", 1)
        health.until("failed")
    finally:
        os.kill(own_server.pid, signal.SIGCONT)
    health.until("ok")


@pytest.mark.room
def test_twenty_lives_leave_nothing_behind(server: SoundServer, health: HealthLog) -> None:
    def live() -> None:
        playback = Playback(Speaker(), Ear(), health.events.put, clock, pytest.fail)
        playback.start()
        health.until("ok")
        playback.stop()

    live()
    files, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(10):
        live()
    assert len(os.listdir("/proc/self/fd")) == files
    assert threading.active_count() == threads
