"""The microphone on a real kernel: `hw:` without any plugin, true overruns, a card that goes and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from audio_helpers import HealthLog, tone
from cables import (
    LIPS,
    MIC,
    Heard,
    Pcm,
    holding,
    is_open,
    plug_in,
    program,
    strength,
    unplug,
    until,
    write_wav,
)

from agent.audio.alsa import DeviceError, Wish, open_pcm
from agent.audio.pcm import RATE_HZ

Starter = Callable[..., Heard]
Measured = Callable[[str, float], None]


def params(pcm: str) -> dict[str, str]:
    """What the kernel says about an open PCM."""
    lines = Path("/proc/asound", pcm, "hw_params").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines)


def same(heard: Pcm, said: Pcm) -> int:
    """How many samples from its first loud one on are as they were said."""
    loud = int(np.argmax(np.abs(said) > 0))
    start = int(np.argmax(np.abs(heard) > 0)) - loud
    both = heard[start : start + said.size]
    differ = np.flatnonzero(both != said[: both.size])
    return int(differ[0]) if differ.size else both.size


def test_a_period_is_160_frames_at_16_khz() -> None:
    pcm = open_pcm(Wish(MIC, "capture", 0.5, (RATE_HZ,), (1,)))
    try:
        told = pcm.format
        real = params("Loopback/pcm1c/sub0")
    finally:
        pcm.close()
    assert (told.rate_hz, told.channels, told.sample, told.period, told.buffer) == (RATE_HZ, 1, "S16", 160, 8000)
    assert real["rate"].startswith("16000 ")
    assert (real["format"], real["channels"]) == ("S16_LE", "1")
    assert (real["period_size"], real["buffer_size"]) == ("160", "8000")


def test_every_sample_that_is_played_is_heard(capture: Starter, health: HealthLog, tmp_path: Path) -> None:
    heard = capture(MIC)
    health.until("ok", during=heard.read)
    assert params("Loopback/pcm1c/sub0")["period_size"] == "160"
    said = tone(RATE_HZ, 2.0)
    file = write_wav(tmp_path / "said.wav", np.concatenate([said, np.zeros(RATE_HZ // 5, np.int16)]), RATE_HZ)
    with program("aplay", "-q", "-D", LIPS, str(file)) as lips:
        heard.until(lambda: lips.poll() is not None)
    heard.listen(0.5)
    assert same(heard.pcm, said) == said.size, "not bit by bit the same"
    counters = heard.capture.counters()
    assert (counters.lost, counters.xruns, counters.dropped, counters.restarts) == (0, 0, 0, 0)


def test_an_overrun_is_counted_and_capture_goes_on(capture: Starter, health: HealthLog, measured: Measured) -> None:
    heard = capture(MIC)
    health.until("ok", during=heard.read)
    heard.listen(1.0)
    pid = heard.capture.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    assert until(lambda: "XRUN" in Path("/proc/asound/Loopback/pcm1c/sub0/status").read_text()) < 1.5
    before = heard.samples
    os.kill(pid, signal.SIGCONT)
    woken = time.monotonic()
    heard.until(lambda: heard.samples > before and any(block.gap for block in heard.blocks))
    late = time.monotonic() - woken
    measured("overrun: the next sound after the child woke up", late)
    assert late < 0.3, "100 ms, three times"
    heard.listen(1.0)
    index = next(index for index, block in enumerate(heard.blocks) if block.gap)
    last, first = heard.blocks[index - 1 : index + 1]
    assert first.position - last.position - len(last.pcm) > 0.4 * RATE_HZ
    assert abs(last.time_of(first.position) - first.at) < 0.03, "the position jumps by as much as time does"
    counters = heard.capture.counters()
    assert (counters.xruns, counters.restarts) == (1, 0)
    assert counters.lost > 40
    assert [each.status for each in health.seen] == ["loading", "ok"]


def test_a_card_that_is_pulled_out_and_comes_back(
    capture: Starter, health: HealthLog, measured: Measured, tmp_path: Path
) -> None:
    heard = capture(MIC)
    health.until("ok", during=heard.read)
    heard.listen(0.5)
    try:
        gone = unplug()
        failed = health.until("failed", during=heard.read)
        measured("unplugged: failed after", failed.at.mono - gone)
        assert failed.at.mono - gone < 3.0
        heard.until(lambda: time.monotonic() > gone + 3)
    finally:
        back = plug_in()
    well = health.until("ok", during=heard.read)
    measured("plugged in: hearing after", well.at.mono - back)
    assert well.at.mono - back < 6.0
    heard.blocks.clear()
    with program("aplay", "-q", "-D", LIPS, str(write_wav(tmp_path / "a.wav", tone(RATE_HZ, 2.0), RATE_HZ))):
        heard.until(lambda: heard.samples > 0 and strength(heard.pcm[-8000:], 440, RATE_HZ) > 7000)
    assert heard.capture.counters().restarts == 0, "an absent device is no reason to die"


def test_a_busy_microphone_is_named_and_taken_when_it_is_free(
    capture: Starter, health: HealthLog, measured: Measured
) -> None:
    with holding("hw:CARD=Dummy,DEV=0", "capture"):
        heard = capture("hw:CARD=Dummy,DEV=0")
        failed = health.until("failed")
        assert "hw:CARD=Dummy,DEV=0 is in use by another program" in failed.reason
    free = time.monotonic()
    measured("free again: hearing after", health.until("ok", during=heard.read).at.mono - free)


@pytest.fixture
def model() -> Iterator[Callable[[str], None]]:
    """Makes the dummy card one that can do only what the real card of this name can."""

    def change(*options: str) -> None:
        until(lambda: not any([*is_open("CARD=Dummy", "c"), *is_open("CARD=Dummy", "p")]))
        subprocess.run(["modprobe", "-r", "snd-dummy"], check=True)
        subprocess.run(["modprobe", "snd-dummy", *options], check=True)

    yield lambda name: change(f"model={name}")
    change()


def test_a_card_without_16_khz_is_taken_as_it_is(
    model: Callable[[str], None], capture: Starter, health: HealthLog, caplog: pytest.LogCaptureFixture
) -> None:
    """The ca0106 gives 48 kHz and above, nothing but stereo, and no more than eight periods."""
    model("ca0106")
    heard = capture("hw:CARD=Dummy,DEV=0")
    health.until("ok", during=heard.read)
    real = params("Dummy/pcm0c/sub0")
    assert real["rate"].startswith("48000 ")
    assert (real["channels"], real["period_size"], real["buffer_size"]) == ("2", "480", "3840")
    heard.capture.drain_every(8)
    heard.listen(2.0)
    counters = heard.capture.counters()
    assert (counters.xruns, counters.restarts) == (0, 0), "a short buffer must not run over in silence"
    assert "a buffer of 80 ms only" in caplog.text


@pytest.mark.parametrize(
    ("settings", "given"),
    [({"rate_hz": 16_000}, "48000 Hz"), ({"channels": 1}, "2 channels"), ({"format": "S32"}, "S16_LE")],
    ids=["rate", "channels", "format"],
)
def test_what_the_card_cannot_do_is_refused_by_name(
    model: Callable[[str], None], capture: Starter, health: HealthLog, settings: dict[str, object], given: str
) -> None:
    model("ca0106")
    heard = capture("hw:CARD=Dummy,DEV=0", **settings)
    reason = health.until("failed").reason
    heard.capture.stop()
    assert "hw:CARD=Dummy,DEV=0" in reason
    assert "plughw:" in reason
    assert given in reason


def test_a_cable_that_somebody_else_has_set_up(capture: Starter, health: HealthLog, tmp_path: Path) -> None:
    """The loopback takes the rate, channels and format of whoever came first."""
    music = write_wav(tmp_path / "music.wav", tone(44_100, 8.0), 44_100, 2)
    with program("aplay", "-q", "-D", LIPS, str(music)):
        until(lambda: any(is_open(LIPS, "p")))
        heard = capture(MIC)
        health.until("ok", during=heard.read)
        assert params("Loopback/pcm1c/sub0")["rate"].startswith("44100 ")
        heard.until(lambda: heard.samples > 16_000 and strength(heard.pcm[-8000:], 440, RATE_HZ) > 7000)
        heard.capture.stop()


def test_a_rate_that_the_cable_does_not_have_is_refused() -> None:
    with holding(LIPS, "playback"), pytest.raises(DeviceError) as caught:
        open_pcm(Wish(MIC, "capture", 0.5, (RATE_HZ,), (1, 2)))
    assert caught.value.code == "format"
    assert "plughw:" in str(caught.value)


def test_with_dsnoop_another_program_hears_as_well(
    capture: Starter, health: HealthLog, sharing: Callable[[str], None], tmp_path: Path
) -> None:
    sharing(MIC)
    heard, other = capture("default"), tmp_path / "other.raw"
    health.until("ok", during=heard.read)
    said = write_wav(tmp_path / "said.wav", tone(48_000, 6.0), 48_000)
    recorder = ("arecord", "-q", "-t", "raw", "-f", "S16_LE", "-r", "16000", "-c", "1", "-d", "2", str(other))
    with program("aplay", "-q", "-D", f"plug:SLAVE='{LIPS}'", str(said)), program(*recorder) as listener:
        heard.until(lambda: listener.poll() is not None)
        assert strength(heard.pcm[-8000:], 440, RATE_HZ) > 7000
    assert strength(np.fromfile(other, np.int16)[-8000:], 440, RATE_HZ) > 7000
    assert heard.capture.counters().xruns == 0
