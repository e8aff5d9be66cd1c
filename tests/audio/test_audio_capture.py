"""Capture from a real ALSA path (a private PulseAudio) and from WAV files."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from audio_helpers import WAIT_S, HealthLog, SoundServer, clock, tone
from numpy.typing import NDArray

from agent.audio.capture import Capture
from agent.audio.pcm import RATE_HZ, Block
from agent.config import Mic

Starter = Callable[..., "Heard"]


class Heard:
    """A capture and all that it has heard."""

    def __init__(self, config: Mic, health: HealthLog, fatal: list[str]) -> None:
        self.capture = Capture(config, health.events.put, clock, fatal.append)
        self.blocks: list[Block] = []

    def listen(self, seconds: float) -> None:
        """Until so much sound has come."""
        end = self.samples + round(seconds * RATE_HZ)
        self.until(lambda: self.samples >= end)

    def until(self, done: Callable[[], bool]) -> None:
        begun = time.monotonic()
        while not done():
            assert time.monotonic() - begun < WAIT_S
            self.read()

    def read(self) -> None:
        self.blocks += self.capture.read(0.1)

    @property
    def samples(self) -> int:
        return sum(len(block.pcm) for block in self.blocks)

    @property
    def pcm(self) -> NDArray[np.int16]:
        return np.concatenate([block.pcm for block in self.blocks])

    def assert_seamless(self) -> None:
        for before, after in zip(self.blocks, self.blocks[1:], strict=False):
            assert after.position == before.position + len(before.pcm)
            assert not after.gap
            # Time stamps of a busy machine waver by milliseconds; a lost period would be ten.
            assert abs(after.at - before.time_of(after.position)) < 0.0095

    def has_gap(self) -> bool:
        return any(block.gap for block in self.blocks)

    def assert_gap_in_time(self) -> None:
        """The position jumps by as much as time does."""
        index = next(index for index, block in enumerate(self.blocks) if block.gap)
        before, after = self.blocks[index - 1 : index + 1]
        assert after.position > before.position + len(before.pcm)
        assert abs(before.time_of(after.position) - after.at) < 0.03


@pytest.fixture
def start(health: HealthLog) -> Iterator[Starter]:
    started: list[Heard] = []
    fatal: list[str] = []

    def starter(device: str = "default", **changes: object) -> Heard:
        heard = Heard(Mic(device=device, **changes), health, fatal)
        started.append(heard)
        heard.capture.start()
        return heard

    yield starter
    for heard in started:
        heard.capture.stop()
    assert not fatal


def speak(server: SoundServer, pcm: NDArray[np.int16], rate_hz: int, folder: Path) -> subprocess.Popen[bytes]:
    path = folder / "said.wav"
    write_wav(path, pcm, rate_hz)
    return subprocess.Popen(["paplay", "--device=mic", str(path)], env={**os.environ, **server.env})


def write_wav(path: Path, pcm: NDArray[np.signedinteger], rate_hz: int, channels: int = 1) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(pcm.dtype.itemsize)
        file.setframerate(rate_hz)
        file.writeframes(pcm.tobytes())


@pytest.mark.room
@pytest.mark.parametrize(
    ("rate_hz", "channels", "sample"),
    [(None, None, None), (16_000, 1, "S16"), (48_000, 2, "S32"), (44_100, 2, "S16"), (44_100, 1, "S32")],
)
def test_what_is_said_is_heard_in_every_format(
    server: SoundServer,
    start: Starter,
    health: HealthLog,
    tmp_path: Path,
    rate_hz: int | None,
    channels: int | None,
    sample: str | None,
) -> None:
    heard = start(rate_hz=rate_hz, channels=channels, format=sample)
    health.until("ok", during=heard.read)
    with speak(server, tone(RATE_HZ, 0.5), RATE_HZ, tmp_path) as said:
        heard.until(lambda: heard.samples > 0 and np.abs(heard.pcm).max() > 4000)
        heard.listen(0.3)
        said.wait()
    heard.listen(0.2)
    heard.assert_seamless()
    spectrum = np.abs(np.fft.rfft(heard.pcm.astype(float)))
    assert abs(np.argmax(spectrum) * RATE_HZ / heard.samples - 440) < 5
    assert 7000 < np.abs(heard.pcm.astype(int)).max() < 9000
    counters = heard.capture.counters()
    assert (counters.lost, counters.dropped, counters.restarts) == (0, 0, 0)
    assert counters.periods >= heard.samples // 160
    assert heard.blocks[-1].at <= time.monotonic()


@pytest.mark.room
def test_eight_periods_at_a_time_lose_nothing_and_one_comes_at_once(
    server: SoundServer, start: Starter, health: HealthLog
) -> None:
    heard = start()
    heard.capture.drain_every(8)
    health.until("ok", during=heard.read)
    heard.listen(0.5)
    heard.blocks.clear()
    heard.listen(0.8)
    heard.assert_seamless()
    assert np.median([len(block.pcm) for block in heard.blocks]) == 8 * 160
    heard.capture.drain_every(1)
    heard.listen(0.3)
    heard.blocks.clear()
    heard.listen(0.5)
    assert np.median([len(block.pcm) for block in heard.blocks]) < 8 * 160


@pytest.mark.room
def test_a_microphone_may_come_later(new_server: SoundServer, start: Starter, health: HealthLog) -> None:
    heard = start()
    assert "sound server" in health.until("failed").reason
    new_server.start()
    health.until("ok", during=heard.read)
    heard.listen(0.2)


@pytest.mark.room
def test_a_microphone_that_is_pulled_out_comes_back(own_server: SoundServer, start: Starter, health: HealthLog) -> None:
    heard = start()
    health.until("ok", during=heard.read)
    heard.listen(0.3)
    own_server.remove_sinks()
    health.until("failed", during=heard.read)
    own_server.add_sinks()
    health.until("ok", during=heard.read)
    heard.until(heard.has_gap)
    heard.assert_gap_in_time()
    assert heard.capture.counters().restarts == 0


@pytest.mark.room
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_child_that_is_killed_or_stopped_is_replaced(
    own_server: SoundServer, start: Starter, health: HealthLog, number: int
) -> None:
    heard = start()
    health.until("ok", during=heard.read)
    heard.listen(0.2)
    old = heard.capture.pid
    assert old is not None
    os.kill(old, number)
    health.until("failed", "mic.child", during=heard.read)
    health.until("ok", during=heard.read)
    heard.until(heard.has_gap)
    heard.assert_gap_in_time()
    assert heard.capture.counters().restarts == 1
    assert heard.capture.pid not in (None, old)


@pytest.mark.room
def test_what_is_stale_after_a_pause_is_thrown_away(own_server: SoundServer, start: Starter, health: HealthLog) -> None:
    heard = start()
    health.until("ok", during=heard.read)
    heard.listen(0.2)
    pid = heard.capture.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    time.sleep(1.2)  # the pause itself
    os.kill(pid, signal.SIGCONT)
    heard.until(heard.has_gap)
    heard.assert_gap_in_time()
    heard.listen(0.3)
    assert heard.capture.counters().lost > 50
    newest = heard.blocks[-1]
    assert time.monotonic() - newest.time_of(newest.position + len(newest.pcm)) < 0.5


@pytest.mark.room
def test_a_sound_server_that_stands_still_is_told_and_survived(
    own_server: SoundServer, start: Starter, health: HealthLog
) -> None:
    heard = start()
    health.until("ok", during=heard.read)
    os.kill(own_server.pid, signal.SIGSTOP)
    try:
        health.until("failed", "mic.stall", during=heard.read)
    finally:
        os.kill(own_server.pid, signal.SIGCONT)
    health.until("ok", during=heard.read)
    heard.listen(0.2)


@pytest.mark.room
def test_a_device_that_runs_too_fast_is_closed(server: SoundServer, start: Starter, health: HealthLog) -> None:
    heard = start("null")
    health.until("failed", "too fast", during=heard.read)


@pytest.mark.room
def test_twenty_lives_leave_nothing_behind(server: SoundServer, health: HealthLog) -> None:
    def live() -> None:
        heard = Heard(Mic(), health, [])
        heard.capture.start()
        health.until("ok", during=heard.read)
        heard.capture.stop()

    live()
    files, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(20):
        live()
    assert len(os.listdir("/proc/self/fd")) == files
    assert threading.active_count() == threads


# ---- files


def test_a_file_by_its_own_clock_comes_whole_and_fast(start: Starter, tmp_path: Path) -> None:
    said = tone(RATE_HZ, 30.0)
    write_wav(tmp_path / "said.wav", said, RATE_HZ)
    heard = start(f"file:{tmp_path}/said.wav?clock=audio")
    begun = time.monotonic()
    heard.until(lambda: heard.capture.ended)
    assert time.monotonic() - begun < 30
    assert np.array_equal(heard.pcm, said)
    heard.assert_seamless()
    assert heard.capture.counters().dropped == 0


def test_a_slow_reader_of_such_a_file_loses_nothing(start: Starter, tmp_path: Path) -> None:
    said = tone(RATE_HZ, 12.0)
    write_wav(tmp_path / "said.wav", said, RATE_HZ)
    heard = start(f"file:{tmp_path}/said.wav?clock=audio")
    heard.until(lambda: heard.samples > 0)
    time.sleep(0.5)  # the reader is busy
    heard.until(lambda: heard.capture.ended)
    assert np.array_equal(heard.pcm, said)


def test_a_file_in_real_time_is_followed_by_silence(start: Starter, tmp_path: Path) -> None:
    said = tone(RATE_HZ, 0.3)
    write_wav(tmp_path / "said.wav", said, RATE_HZ)
    heard = start(f"file:{tmp_path}/said.wav")
    heard.listen(0.6)
    heard.assert_seamless()
    assert np.array_equal(heard.pcm[: len(said)], said)
    assert not heard.pcm[len(said) :].any()
    assert not heard.capture.ended
    first, last = heard.blocks[0], heard.blocks[-1]
    assert abs((last.at - first.at) - (last.position - first.position) / RATE_HZ) < 0.005


@pytest.mark.parametrize(("channel", "expected"), [(0, 1000), (1, 3000), (7, 3000), ("mix", 2000)])
def test_one_channel_or_the_mix_of_a_32_bit_file(
    start: Starter, tmp_path: Path, channel: int | str, expected: int
) -> None:
    frames = np.tile(np.array([1000, 3000], np.int32) << 16, (16_000, 1))
    write_wav(tmp_path / "two.wav", frames, 16_000, channels=2)
    heard = start(f"file:{tmp_path}/two.wav?clock=audio", channel=channel)
    heard.until(lambda: heard.capture.ended)
    assert heard.samples == 16_000
    assert np.all(heard.pcm == expected)


def test_the_gain_saturates(start: Starter, tmp_path: Path) -> None:
    write_wav(tmp_path / "loud.wav", np.array([10_000, -10_000, 100] * 1000, np.int16), 16_000)
    heard = start(f"file:{tmp_path}/loud.wav?clock=audio", gain_db=20)
    heard.until(lambda: heard.capture.ended)
    assert set(heard.pcm.tolist()) == {32_767, -32_768, 1000}


def test_the_level_is_that_of_the_last_second(start: Starter, tmp_path: Path) -> None:
    quiet_last = np.concatenate([tone(RATE_HZ, 2.0, amplitude=32_000), tone(RATE_HZ, 1.2, amplitude=3276.8)])
    write_wav(tmp_path / "said.wav", quiet_last, RATE_HZ)
    heard = start(f"file:{tmp_path}/said.wav?clock=audio")
    heard.until(lambda: heard.capture.ended)
    level = heard.capture.level()
    assert abs(level.peak_dbfs - -20) < 0.2
    assert abs(level.rms_dbfs - -23) < 0.2


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"hello", "not a WAV file"), (b"RIFF\x00\x00\x00\x00WAVE", "has no data")],
)
def test_a_bad_file_is_named(
    start: Starter, health: HealthLog, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    start(f"file:{path}")
    assert str(path) in health.until("failed", reason).reason


def test_zeros_are_reported_and_sound_clears_it(start: Starter, health: HealthLog, tmp_path: Path) -> None:
    zeros = np.zeros(31 * RATE_HZ, np.int16)
    write_wav(tmp_path / "dead.wav", np.concatenate([zeros, tone(RATE_HZ, 0.5)]), RATE_HZ)
    heard = start(f"file:{tmp_path}/dead.wav?clock=audio")
    heard.until(lambda: heard.capture.ended)
    health.until("degraded", "mic.zero")
    health.until("ok")


def test_clipping_is_reported(start: Starter, health: HealthLog, tmp_path: Path) -> None:
    square = np.where(np.arange(11 * RATE_HZ) % 40 < 20, 32_767, -32_768).astype(np.int16)
    write_wav(tmp_path / "loud.wav", square, RATE_HZ)
    heard = start(f"file:{tmp_path}/loud.wav?clock=audio")
    heard.until(lambda: heard.capture.ended)
    health.until("degraded", "mic.clip")
