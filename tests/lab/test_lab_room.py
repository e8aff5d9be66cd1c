"""The room carries sound unchanged, tells its times, and can lose its devices."""

import os
import signal
import subprocess
import sys
import threading
import time
import wave
from pathlib import Path

import numpy as np
import psutil
import pytest

from agent.audio.pcm import RATE_HZ, Samples
from agent.lab.playing import SoundLost, locate
from agent.lab.processes import PackagesMissing, require
from agent.lab.room import Room

pytestmark = pytest.mark.room


def burst(seed: int, before: int = 4000, length: int = 800) -> Samples:
    """Half a second that is silent but for some noise."""
    sound = np.zeros(RATE_HZ // 2, np.int16)
    sound[before : before + length] = np.random.default_rng(seed).integers(-9000, 9000, length)
    return sound


def test_sound_arrives_unchanged_at_the_told_time(room: Room) -> None:
    before = time.monotonic()
    played = room.play(sound := burst(1))
    assert before - 0.02 <= played.start
    assert played.end <= time.monotonic() + 0.02
    assert played.end - played.start == pytest.approx(0.5)
    heard = room.record(played.start, played.end)
    assert np.array_equal(heard.visitor, sound)
    assert not heard.agent.any()


def test_times_of_two_sounds_differ_by_what_lies_between_them(room: Room) -> None:
    first = room.play(burst(2))
    second = room.play(burst(3, before=2000))
    heard = room.record(first.start, second.end)
    noise = np.flatnonzero(heard.visitor)
    assert first.time_of(4000) == pytest.approx(heard.start + noise[0] / RATE_HZ, abs=1e-3)
    assert second.time_of(2800) == pytest.approx(heard.start + noise[-1] / RATE_HZ, abs=1e-3)


def test_a_sound_of_another_rate_is_found(room: Room) -> None:
    t = np.arange(44_100) / 44_100
    chirp = (9000 * np.sin(2 * np.pi * (300 + 1500 * t) * t)).astype(np.int16)
    played = room.play(chirp, 44_100, gain_db=-6)
    heard = room.record(played.start, played.end).visitor
    assert played.end - played.start == pytest.approx(1.0)
    assert np.abs(heard).max() == pytest.approx(4500, rel=0.05)


def test_the_speaker_is_on_the_right_channel(room: Room, tmp_path: Path) -> None:
    since = time.monotonic()
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(24_000) / 48_000)).astype("<i2")
    command = ["pacat", "--playback", "--raw", "--format=s16le", "--rate=48000", "--channels=1"]
    subprocess.run(command, input=tone.tobytes(), env=room.env, check=True)
    assert room.wait_heard(time.monotonic())
    room.record(since).write(tmp_path / "room.wav")
    with wave.open(str(tmp_path / "room.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, RATE_HZ)
        sides = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    assert not sides[:, 0].any()
    assert np.abs(sides[:, 1]).max() == pytest.approx(8000, rel=0.05)


def test_alsa_default_is_the_microphone(room: Room, tmp_path: Path) -> None:
    path = tmp_path / "heard.raw"
    command = ["arecord", "-q", "-D", "default", "-f", "S16_LE", "-r", "16000", "-d", "3", "-t", "raw", str(path)]
    recorder = subprocess.Popen(command, env=room.env)
    while not path.exists() or path.stat().st_size == 0:
        assert recorder.poll() is None
        room.wait_heard(time.monotonic() + 0.05)
    room.play(sound := burst(4))
    assert recorder.wait() == 0
    assert locate(sound, np.fromfile(path, np.int16)) is not None


def test_echo_carries_the_speaker_to_the_microphone() -> None:
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype("<i2")
    command = ["pacat", "--playback", "--raw", "--format=s16le", "--rate=48000", "--channels=1"]
    with Room(echo_db=-20) as room:
        since = time.monotonic()
        subprocess.run(command, input=tone.tobytes(), env=room.env, check=True)
        room.wait_heard(time.monotonic() + 0.2)
        assert np.abs(room.record(since).visitor).max() == pytest.approx(800, rel=0.1)
        room.set_echo(None)
        since = time.monotonic()
        subprocess.run(command, input=tone.tobytes(), env=room.env, check=True)
        room.wait_heard(time.monotonic() + 0.2)
        assert not room.record(since).visitor.any()


@pytest.mark.parametrize(
    ("device", "alsa"), [("mic", ["arecord", "-q", "-d", "30"]), ("speaker", ["aplay", "-q", "-d", "30", "-t", "raw"])]
)
def test_unplugging_ends_streams_and_plugging_in_brings_them_back(device: str, alsa: list[str]) -> None:
    source = "/dev/null" if device == "mic" else "/dev/zero"
    command = [*alsa, "-f", "S16_LE", "-r", "16000", source]
    with Room() as room:
        client = subprocess.Popen(command, env=room.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        kind = "source-output" if device == "mic" else "sink-input"
        deadline = time.monotonic() + 10
        while not any(s["properties"].get("application.process.id") == str(client.pid) for s in room.streams(kind)):
            assert time.monotonic() < deadline
        room.unplug("mic" if device == "mic" else "speaker")
        _, errors = client.communicate(timeout=20)
        assert client.returncode != 0, errors
        again = subprocess.run(command, env=room.env, capture_output=True, timeout=20, check=False)
        assert again.returncode != 0
        room.plug("mic" if device == "mic" else "speaker")
        heard = room.record((p := room.play(burst(5))).start, p.end)
        assert np.array_equal(heard.visitor, burst(5))
        assert not heard.agent.any(), "the speaker's side listens to the microphone"


def test_playing_to_an_absent_microphone_is_an_error() -> None:
    with Room() as room:
        room.unplug("mic")
        with pytest.raises(SoundLost):
            room.play(burst(6))


def test_a_hung_server_goes_on_where_it_was() -> None:
    with Room() as room:
        room.hang()
        timer = threading.Timer(0.6, room.cont)
        timer.start()
        played = room.play(burst(7))
        timer.join()
        assert np.array_equal(room.record(played.start, played.end).visitor, burst(7))


def test_a_sound_may_be_cut_off(room: Room) -> None:
    with room.playing(np.full(RATE_HZ * 60, 1000, np.int16)):
        began = time.monotonic()
        assert room.wait_heard(began + 0.3)
    assert room.record(began + 0.2, began + 0.3).visitor.any()
    ended = time.monotonic()
    assert room.wait_heard(ended + 0.3)
    assert not room.record(ended + 0.2, ended + 0.3).visitor.any()


def test_no_process_is_left_behind() -> None:
    me = psutil.Process()
    before = {p.pid for p in me.children(recursive=True)}

    def spoil(room: Room) -> None:
        with room.playing(burst(8)):
            assert len(me.children(recursive=True)) >= len(before) + 4
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Room() as room:
        spoil(room)
    assert {p.pid for p in me.children(recursive=True)} <= before


def test_the_server_dies_with_its_owner() -> None:
    code = (
        "import time; from agent.lab.room import Room; r = Room(); r.start(); print(r.pid, flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    server = psutil.Process(int(owner.stdout.readline()))
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    psutil.wait_procs([server], timeout=10)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE


def test_missing_programs_are_named_with_the_command() -> None:
    with pytest.raises(PackagesMissing, match=r"no-such-program not found; run: sudo apt-get install -y some-package"):
        require({"no-such-program": "some-package", "sh": "dash"})


def test_nothing_is_found_where_nothing_is() -> None:
    noise = np.random.default_rng(9).integers(-900, 900, RATE_HZ).astype(np.int16)
    assert locate(burst(10), noise) is None
    assert locate(burst(10), noise[:100]) is None
