"""The agent beside music on PipeWire, which owns the card: by its ALSA plugin, on a real kernel's card."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from audio_helpers import HealthLog, tone
from cables import ROOM_HZ, Heard, is_running, program, strength, until, write_wav
from test_guest_playback import Mouth, mouth

from agent.audio.pcm import RATE_HZ

__all__ = ["mouth"]

# The other end of what PipeWire opens, opened after it: who comes first decides the format, and PipeWire, which takes
# its time to open a card after a program has opened PipeWire, would be given another than it has negotiated.
FAR = "plughw:CARD=Loopback,DEV=1,SUBDEV=0"
# Left alone, PipeWire moves one channel after the other, and snd-aloop stops an end that moves them otherwise.
INTERLEAVED = """monitor.alsa.rules = [ {
  matches = [ { node.name = "~alsa_.*aloop.*" } ]
  actions = { update-props = { audio.format = "S32LE" } }
} ]
"""


@pytest.fixture(scope="module")
def pipewire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A session with PipeWire and its manager; the loopback card is its default."""
    folder = tmp_path_factory.mktemp("run")
    rules = folder / "wireplumber" / "wireplumber.conf.d" / "interleaved.conf"
    rules.parent.mkdir(parents=True)
    rules.write_text(INTERLEAVED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        patch.setenv("XDG_STATE_HOME", str(folder))
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        both = "pipewire & exec wireplumber"
        with program("dbus-run-session", "--", "sh", "-c", both):
            until(lambda: set(nodes()) >= {"Audio/Sink", "Audio/Source"}, timeout_s=60)
            for kind, name in nodes().items():
                become_default(kind, name)
            yield


def become_default(kind: str, name: str) -> None:
    """And loud: a new card begins at 40 %."""
    end = kind.removeprefix("Audio/")
    value = ("0", f"default.configured.audio.{end.lower()}", json.dumps({"name": name}), "Spa:String:JSON")
    subprocess.run(["pw-metadata", *value], check=True, capture_output=True)
    volume = ("wpctl", "set-volume", f"@DEFAULT_AUDIO_{end.upper()}@", "1.0")
    until(lambda: subprocess.run(volume, capture_output=True).returncode == 0)


def nodes() -> dict[str, str]:
    """The loopback card's sink and source, by media class."""
    dump = subprocess.run(["pw-dump"], capture_output=True, text=True)
    found = {}
    for item in json.loads(dump.stdout or "[]"):
        props = item.get("info", {}).get("props", {}) if "Node" in item.get("type", "") else {}
        if "aloop" in props.get("node.name", ""):
            found[props.get("media.class", "")] = props["node.name"]
    return found


def test_music_and_speech_sound_together(
    pipewire: None, mouth: Callable[..., Mouth], health: HealthLog, tmp_path: Path
) -> None:
    song = write_wav(tmp_path / "song.wav", tone(ROOM_HZ, 20.0, 1000.0, 4000.0), ROOM_HZ, 2)
    raw = tmp_path / "room.raw"
    options = ("-f", "S16_LE", "-r", str(ROOM_HZ), "-c", "1", "-t", "raw")
    with program("aplay", "-q", "-D", "pipewire", str(song)) as music:
        speaking = mouth("pipewire")
        health.until("ok")
        until(lambda: is_running("pcm0p"), music)
        with program("arecord", "-q", "-D", FAR, *options, str(raw)) as room:
            until(lambda: raw.exists() and raw.stat().st_size > ROOM_HZ, room)
            speaking.say(1, 2.0)
            speaking.until("drained", 1)
            assert music.poll() is None
            heard = np.fromfile(raw, np.int16)
    windows = [heard[at : at + 9600] for at in range(0, len(heard) - 9600, 4800)]
    both = [window for window in windows if min(strength(window, hz) for hz in (440, 1000)) > 1000]
    assert len(both) >= 12, [[round(strength(window, hz)) for hz in (440, 1000)] for window in windows]


def test_the_microphone_is_heard(
    pipewire: None, capture: Callable[..., Heard], health: HealthLog, tmp_path: Path
) -> None:
    heard = capture("pipewire")
    health.until("ok", during=heard.read)
    heard.until(lambda: is_running("pcm0c"))
    said = write_wav(tmp_path / "said.wav", tone(ROOM_HZ, 15.0), ROOM_HZ)
    with program("aplay", "-q", "-D", FAR, str(said)):
        heard.until(lambda: heard.samples > RATE_HZ and strength(heard.pcm[-8000:], 440, RATE_HZ) > 4000)
    counters = heard.capture.counters()
    assert (counters.xruns, counters.restarts) == (0, 0)
