"""Every way of sound to the agent, measured against each other: one sound in the room, and when Python had it.

Each way of taking sound (`PATHS`) has:
    n: sounds that were found; p50_ms, p90_ms: from the end of a sound being at the microphone until Python had it;
    jitter_ms: 90th percentile beyond the least; granularity_ms: of sound in what comes at once, median;
    cpu_percent: of one core, what the way costs where sound is taken (browser, or the microphone's process and what
    sends), measured alone; agent_percent: and what it costs where it arrives; kbit_s: over the connection.
    `native`: ALSA in the agent's own process, as the device hears, alone. `native_beside`: the same while all others
    run. `native_websocket`: `voice-agent mic --always`, the same over a WebSocket.
`quoted`: averages on Linux that the idea of this project began with, for who takes sound in a browser, ms.

All ways listen to one microphone, a null sink of PulseAudio: what a sound card and its driver add is not in it, nor
what a network adds. Chromium here is real and headless; it asks PulseAudio for as little latency as it does anywhere.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from agent import clock
from agent.audio.capture import Capture
from agent.audio.pcm import RATE_HZ, Samples
from agent.config import Config
from agent.lab import chromium
from agent.lab.bench.report import Bar, Figures, Progress, percentiles, text_of
from agent.lab.bench.usage import cpu_s, name, tree
from agent.lab.playing import Played
from agent.lab.processes import end, spawn
from agent.lab.room import Room
from agent.lab.visits import Host, Notes, serving, sound_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

BARS: tuple[Bar, ...] = ()
QUOTED: Mapping[str, int] = {"MediaRecorder": 200, "AudioWorklet": 30, "native": 9}
IN_BROWSER = ("worklet", "script", "recorder", "webrtc")
PATHS = ("native", "native_beside", "native_websocket", *IN_BROWSER)
FREE = "--autoplay-policy=no-user-gesture-required"  # nobody touches the page
SOUNDS = 60
EVERY_S = 0.5
LEAD_S = 1.5
ALONE_S = 8.0
WAIT_S = 30.0
LIKE = 0.5  # normalised correlation at which a sound is found
ASIDE_S = 0.24  # how far from where its time stamp says a sound is looked for: less than half of EVERY_S


def run(progress: Progress) -> Figures:
    with Room() as room, _within(room.env):
        progress(f"native, alone: {SOUNDS} sounds")
        with _capturing() as capture, _noting(capture) as notes:
            alone = _row(notes, *_play(room))
        host = Host()
        with serving(host) as url, chromium.opened(room.env, FREE) as browser:
            page = browser.new_page()
            page.goto(f"{url}bench.html")
            page.wait_for_selector("body[data-ready]")
            paths = _together(room, page, host, url, progress)
            with room.playing(np.tile(sounds(), 4)):  # silence would be cheaper to send
                costs = {path: _alone(page, host, path, progress) for path in IN_BROWSER}
                costs["native_websocket"] = _alone_native(host, url, progress)
    paths = {"native": alone, **paths}
    return {
        **{path: {**paths[path], **costs.get(path, {})} for path in PATHS},
        "quoted": dict(QUOTED),
        "config": Config().audio.mic.model_dump(),
    }


def _together(room: Room, page: Page, host: Host, url: str, progress: Progress) -> dict[str, dict[str, Any]]:
    progress("starting " + ", ".join(IN_BROWSER))
    for path in IN_BROWSER:
        page.evaluate("path => window.bench.begin(path)", path)
    with ExitStack() as beside:
        beside.enter_context(_native_over_websocket(url))
        capture = beside.enter_context(_capturing())
        notes = {path: host.wait(path, WAIT_S)[1] for path in (*IN_BROWSER, "native")}
        notes["native_websocket"] = notes.pop("native")
        notes["native_beside"] = beside.enter_context(_noting(capture))
        progress(f"all at once: {SOUNDS} sounds")
        sound, played = _play(room)
        rows = {path: _row(each, sound, played) for path, each in notes.items()}
    page.evaluate("window.bench.end()")
    return rows


def _alone(page: Page, host: Host, path: str, progress: Progress) -> dict[str, float]:
    """What it costs, in percent of one core and in kbit/s. A browser that only has its page open is subtracted."""
    progress(f"{path}: what it costs alone")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    idle, _ = _spent(ALONE_S, _chromium())
    page.evaluate("path => window.bench.begin(path)", path)
    visit, _ = host.wait(path, WAIT_S)
    before = visit.received
    there, here = _spent(ALONE_S, _chromium())
    kbit = (visit.received - before) * 8 / 1000 / ALONE_S
    page.evaluate("window.bench.end()")
    costs = {"cpu_percent": round(max(0.0, there - idle), 1), "agent_percent": round(here, 1)}
    return costs if path == "webrtc" else {**costs, "kbit_s": round(kbit)}


def _alone_native(host: Host, url: str, progress: Progress) -> dict[str, float]:
    progress("native over a WebSocket: what it costs alone")
    with _native_over_websocket(url) as pid:
        visit, _ = host.wait("native", WAIT_S)
        before = visit.received
        there, here = _spent(ALONE_S, tree(pid))
        kbit = (visit.received - before) * 8 / 1000 / ALONE_S
    return {"cpu_percent": round(there, 1), "agent_percent": round(here, 1), "kbit_s": round(kbit)}


def _spent(seconds: float, pids: list[int]) -> tuple[float, float]:
    """Percent of one core: of these processes, and of ours."""

    def used() -> tuple[float, float]:
        return sum(cpu_s(pid) for pid in pids), time.process_time()

    (there, here), began = used(), time.monotonic()
    time.sleep(seconds)
    (there_now, here_now), took = used(), time.monotonic() - began
    return (there_now - there) / took * 100, (here_now - here) / took * 100


def _chromium() -> list[int]:
    return [pid for pid in tree(os.getpid()) if "chrom" in name(pid)]


def _play(room: Room) -> tuple[Samples, Played]:
    sound = sounds()
    played = room.play(sound)
    time.sleep(1.0)  # for the slowest way
    return sound, played


def sounds() -> Samples:
    """Short sweeps, each of its own kind, so that none is taken for its neighbour."""
    rng = np.random.default_rng(7)
    track = np.zeros(round((LEAD_S + SOUNDS * EVERY_S) * RATE_HZ), np.int16)
    for index in range(SOUNDS):
        low, high = rng.uniform(500, 1500), rng.uniform(2500, 5000)
        piece = sweep(*((low, high) if index % 2 else (high, low)))
        start = _start(index)
        track[start : start + len(piece)] = piece
    return track


def sweep(first_hz: float, last_hz: float) -> Samples:
    """40 ms from one pitch to another."""
    t = np.arange(round(0.04 * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * (first_hz * t + (last_hz - first_hz) * t**2 / (2 * t[-1]))
    piece: Samples = (0.5 * 32_767 * np.sin(phase) * np.hanning(len(t))).astype(np.int16)
    return piece


def _start(index: int) -> int:
    return round((LEAD_S + index * EVERY_S) * RATE_HZ)


def _row(notes: Notes, sound: Samples, played: Played) -> dict[str, Any]:
    had = notes.since(played.start - LEAD_S)
    delays = delays_ms(had, sound, played)
    p50, p90 = percentiles(delays, 50, 90)
    least = min(delays, default=0.0)
    return {
        "n": len(delays),
        "p50_ms": p50,
        "p90_ms": p90,
        "jitter_ms": None if p90 is None else round(p90 - least, 1),
        "granularity_ms": granularity_ms(had),
    }


def granularity_ms(had: list[tuple[float, Any]]) -> float | None:
    """Median of how much sound came at once."""
    together: dict[float, int] = {}
    for at, block in had:
        together[at] = together.get(at, 0) + len(block.pcm)
    (median,) = percentiles([count * 1000 / RATE_HZ for count in together.values()], 50)
    return median


def delays_ms(had: list[tuple[float, Any]], sound: Samples, played: Played) -> list[float]:
    """For each sound that is found: from its end at the microphone until Python had that sample."""
    heard, first = sound_of(had)
    if not len(heard):
        return []
    ends = np.array([block.position + len(block.pcm) for _, block in had])
    dated = had[0][1].at
    length = round(0.04 * RATE_HZ)
    found = []
    for index in range(SOUNDS):
        start = _start(index)
        guess = round((played.time_of(start) - dated) * RATE_HZ)
        at = find(sound[start : start + length], heard, guess)
        if at is None:
            continue
        last = first + at + length
        arrived = int(np.searchsorted(ends, last))
        if arrived < len(had):
            found.append((had[arrived][0] - played.time_of(start + length)) * 1000)
    return found


def find(piece: Samples, heard: Samples, guess: int) -> int | None:
    """Where in what was heard the piece begins, near the guess; None where nothing there is like it."""
    aside = round(ASIDE_S * RATE_HZ)
    low = max(0, guess - aside)
    window = heard[low : guess + aside + len(piece)].astype(np.float64)
    if len(window) < len(piece):
        return None
    wanted = piece.astype(np.float64)
    likeness = np.correlate(window, wanted, "valid")
    energy = np.convolve(window**2, np.ones(len(piece)), "valid").clip(1.0)
    likeness /= np.sqrt(energy * float(wanted @ wanted))
    best = int(np.argmax(likeness))
    return low + best if likeness[best] >= LIKE else None


@contextmanager
def _within(env: Mapping[str, str]) -> Iterator[None]:
    """The microphone's child of this very process is in the room."""
    before = dict(os.environ)
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _capturing() -> Iterator[Capture]:
    failed: list[str] = []
    capture = Capture(Config().audio.mic, lambda event: None, clock.now, failed.append)
    capture.start()
    try:
        capture.drain_every(1)
        yield capture
    finally:
        capture.stop()


@contextmanager
def _noting(source: Capture) -> Iterator[Notes]:
    notes = Notes(source)
    try:
        yield notes
    finally:
        notes.stop()


@contextmanager
def _native_over_websocket(url: str) -> Iterator[int]:
    """The process's id."""
    address = url.replace("http", "ws", 1) + "ws"
    command = [sys.executable, "-m", "agent.cli", "mic", "--to", address, "--always", "--speaker", "none"]
    process = spawn(command, os.environ)
    try:
        yield process.pid
    finally:
        end(process)


def render(figures: Figures) -> Table:
    """A line for each way."""
    title = f"capture-paths   {figures['machine']}, reference {figures['reference_ms']} ms"
    grid = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    keys = dict.fromkeys(key for path in PATHS for key in figures[path])
    for column in ("path", *keys):
        grid.add_column(column, justify="left" if column == "path" else "right")
    for path in PATHS:
        grid.add_row(path, *(text_of(figures[path].get(key)) for key in keys))
    quoted = ", ".join(f"{name} {ms} ms" for name, ms in figures["quoted"].items())
    grid.caption = f"quoted averages: {quoted}"
    return grid
