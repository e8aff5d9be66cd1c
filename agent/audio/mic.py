"""The microphone child: `python -m agent.audio.mic SETTINGS`, SETTINGS being the JSON of `Settings`.

Rules:
- No numpy: it reads periods, stamps them and writes them to the pipe. It never waits for the pipe; what does not fit is
  dropped, counted, and seen by the reader as a jump of the position.
- Frames are numbered since the last "format" message, lost ones included, so that a position is a time.
- In silence it wakes up every eighth period only; the kernel's buffer (≥ 500 ms) bridges far longer pauses.
- After a pause in which the device went on (this process was stopped, a sound server stood still) what is more than
  500 ms old is thrown away: nobody wants to wake up a user who has left the room.
- A device that fails, stands still or runs too fast is closed and opened anew, at most a second after it is back. The
  parent is told and decides; a missing device is no reason to die.

Messages to the parent: ready · format {rate_hz channels sample period buffer} · device {ok reason} ·
lost {reason: xrun|stale|missing, frames} · stall {for_s} · dropped {records} · worn {failures} · warning {text}; AUDIO
as the device gives it; END after a file with the audio's own clock. From the parent: drain {periods} · credit {until}.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from dataclasses import dataclass

from agent.audio.alsa import DeviceError, Format, SampleFormat
from agent.audio.line import Line, ParentGone
from agent.audio.realtime import schedule_realtime
from agent.audio.source import AUDIO_CLOCK, Source, open_device, open_wav, wav_format
from agent.audio.streamclock import SECOND_NS, Lateness, SpeedLimit, StreamClock
from agent.parent import Parent
from agent.records import MAX_PAYLOAD, Kind, Record, split_audio

STALE_S = 0.5
STALL_S = 1.0
POLL_S = 0.5
MISSING_S = 0.03
BACKOFF_S = (0.25, 0.5, 1.0)
TOO_FAST_BACKOFF_S = 10.0
WORN = 5000  # failures in a row; pyalsaaudio 0.11 loses 80 bytes with each


@dataclass(frozen=True, slots=True)
class Settings:
    """See `agent.config.Mic`; `drain` is the number of periods to wait for before reading."""

    device: str
    rate_hz: int | None
    channels: int | None
    format: SampleFormat | None
    buffer_ms: int
    realtime: bool
    drain: int = 1


class Stream:
    """One open source, from its first frame to its last."""

    def __init__(self, source: Source, line: Line) -> None:
        self._source = source
        self._line = line
        self._form = source.format
        self._position = 0
        now_ns = time.monotonic_ns()
        self._clock = StreamClock(self._form.rate_hz, now_ns, 0)
        self._limit = SpeedLimit(self._form.rate_hz, now_ns)
        self._lateness = Lateness(round(MISSING_S * self._form.rate_hz))
        self._heard_ns = now_ns
        self._told_stall_s = 0.0
        self._started = False

    def run(self) -> None:
        """Read until the source is lost. Raises DeviceError or ParentGone."""
        while True:
            self._sleep()
            now_ns, waiting = time.monotonic_ns(), self._source.available()
            if waiting < 0:
                self._xrun()
            elif waiting < self._form.period:
                self._watch(now_ns)
            elif self._started and self._clock.position_at(now_ns) - self._position > STALE_S * self._form.rate_hz:
                self._skip_stale()
            else:
                self._read(now_ns, waiting)

    def _sleep(self) -> None:
        """Until as many periods as the parent wants at a time must have come, then for the device's own word."""
        wanted = self._position + self._drain() * self._form.period
        due_s = (self._clock.time_of(wanted) - time.monotonic_ns()) / SECOND_NS
        if self._drain() > 1 or not self._source.descriptors():
            self._line.wait(None, max(0.001, due_s) if self._started else self._form.period / self._form.rate_hz)
        if self._source.descriptors():
            self._line.wait(self._source, POLL_S)

    def _drain(self) -> int:
        """Periods to wait for: never more than a quarter of a buffer that is shorter than what was asked for."""
        return max(1, min(self._line.drain, self._form.buffer // self._form.period // 4))

    def _read(self, now_ns: int, waiting: int) -> None:
        if not self._started:
            self._clock = StreamClock(self._form.rate_hz, now_ns, self._position + waiting)
            self._started = True
            self._line.tell("device", ok=True, reason="")
        late = self._clock.look(now_ns, self._position + waiting)
        pcm = b"".join(self._periods(waiting))
        frames = len(pcm) // self._form.frame_bytes
        if not self._limit.took(now_ns, frames):
            raise DeviceError("broken", "the device runs more than 1.5 times too fast")
        self._send(pcm)
        self._position += frames
        self._heard_ns, self._told_stall_s = now_ns, 0.0
        if self._lateness.look(now_ns, late):
            self._resume("missing")

    def _periods(self, waiting: int) -> list[bytes]:
        """All whole periods that wait; fewer where the stream breaks off meanwhile."""
        periods = []
        for _ in range(waiting // self._form.period):
            data = self._source.read()
            if not data:
                break
            periods.append(data)
        return periods

    def _send(self, pcm: bytes) -> None:
        """As few records as possible, each of whole periods if they fit, each with its own time."""
        size = self._form.frame_bytes
        whole = MAX_PAYLOAD // (self._form.period * size) * self._form.period * size
        step = whole or MAX_PAYLOAD // size * size
        records = []
        for at in range(0, len(pcm), step):
            position = self._position + at // size
            records.append(
                Record(
                    Kind.AUDIO, pcm[at : at + step], 0, position, self._clock.time_of(position), (len(pcm) - at) // size
                )
            )
        self._line.send(records)

    def _watch(self, now_ns: int) -> None:
        silent_s = (now_ns - self._heard_ns) / SECOND_NS
        if silent_s > self._told_stall_s + STALL_S:
            self._told_stall_s = silent_s
            self._line.tell("stall", for_s=round(silent_s, 1))
        if self._source.descriptors():
            self._line.wait(None, 0.002)  # a plugin may wake us before a period is whole: do not spin

    def _xrun(self) -> None:
        for _ in range(2):  # the first clears it, the second starts the stream anew
            self._source.read()
        self._resume("xrun")

    def _skip_stale(self) -> None:
        """Throw away what waits until no more follows at once; a sound server hands old audio over in portions."""
        until_ns = time.monotonic_ns() + SECOND_NS
        while time.monotonic_ns() < until_ns:
            self._periods(max(0, self._source.available()))
            self._line.wait(None, 0.005)
            if self._source.available() < 2 * self._form.period:
                break
        self._heard_ns = time.monotonic_ns()
        self._resume("stale")

    def _resume(self, reason: str) -> None:
        """Go on at the position that the clock tells; what lies between is lost."""
        waiting = max(0, self._source.available())
        position = max(self._position, self._clock.position_at(time.monotonic_ns()) - waiting)
        lost, self._position = position - self._position, position
        self._lateness = Lateness(round(MISSING_S * self._form.rate_hz))
        self._line.tell("lost", reason=reason, frames=lost)


def listen(settings: Settings, line: Line) -> None:
    """Open, read, and open anew, for as long as there is a parent."""
    failures, last_reason = 0, ""
    while True:
        opened_ns = time.monotonic_ns()
        source: Source | None = None
        try:
            source = open_device(
                settings.device, settings.rate_hz, settings.channels, settings.format, settings.buffer_ms
            )
            _tell_format(line, source.format, settings.buffer_ms)
            Stream(source, line).run()
        except DeviceError as error:
            reason = str(error)
        finally:
            if source:
                source.close()
        if time.monotonic_ns() - opened_ns > 5 * SECOND_NS:
            failures = 0
        if source or reason != last_reason:
            line.tell("device", ok=False, reason=reason)
        last_reason = reason
        _pause(line, TOO_FAST_BACKOFF_S if "too fast" in reason else BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
        failures += 1
        if failures % WORN == 0:
            line.tell("worn", failures=failures)


def _pause(line: Line, pause_s: float) -> None:
    until_s = time.monotonic() + pause_s
    while (left_s := until_s - time.monotonic()) > 0:
        line.wait(None, left_s)


def _tell_format(line: Line, form: Format, wanted_ms: int) -> None:
    line.tell(
        "format",
        rate_hz=form.rate_hz,
        channels=form.channels,
        sample=form.sample,
        period=form.period,
        buffer=form.buffer,
    )
    given_ms = form.buffer * 1000 // form.rate_hz
    if given_ms < wanted_ms:
        line.tell(
            "warning", text=f"the device has a buffer of {given_ms} ms only: longer pauses of the system lose sound"
        )


def play_file(settings: Settings, line: Line) -> None:
    """A file by its own clock: as fast as the parent gives credit. Ends with END and waits for the parent's end."""
    try:
        file, wav = open_wav(settings.device)
    except DeviceError as error:
        line.tell("device", ok=False, reason=str(error))
        line.rest()
    form = wav_format(wav)
    _tell_format(line, form, 0)
    line.tell("device", ok=True, reason="")
    start_ns = time.monotonic_ns()
    with file:
        for position in range(0, wav.frames, form.period):
            while line.credit < position + form.period:
                line.wait(None, POLL_S)
            pcm = file.read(min(form.period, wav.frames - position) * form.frame_bytes)
            for record in split_audio(pcm, form.frame_bytes, 0, position):
                at_ns = start_ns + record.position * SECOND_NS // form.rate_hz
                line.write(Record(Kind.AUDIO, record.payload, 0, record.position, at_ns))
    line.write(Record(Kind.END))
    line.rest()


def main() -> None:
    settings = Settings(**json.loads(sys.argv[1]))
    parent = Parent()
    parent.message("ready")
    line = Line(parent, settings.drain)
    refused = schedule_realtime() if settings.realtime else ""
    if refused:
        line.tell("warning", text=refused)
    gc.disable()  # nothing here makes cycles, and a collection would come at a bad time
    try:
        if settings.device.endswith(AUDIO_CLOCK):
            play_file(settings, line)
        else:
            listen(settings, line)
    except ParentGone:
        return


if __name__ == "__main__":
    main()
