"""ALSA, as it really behaves: the only place that imports alsaaudio. Runs in the audio children and in `devices`.

Rules (each was found by experiment):
- Opening, `drop` and closing hold the GIL and can block for seconds when a sound server stands still.
- Parameters that a device refuses are silently replaced by others: after every open, `info()` is compared with the
  wish.
- Errors carry no errno: a buffer over- or underrun is the return value -EPIPE, everything else an exception. One rule:
  any exception, and the handle is dropped and opened anew.
- `close()` of a playback PCM drains without bound: `drop()` comes first.
- alsa-lib explains failures on stderr, at every attempt: the text is caught and becomes part of the error.

Terms: https://www.alsa-project.org/alsa-doc/alsa-lib/pcm.html
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import alsaaudio

from agent.audio.address import address

Direction = Literal["capture", "playback"]
Code = Literal["busy", "denied", "absent", "format", "broken"]
SampleFormat = Literal["S16", "S32"]

FORMATS: dict[SampleFormat, int] = {"S16": alsaaudio.PCM_FORMAT_S16_LE, "S32": alsaaudio.PCM_FORMAT_S32_LE}
TYPES: dict[Direction, int] = {"capture": alsaaudio.PCM_CAPTURE, "playback": alsaaudio.PCM_PLAYBACK}
PERIOD_S = 0.01
XRUN = -errno.EPIPE


class DeviceError(Exception):
    """A sound device cannot be used; str: what is wrong and what helps."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Format:
    """What a device really gives. `period` and `buffer` in frames."""

    rate_hz: int
    channels: int
    sample: SampleFormat
    period: int
    buffer: int

    @property
    def frame_bytes(self) -> int:
        return self.channels * (2 if self.sample == "S16" else 4)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a device: the first combination that it gives is taken, in this order of preference."""

    device: str
    direction: Direction
    buffer_s: float
    rates_hz: tuple[int, ...]
    channels: tuple[int, ...]
    samples: tuple[SampleFormat, ...] = ("S16", "S32")


@dataclass(frozen=True, slots=True)
class Device:
    """A PCM to choose from; `name` is stable over reboots."""

    name: str
    direction: Direction
    description: str


class Pcm:
    """An open PCM that never blocks on reading and writing."""

    def __init__(self, handle: Any, form: Format) -> None:
        self._handle = handle
        self.format = form

    def available(self) -> int:
        """Frames that can be read, or written, now; XRUN where the buffer overran or ran dry. Raises DeviceError."""
        count: int = self._call("avail")
        if count < 0 and count != XRUN:
            raise DeviceError("broken", os.strerror(-count))
        return count

    def read(self) -> bytes | None:
        """At most one period; b"" if nothing waits; None after an overrun (the stream goes on). Raises DeviceError."""
        count, data = self._call("read")
        return None if count == XRUN else data

    def write(self, pcm: bytes) -> int | None:
        """Frames taken, maybe fewer than given; None after an underrun (write again). Raises DeviceError."""
        count: int = self._call("write", pcm)
        return None if count == XRUN else count

    def drop(self) -> None:
        """Throw away what waits in the buffer and stop; the next read or write starts anew."""
        self._call("drop")

    def descriptors(self) -> list[tuple[int, int]]:
        """(file descriptor, events) to poll for a period."""
        fds: list[tuple[int, int]] = self._call("polldescriptors")
        return fds

    def woke(self, events: list[tuple[int, int]]) -> None:
        """Tell the device what poll returned; plugins clear their descriptors here."""
        self._call("polldescriptors_revents", events)

    def close(self) -> None:
        """Give the device back; errors of a device that is gone already do not matter any more."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        try:
            handle.drop()
            handle.close()
        except alsaaudio.ALSAAudioError:
            del handle  # its deallocation closes without draining

    def _call(self, method: str, *args: object) -> Any:
        if self._handle is None:
            raise DeviceError("broken", "the device is closed")
        try:
            return getattr(self._handle, method)(*args)
        except alsaaudio.ALSAAudioError as error:
            raise DeviceError("broken", str(error)) from error


def open_pcm(wish: Wish) -> Pcm:
    """Open a device with the first wished combination that it really gives. Raises DeviceError."""
    got = ""
    for sample, channels, rate_hz in product(wish.samples, wish.channels, wish.rates_hz):
        period = round(rate_hz * PERIOD_S)
        with _caught_stderr() as caught:
            try:
                handle = alsaaudio.PCM(
                    TYPES[wish.direction],
                    alsaaudio.PCM_NONBLOCK,
                    device=wish.device,
                    rate=rate_hz,
                    channels=channels,
                    format=FORMATS[sample],
                    periodsize=period,
                    periods=max(2, round(wish.buffer_s / PERIOD_S)),
                )
            except alsaaudio.ALSAAudioError as error:
                handle, failure = None, str(error)
        if handle is None:
            problem = _explained(wish, failure, caught)
            if problem.code != "format":
                raise problem
            got = str(problem)
            continue
        info = handle.info()
        if (info["rate"], info["channels"], info["format"]) == (rate_hz, channels, FORMATS[sample]):
            return Pcm(handle, Format(rate_hz, channels, sample, info["period_size"], info["buffer_size"]))
        got = f"{wish.device} gives {info['format_name']}, {info['channels']} channels, {info['rate']} Hz"
        Pcm(handle, Format(rate_hz, channels, sample, 1, 1)).close()
    raise DeviceError("format", f"{got}, not what was asked for; leave rate, channels and format to it, or use plughw:")


