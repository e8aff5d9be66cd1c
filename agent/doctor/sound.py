"""Chirps played and heard back: does sound come out and in, how loud, how late, with how much noise, and do the clocks
of the two devices agree?

The times compared are those the devices tell, so "round trip" is what they do not account for: the air, and buffers of
a sound server or a radio link. Echo cancellation and the times in receipts live with it, up to a point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agent.audio.alsa import DeviceError, Direction
from agent.audio.source import FILE
from agent.doctor import devices
from agent.doctor.chirp import Channel, Heard, NotHeard, Train, measure
from agent.doctor.context import Context
from agent.doctor.finding import Finding, Severity, of_problem
from agent.doctor.take import NoTake, Take, loudness, record

NOISY_DBFS = -38.0
QUIETEST_DBFS = -100.0
GOOD_SNR_DB = 12.0
LATE_MS = 400.0
EARLY_MS = -50.0  # sound cannot come before it was played; devices are some periods wrong about that
APART_PPM = 300.0
CLIPPING = 0.001


def examine(context: Context) -> Iterator[Finding]:
    why_not = left_out(context)
    if why_not:
        yield why_not
        return
    train = Train()
    try:
        taken = record(context.config, train, context.say)
    except NoTake as error:
        yield of_problem("sound", "chirps", str(error), "voice-agent doctor --only devices")
        return
    context.say("looking at the recording")
    yield lost(taken)
    heard = measure(taken.sound, taken.rate_hz, train, context.config.audio.mic.channel)
    yield from judged(heard, taken, context)


def left_out(context: Context) -> Finding | None:
    """Why there can be no sound now; None where there can."""
    audio = context.config.audio
    if not context.sound:
        return Finding("sound", "info", "chirps", "left out: no sound was wanted")
    if audio.mic.device.startswith(FILE):
        return Finding("sound", "info", "chirps", "left out: a file stands in for the microphone")
    context.say("opening microphone and speaker")
    direction: Direction = "capture"
    try:
        devices.open_mic(audio.mic).close()
        direction = "playback"
        devices.open_speaker(audio.speaker).close()
    except DeviceError as error:
        device = audio.mic.device if direction == "capture" else audio.speaker.device
        found = devices.refused(context, direction, device, error)
        return replace(found, part="sound", title="chirps", detail=f"left out: {found.detail}")
    return None


def lost(taken: Take) -> Finding:
    """What went wrong on the way, while it was measured."""
    figures = {
        "xruns": taken.xruns, "lost_ms": round(1000 * taken.lost_frames / taken.rate_hz, 1),
        "underruns": taken.underruns, "restarts": taken.restarts,
    }  # fmt: skip
    if not any(figures.values()):
        return Finding("sound", "ok", "xruns", "none; no sound was lost", "", figures)
    shown = f"{taken.xruns} xruns, {figures['lost_ms']} ms lost, {taken.underruns} underruns, {taken.restarts} restarts"
    remedy = "end what keeps the processor busy; voice-agent doctor --only realtime board"
    return Finding("sound", "warning", "xruns", shown, remedy, figures)


def judged(heard: Heard | NotHeard, taken: Take, context: Context) -> Iterator[Finding]:
    """What the recording means for a person."""
    yield from _channels(heard.channels, context.config.audio.mic.channel)
    if isinstance(heard, NotHeard):
        yield _not_heard(heard, context)
        return
    yield _noise(heard)
    yield _level(heard, loudness(context.config))
    yield _clipping(heard)
    yield _round_trip(heard, taken)
    yield _clocks(heard)


def _channels(channels: tuple[Channel, ...], wanted: int | str) -> Iterator[Finding]:
    dead = [number for number, channel in enumerate(channels) if channel.dead]
    figures = {"channels": len(channels), "dead": [str(number) for number in dead]}
    if not dead or len(dead) == len(channels):
        return
    alive = next(number for number in range(len(channels)) if number not in dead)
    names = ", ".join(map(str, dead))
    shown = f"silent: {names} (of 0 to {len(channels) - 1})"
    severity: Severity = "failure" if wanted in dead else "warning" if wanted == "mix" else "info"
    remedy = "" if severity == "info" else f"audio.mic.channel = {alive}"
    yield Finding("sound", severity, "channels", shown, remedy, figures)


def _not_heard(heard: NotHeard, context: Context) -> Finding:
    figures = {"noise_dbfs": round(heard.noise_dbfs, 1), "heard": False}
    if all(channel.zeros == 1.0 for channel in heard.channels):
        shown = "the microphone gives nothing but zeros"
        return Finding("sound", "failure", "chirps", shown, "a mute switch? the wrong device? its gain at 0?", figures)
    shown = f"not heard, among noise of {_db(heard.noise_dbfs)} dBFS (volume {loudness(context.config)} %)"
    remedy = "speaker on and turned up? the right devices? alsamixer; with headphones: --no-sound"
    return Finding("sound", "failure", "chirps", shown, remedy, figures)


def _noise(heard: Heard) -> Finding:
    figures = {"noise_dbfs": round(heard.noise_dbfs, 1)}
    if heard.noise_dbfs < QUIETEST_DBFS:
        return Finding("sound", "ok", "noise floor", f"under {_db(QUIETEST_DBFS)} dBFS: no noise at all", "", figures)
    shown = f"{_db(heard.noise_dbfs)} dBFS"
    if heard.noise_dbfs > NOISY_DBFS:
        remedy = "away from fans and loudspeakers; or lower the microphone's gain"
        return Finding("sound", "warning", "noise floor", f"{shown}: a loud room", remedy, figures)
    return Finding("sound", "ok", "noise floor", shown, "", figures)


def _level(heard: Heard, percent: int) -> Finding:
    figures = {
        "heard": True,
        "volume_percent": percent,
        "level_dbfs": round(heard.level_dbfs, 1),
        "peak_dbfs": round(heard.peak_dbfs, 1),
        "snr_db": round(heard.snr_db, 1),
    }
    shown = f"{_db(heard.level_dbfs)} dBFS at volume {percent} %, {heard.snr_db:.0f} dB over the noise"
    if heard.snr_db < GOOD_SNR_DB:
        remedy = "raise the speaker's volume or the microphone's gain (alsamixer, audio.mic.gain_db)"
        return Finding("sound", "warning", "level", f"{shown}: hardly heard", remedy, figures)
    return Finding("sound", "ok", "level", shown, "", figures)


def _clipping(heard: Heard) -> Finding:
    figures = {"clipped_share": round(heard.clipped, 5)}
    if heard.clipped > CLIPPING:
        remedy = "lower the microphone's gain (alsamixer), or the speaker's volume"
        return Finding("sound", "warning", "clipping", f"{heard.clipped:.1%} of the samples", remedy, figures)
    return Finding("sound", "ok", "clipping", f"none; peaks at {_db(heard.peak_dbfs)} dBFS", "", figures)


def _round_trip(heard: Heard, taken: Take) -> Finding:
    trip_ms = (taken.time_of(heard.start_s * taken.rate_hz) - taken.audible_at) * 1000
    figures: dict[str, object] = {
        "round_trip_ms": round(trip_ms, 2),
        "polarity": heard.polarity,
        "channel": heard.channel,
    }
    shown = f"{trip_ms:.1f} ms beyond the delays that the devices tell"
    if trip_ms < EARLY_MS:
        shown = f"not measured: it came {_db(-trip_ms)} ms before it was played (was sound lost?)"
        remedy = "run it again while nothing else runs"
        return Finding("sound", "warning", "round trip", shown, remedy, {**figures, "round_trip_ms": None})
    if trip_ms > LATE_MS:
        remedy = "a wireless speaker? wires answer sooner, and echo cancellation needs them"
        return Finding("sound", "warning", "round trip", shown, remedy, figures)
    return Finding("sound", "ok", "round trip", shown, "", figures)


def _clocks(heard: Heard) -> Finding:
    if heard.ppm is None:
        shown = f"not measured: arrivals are {heard.jitter_us / 1000:.1f} ms uneven (was sound lost?)"
        return Finding("sound", "warning", "rate error", shown, "run it again while nothing else runs", {"ppm": None})
    figures = {"ppm": round(heard.ppm, 1), "jitter_us": round(heard.jitter_us, 1)}
    faster = (
        "the same clock" if abs(heard.ppm) < 1 else f"the {'microphone' if heard.ppm > 0 else 'speaker'} runs faster"
    )
    shown = f"{_signed(heard.ppm)} ppm ({faster})"
    if abs(heard.ppm) > APART_PPM:
        remedy = "no card drifts so far: is a sound server resampling? one card for both is best"
        return Finding("sound", "warning", "rate error", shown, remedy, figures)
    return Finding("sound", "ok", "rate error", shown, "", figures)


def _db(value: float) -> str:
    return f"{value:.0f}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")
