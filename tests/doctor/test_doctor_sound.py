"""Chirps through a real sound path: the speaker's monitor is the microphone, 12 dB weaker; and what findings say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.audio import alsa
from agent.config import Audio, Config, Mic, Speaker
from agent.doctor import sound
from agent.doctor.chirp import Channel, Heard, NotHeard, Train
from agent.doctor.context import Context
from agent.doctor.finding import Finding
from agent.doctor.take import Take, loudness
from agent.lab.room import Room


def context(config: Config | None = None, wanted: bool = True) -> Context:
    return Context(config or Config(), wanted, lambda text: None)


@pytest.fixture
def echoing(room: Room, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    for name, value in room.env.items():
        monkeypatch.setenv(name, value)
    room.set_echo(-12.0)
    yield room
    room.set_echo(None)


def by_title(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {finding.title: finding for finding in findings}


def test_chirps_are_heard(echoing: Room) -> None:
    """The loopback of the room is set to 30 ms; its sound server resamples, so clocks differ a little."""
    said: list[str] = []
    found = by_title(sound.examine(Context(Config(), True, said.append)))
    assert any("chirps sound" in text for text in said), "nobody was warned"
    assert found["level"].figures["level_dbfs"] == pytest.approx(-33.3, abs=3.0)
    assert 0.0 < float(str(found["round trip"].figures["round_trip_ms"])) < 300.0
    assert found["clipping"].severity == "ok"
    assert found["noise floor"].severity == "ok"
    assert {"xruns", "rate error"} <= set(found)


def test_a_mixer_is_as_before(echoing: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meanwhile it is as configured: so the chirps are loud."""
    monkeypatch.setattr(sound, "Train", lambda: Train((0.0, 0.5, 1.1)))
    usual = alsa.volumes(alsa.mixer("default", "Master"))
    soft = [6_000] * len(usual)
    alsa.set_volumes(alsa.mixer("default", "Master"), soft)
    try:
        config = Config(audio=Audio(speaker=Speaker(mixer="Master", volume_percent=100)))
        found = by_title(sound.examine(context(config)))
        after = alsa.volumes(alsa.mixer("default", "Master"))
    finally:
        alsa.set_volumes(alsa.mixer("default", "Master"), usual)
    assert float(str(found["level"].figures["level_dbfs"])) > -40
    assert after == soft


def test_a_speaker_that_nobody_hears(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in room.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sound, "Train", lambda: Train((0.0, 0.5, 1.1)))
    found = by_title(sound.examine(context()))["chirps"]
    assert found.severity == "failure"
    assert "zeros" in found.detail


def test_left_out(tmp_path: Path) -> None:
    assert "no sound was wanted" in next(sound.examine(context(wanted=False))).detail
    stands_in = Config(audio=Audio(mic=Mic(device=f"file:{tmp_path}/x.wav")))
    assert "a file stands in" in next(sound.examine(context(stands_in))).detail


def test_without_the_device() -> None:
    nowhere = Config(audio=Audio(mic=Mic(device="plughw:CARD=Nowhere")))
    (found,) = sound.examine(context(nowhere))
    assert found.severity == "failure"
    assert "Nowhere" in found.detail


def test_loudness() -> None:
    def of(**speaker: object) -> int:
        return loudness(Config(audio=Audio(speaker=Speaker.model_validate(speaker))))

    assert of(volume_percent=0) == 40
    assert of(volume_percent=55) == 55
    assert of(volume_percent=100) == 70
    assert of(volume_percent=100, mixer="Master") == 100


LIVE, DEAD = Channel(-30.0, 0.0, 0.0, False), Channel(-120.0, 1.0, 0.0, True)
TAKE = Take(np.zeros((1, 1)), 16_000, ((0, 100.0), (16_000, 101.0)), 100.5, 0, 0, 0, 0)


def made(**changes: object) -> Heard:
    plain: dict[str, object] = {
        "start_s": 0.525, "level_dbfs": -30.0, "noise_dbfs": -60.0, "peak_dbfs": -20.0, "ppm": 12.0, "jitter_us": 1.0,
        "clipped": 0.0, "polarity": 1, "channel": 0, "channels": (LIVE,),
    }  # fmt: skip
    return Heard(**{**plain, **changes})  # type: ignore[arg-type]


def judged(heard: Heard | NotHeard, channel: int | str = "mix") -> dict[str, Finding]:
    config = Config(audio=Audio(mic=Mic.model_validate({"channel": channel})))
    return by_title(sound.judged(heard, TAKE, context(config)))


def test_a_good_room() -> None:
    found = judged(made())
    assert {finding.severity for finding in found.values()} == {"ok"}
    assert found["round trip"].figures["round_trip_ms"] == pytest.approx(25.0)
    assert "+12.0 ppm" in found["rate error"].detail


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"noise_dbfs": -35.0}, "noise floor"),
        ({"level_dbfs": -55.0}, "level"),
        ({"clipped": 0.02}, "clipping"),
        ({"start_s": 1.2}, "round trip"),
        ({"start_s": 0.1}, "round trip"),
        ({"ppm": -900.0}, "rate error"),
        ({"ppm": None, "jitter_us": 4000.0}, "rate error"),
    ],
)
def test_what_is_wrong_has_a_remedy(changes: dict[str, object], title: str) -> None:
    found = judged(made(**changes))[title]
    assert found.severity == "warning"
    assert found.remedy


@pytest.mark.parametrize(("channel", "severity"), [(0, "failure"), ("mix", "warning"), (1, "info")])
def test_a_dead_channel(channel: int | str, severity: str) -> None:
    found = judged(made(channels=(DEAD, LIVE), channel=1), channel)["channels"]
    assert found.severity == severity
    assert severity == "info" or found.remedy == "audio.mic.channel = 1"


def test_not_heard_among_noise() -> None:
    found = judged(NotHeard(-40.0, (LIVE,)))["chirps"]
    assert found.severity == "failure"
    assert "−40 dBFS" in found.detail


def test_lost_sound_is_told() -> None:
    bad = Take(TAKE.sound, 16_000, TAKE.times, 0.0, xruns=2, lost_frames=1600, underruns=1, restarts=0)
    assert sound.lost(TAKE).severity == "ok"
    assert "2 xruns, 100.0 ms lost, 1 underruns" in sound.lost(bad).detail