def devices(direction: Direction) -> list[Device]:
    """What can be configured as microphone or speaker, by names that stay the same when cards are renumbered."""
    with _caught_stderr():
        names: list[str] = alsaaudio.pcms(TYPES[direction])
        cards = [alsaaudio.card_name(index) for index in alsaaudio.card_indexes()]
    found = [Device(name, direction, _description(name, cards)) for name in names if _is_choice(name)]
    return found


def library_version() -> str:
    """Of alsa-lib, such as "1.2.8"."""
    version: str = alsaaudio.asoundlib_version()
    return version


def unstable(device: str) -> str | None:
    """A name such as hw:1 changes when another card comes first; returns the stable one (or a hint), None if fine."""
    match = re.fullmatch(r"(plug)?hw:(\d+)(?:,(\d+))?", device)
    if not match:
        return None
    plug, number, sub = match[1] or "", int(match[2]), match[3] or "0"
    if number in alsaaudio.card_indexes():
        return f"{plug}hw:CARD={alsaaudio.cards()[alsaaudio.card_indexes().index(number)]},DEV={sub}"
    return f"{plug}hw:CARD=NAME,DEV={sub}"


def mixer(device: str, control: str) -> Any:
    """The mixer control of the card that a PCM belongs to. Raises DeviceError."""
    where = address(device)
    name = f"hw:{where.card}" if where else "default"
    with _caught_stderr() as caught:
        try:
            return alsaaudio.Mixer(control, device=name)
        except alsaaudio.ALSAAudioError as error:
            there = ", ".join(_mixers(name)) or "none"
            failure = f"no mixer control {control!r} on {name} (there are: {there}): {error}"
    raise DeviceError("absent", _with_detail(failure, caught))


def set_volume(control: Any, percent: int) -> None:
    """Raises DeviceError."""
    try:
        control.setvolume(percent)
    except alsaaudio.ALSAAudioError as error:
        raise DeviceError("broken", str(error)) from error


def volumes(control: Any) -> list[int]:
    """Of each channel, in the control's own steps, as it was when the control was opened. Raises DeviceError."""
    try:
        found: list[int] = control.getvolume(alsaaudio.PCM_PLAYBACK, alsaaudio.VOLUME_UNITS_RAW)
    except alsaaudio.ALSAAudioError as error:
        raise DeviceError("broken", str(error)) from error
    return found


def set_volumes(control: Any, raw: list[int]) -> None:
    """The inverse of `volumes`, on a control opened anew: it writes no value that it believes to be there."""
    try:
        for channel, value in enumerate(raw):
            control.setvolume(value, channel, alsaaudio.PCM_PLAYBACK, alsaaudio.VOLUME_UNITS_RAW)
    except alsaaudio.ALSAAudioError as error:
        raise DeviceError("broken", str(error)) from error


def _mixers(device: str) -> list[str]:
    try:
        names: list[str] = alsaaudio.mixers(device=device)
    except alsaaudio.ALSAAudioError:
        return []
    return names


def _is_choice(name: str) -> bool:
    return name in {"default", "pulse", "pipewire"} or name.startswith(("hw:CARD=", "plughw:CARD="))


def _description(name: str, cards: list[tuple[str, str]]) -> str:
    if name.startswith(("hw:", "plughw:")):
        card = name.split("CARD=")[1].split(",")[0]
        known = dict(zip(alsaaudio.cards(), cards, strict=False))
        text = known.get(card, (card, ""))[0]
        return f"{text}, converted as needed" if name.startswith("plug") else f"{text}, as it is"
    return {"default": "the system's default", "pulse": "PulseAudio", "pipewire": "PipeWire"}[name]


def _explained(wish: Wish, failure: str, caught: list[str]) -> DeviceError:
    """What an error text of alsa-lib means for the person who has to do something about it."""
    device, what = wish.device, "microphone" if wish.direction == "capture" else "speaker"
    known: dict[int, tuple[Code, str]] = {
        errno.EBUSY: ("busy", f"{device} is in use by another program; stop it, or share the device (dsnoop, dmix)"),
        errno.EACCES: ("denied", f"no access to {device}; add the user to the group audio"),
        errno.EPERM: ("denied", f"no access to {device}; add the user to the group audio"),
        errno.ENOENT: ("absent", f"no {what} {device!r}; `voice-agent devices` lists what there is"),
        errno.ENODEV: ("absent", f"no {what} {device!r}; `voice-agent devices` lists what there is"),
        errno.ENXIO: ("absent", f"no {what} {device!r}; `voice-agent devices` lists what there is"),
        errno.ECONNREFUSED: ("absent", f"the sound server behind {device!r} does not answer"),
        errno.EINVAL: ("format", f"{device} refuses this combination of rate, channels and format"),
    }
    for number, (code, text) in known.items():
        if failure.startswith(os.strerror(number)):
            return DeviceError(code, _with_detail(text, caught if code == "absent" else []))
    return DeviceError("broken", _with_detail(f"{device} cannot be opened: {failure}", caught))


def _with_detail(text: str, caught: list[str]) -> str:
    lines = [line.split(") ", 1)[-1] for line in caught if line.startswith("ALSA lib")]
    return f"{text} ({lines[-1]})" if lines else text


@contextmanager
def _caught_stderr() -> Iterator[list[str]]:
    """Collects what native code prints to stderr. For processes that own their stderr: children, command line."""
    lines: list[str] = []
    memory = os.memfd_create("stderr")
    kept = os.dup(2)
    os.dup2(memory, 2)
    try:
        yield lines
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        lines += os.pread(memory, 8192, 0).decode(errors="replace").splitlines()
        os.close(memory)
