"""Opening devices: what they really give, and errors that say what helps."""

from __future__ import annotations

import errno
import os
from typing import Never

import alsaaudio
import pytest
from audio_helpers import SoundServer

from agent.audio.address import Address, address
from agent.audio.alsa import DeviceError, Wish, devices, mixer, open_pcm, unstable


def refusing(number: int) -> object:
    def refuse(*_: object, **named: object) -> Never:
        raise alsaaudio.ALSAAudioError(f"{os.strerror(number)} [{named['device']}]")

    return refuse


@pytest.mark.parametrize(
    ("number", "code", "remedy"),
    [
        (errno.EBUSY, "busy", "another program"),
        (errno.EACCES, "denied", "group audio"),
        (errno.ENODEV, "absent", "voice-agent devices"),
        (errno.EINVAL, "format", "plughw:"),
        (errno.EIO, "broken", "cannot be opened"),
    ],
)
def test_an_error_names_its_remedy(monkeypatch: pytest.MonkeyPatch, number: int, code: str, remedy: str) -> None:
    """There is no sound card here to be busy: the error texts are those of alsa-lib, its PCM is a fake."""
    monkeypatch.setattr(alsaaudio, "PCM", refusing(number))
    with pytest.raises(DeviceError, match=remedy) as caught:
        open_pcm(Wish("hw:CARD=Mic", "capture", 0.5, (16_000,), (1,)))
    assert caught.value.code == code


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(DeviceError, match="no microphone 'nowhere'") as caught:
        open_pcm(Wish("nowhere", "capture", 0.5, (16_000,), (1,)))
    assert caught.value.code == "absent"


@pytest.mark.room
def test_what_a_device_gives_is_compared_with_the_wish(server: SoundServer) -> None:
    """PulseAudio has no 200 channels; ALSA silently gives another number."""
    with pytest.raises(DeviceError) as caught:
        open_pcm(Wish("default", "capture", 0.5, (16_000,), (200,)))
    assert caught.value.code == "format"


@pytest.mark.room
def test_the_first_combination_that_is_given_is_taken(server: SoundServer) -> None:
    pcm = open_pcm(Wish("default", "capture", 0.5, (16_000,), (200, 2), ("S32",)))
    assert (pcm.format.rate_hz, pcm.format.channels, pcm.format.sample) == (16_000, 2, "S32")
    assert pcm.format.period == 160
    assert pcm.format.buffer >= 8000
    pcm.close()
    with pytest.raises(DeviceError):
        pcm.read()


@pytest.mark.room
def test_devices_can_be_chosen_by_stable_names(server: SoundServer) -> None:
    names = {device.name for device in devices("capture")}
    assert "default" in names
    assert not any(name.startswith(("hw:0", "plughw:0")) for name in names)
    assert all(device.description for device in devices("playback"))


def test_numbers_of_cards_are_unstable() -> None:
    assert unstable("hw:CARD=Device,DEV=0") is None
    assert unstable("default") is None
    assert unstable("plughw:7") == "plughw:CARD=NAME,DEV=0"


@pytest.mark.parametrize(
    ("device", "where"),
    [
        ("hw:CARD=Device,DEV=0", Address("Device", 0)),
        ("plughw:1", Address("1")),
        ("hw:Loopback,1,0", Address("Loopback", 1, 0)),
        ("dmix:CARD=Device", Address("Device")),
        ("default", None),
        ("plug:dmix", None),
        ("file:hw:1", None),
    ],
)
def test_a_name_tells_the_card(device: str, where: Address | None) -> None:
    assert address(device) == where


@pytest.mark.room
def test_a_mixer_control_that_does_not_exist(server: SoundServer) -> None:
    with pytest.raises(DeviceError, match="no mixer control 'Nothing' on default"):
        mixer("default", "Nothing")
    assert mixer("default", "Master")
