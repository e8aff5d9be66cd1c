"""The sound devices: what there is, what the configured ones really negotiate, and who holds one that is busy.

Devices are opened here as the agent's audio processes open them, and closed at once. Opening can hold the interpreter
for as long as a sound server stands still, which is one reason why checks run in a process of their own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from agent.audio import alsa, source
from agent.audio.address import address
from agent.audio.alsa import DeviceError, Direction, Format, Wish
from agent.audio.pcm import RATE_HZ
from agent.audio.source import FILE, Source
from agent.audio.speaker import RATES_HZ
from agent.config import Mic, Speaker
from agent.doctor import report
from agent.doctor.context import Context
from agent.doctor.finding import Finding, Severity

LEAST_BUFFER_S = 0.4  # of the microphone: what a stalled process may sleep through
NAMES: dict[Direction, str] = {"capture": "microphone", "playback": "speaker"}
HINTS = {
    "busy": "stop the program that has it, or share the device: dsnoop, dmix, or a sound server",
    "denied": "sudo usermod -aG audio $USER, then log in again (the service: SupplementaryGroups=audio)",
    "absent": "voice-agent devices lists what there is; plugged in? is the sound server running?",
    "format": "leave rate_hz, channels and format out, or use plughw: instead of hw:",
    "broken": "plug it out and in; dmesg tells what the kernel thinks of it",
}


def examine(context: Context) -> Iterator[Finding]:
    context.say("listing devices")
    yield from _listed()
    audio = context.config.audio
    yield from _name("capture", audio.mic.device)
    yield from _name("playback", audio.speaker.device)
    context.say(f"opening the microphone {audio.mic.device}")
    yield from _opened(context, "capture", audio.mic.device)
    context.say(f"opening the speaker {audio.speaker.device}")
    yield from _opened(context, "playback", audio.speaker.device)


def open_mic(mic: Mic) -> Source:
    """As `agent.audio.mic` opens it. Raises DeviceError."""
    return source.open_device(mic.device, mic.rate_hz, mic.channels, mic.format, mic.buffer_ms)


def open_speaker(speaker: Speaker) -> alsa.Pcm:
    """As `agent.audio.speaker` opens it. Raises DeviceError."""
    rates = (speaker.rate_hz,) if speaker.rate_hz else RATES_HZ
    return alsa.open_pcm(Wish(speaker.device, "playback", speaker.latency_ms / 1000, rates, (1, 2)))


def _listed() -> Iterator[Finding]:
    found = {name: [device.name for device in alsa.devices(direction)] for direction, name in NAMES.items()}
    shown = ", ".join(f"{len(names)} {name}{'' if len(names) == 1 else 's'}" for name, names in found.items())
    figures: dict[str, object] = {f"{name}s": names for name, names in found.items()}
    if all(found.values()):
        yield Finding("devices", "ok", "ALSA devices", f"{shown}; `voice-agent devices` lists them", "", figures)
    else:
        remedy = "lsusb, aplay -l; is the HAT's overlay in config.txt? a sound server? the user in the group audio?"
        yield Finding("devices", "warning", "ALSA devices", shown, remedy, figures)


def _name(direction: Direction, device: str) -> Iterator[Finding]:
    stable = alsa.unstable(device)
    if stable:
        shown = f"{device}: card numbers move when a device is plugged in"
        key = "audio.mic.device" if direction == "capture" else "audio.speaker.device"
        yield Finding("devices", "warning", f"{NAMES[direction]}'s name", shown, f'{key} = "{stable}"')


def _opened(context: Context, direction: Direction, device: str) -> Iterator[Finding]:
    name = NAMES[direction]
    if device.startswith(FILE):
        yield Finding("devices", "info", name, f"a file, {device.removeprefix(FILE)}, stands in for it")
        return
    try:
        form = _form(context, direction)
    except DeviceError as error:
        yield refused(context, direction, device, error)
        return
    yield negotiated(direction, device, form)
    if direction == "capture":
        yield from channel(context.config.audio.mic, form)


def _form(context: Context, direction: Direction) -> Format:
    audio = context.config.audio
    opened = open_mic(audio.mic) if direction == "capture" else open_speaker(audio.speaker)
    form = opened.format
    opened.close()
    return form


def negotiated(direction: Direction, device: str, form: Format) -> Finding:
    """What a device gave, and whether the agent can live with it."""
    period_ms, buffer_ms = (1000 * frames / form.rate_hz for frames in (form.period, form.buffer))
    channels = "1 channel" if form.channels == 1 else f"{form.channels} channels"
    shown = (
        f"{device}: {form.rate_hz} Hz, {channels}, {form.sample}, "
        f"period {form.period} ({period_ms:.1f} ms), buffer {form.buffer} ({buffer_ms:.0f} ms)"
    )
    figures: dict[str, object] = {
        "device": device,
        "rate_hz": form.rate_hz,
        "channels": form.channels,
        "format": form.sample,
        "period": form.period,
        "buffer": form.buffer,
        "period_ms": round(period_ms, 2),
        "buffer_ms": round(buffer_ms, 1),
    }
    severity: Severity = "ok"
    remedy = ""
    if direction == "capture" and form.buffer < LEAST_BUFFER_S * form.rate_hz:
        severity, remedy = "warning", "it cannot bridge a pause of 500 ms: use plughw: or a sound server, not hw:"
    elif period_ms > 25:
        severity, remedy = "warning", "long periods delay the wake word: use plughw: or the card itself"
    elif direction == "capture" and form.rate_hz != RATE_HZ:
        shown += f"; converted to {RATE_HZ} Hz"
    return Finding("devices", severity, NAMES[direction], shown, remedy, figures)


def channel(mic: Mic, form: Format) -> Iterator[Finding]:
    """Is the configured one there? If not, the agent takes the last one: `agent.audio.convert`."""
    if mic.channel == "mix" or mic.channel < form.channels:
        return
    shown = f"audio.mic.channel is {mic.channel} (from 0), and the device gives {form.channels}: the last one is heard"
    remedy = f"audio.mic.channels = {mic.channel + 1} or more, if the device has them; else another audio.mic.channel"
    yield Finding("devices", "warning", "microphone's channel", shown, remedy, {"channels": form.channels})


def refused(context: Context, direction: Direction, device: str, error: DeviceError) -> Finding:
    """Why a device could not be opened, and who has it."""
    name = NAMES[direction]
    figures: dict[str, object] = {"device": device, "code": error.code}
    if error.code == "busy":
        holders = list(held_by(context, direction, device))
        running = report.running()
        if running and (not holders or _is_services(running.pid, holders)):
            shown = f"{device} is held by the running service, so it is not opened here"
            return Finding("devices", "info", name, shown, FREE_IT, figures)
        if holders:
            who = ", ".join(f"{_program(pid)} (process {pid})" for pid in holders)
            return Finding("devices", "failure", name, f"{device} is in use by {who}", HINTS["busy"], figures)
    detail = str(error).partition("; ")[0]
    return Finding("devices", "failure", name, detail, HINTS[error.code], figures)


FREE_IT = "to look closer: sudo systemctl stop voice-agent; voice-agent doctor; sudo systemctl start voice-agent"


def held_by(context: Context, direction: Direction, device: str) -> Iterator[int]:
    """The processes that have this PCM open; none where its name does not tell the card ("default", a sound server).

    /proc/asound: the kernel's Documentation/sound/designs/procfile.rst.
    """
    where = address(device)
    if where is None:
        return
    card = f"card{where.card}" if where.card.isdigit() else where.card
    number, sub = ("*" if each is None else each for each in (where.device, where.subdevice))
    letter = "c" if direction == "capture" else "p"
    for status in sorted((context.root / "proc/asound").glob(f"{card}/pcm{number}{letter}/sub{sub}/status")):
        owner = re.search(r"^owner_pid\s*:\s*(\d+)", context.text(str(status.relative_to(context.root))), re.MULTILINE)
        if owner:
            yield int(owner[1])


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip() or "?"
    except OSError:
        return "a program"


def _is_services(service: int, holders: list[int]) -> bool:
    """Whether one of them is the service, or a child of it. ALSA names threads too, whose parent is the same."""
    return any(service in (pid, _parent(pid)) for pid in holders)


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return os.getpid()
