"""The room: a microphone, a speaker and the air between them, without a sound card.

    visitor ──play()──▶ sink "mic" ──monitor──▶ source "micsrc" ──ALSA "default"──▶ the agent hears
                            ▲    └──▶ tape "visitor"
                            │ echo: loopback, attenuated by so many dB
    tape "agent" ◀──monitor── sink "spk" ◀──ALSA "default"── the agent speaks

Null sinks of a private PulseAudio server are a real ALSA path (plugin `pulse`). A low-latency recorder stays attached
to each monitor: a monitor gives nothing for more than a second after the first client came, and its tape tells when a
sound really was at the microphone: `play` finds what it played on the tape, by correlation, so that its times are those
of the samples and not of our calls.
"""

from __future__ import annotations

import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from agent.audio.pcm import RATE_HZ, Samples
from agent.lab.playing import LATE_S, Played, Playing
from agent.lab.pulse import Kind, Pulse, PulseFailed
from agent.lab.tape import Recorder, Tape

MIC, MIC_SOURCE, SPEAKER = "mic", "micsrc", "spk"
Device = Literal["mic", "speaker"]
SETTLE_S = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What the room heard: int16, shape (n, 2), 16 kHz; left the microphone, right the speaker; `start` monotonic."""

    samples: NDArray[np.int16]
    start: float

    @property
    def visitor(self) -> Samples:
        return self.samples[:, 0]

    @property
    def agent(self) -> Samples:
        return self.samples[:, 1]

    def write(self, path: Path) -> None:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(self.samples.tobytes())


class Room:
    """`with Room() as room: room.play(samples)`; processes that get `room.env` are in it."""

    def __init__(self, echo_db: float | None = None, keep_s: float = 900.0) -> None:
        """`echo_db`: level of the speaker's sound at the microphone (−20 = 20 dB weaker), None: no echo.

        `keep_s`: how far back `record` can look.
        """
        self._echo_db = echo_db
        self._pulse = Pulse({"capture": MIC_SOURCE, "playback": SPEAKER})
        self._tapes = {MIC: Tape(keep_s), SPEAKER: Tape(keep_s)}
        self._recorders: dict[str, Recorder] = {}
        self._modules: dict[str, list[int]] = {}
        self._echo: int | None = None

    def __enter__(self) -> Room:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when microphone and speaker are there and what they carry is heard. Raises PackagesMissing."""
        self._pulse.start()
        self.plug("mic")
        self.plug("speaker")
        self.set_echo(self._echo_db)

    def stop(self) -> None:
        self._pulse.stop()
        for recorder in self._recorders.values():
            recorder.stop()
        self._recorders.clear()
        self._modules.clear()

    @property
    def env(self) -> dict[str, str]:
        """The environment of a process in this room."""
        return self._pulse.env

    @property
    def pid(self) -> int:
        """Of the sound server."""
        return self._pulse.pid

    # -------------------------------------------------------------- sound

    def play(self, samples: Samples, rate_hz: int = RATE_HZ, gain_db: float = 0.0) -> Played:
        """Somebody speaks: mono int16. Returns when the last sample was at the microphone. Raises SoundLost."""
        with self.playing(samples, rate_hz, gain_db) as playing:
            return playing.wait()

    @contextmanager
    def playing(self, samples: Samples, rate_hz: int = RATE_HZ, gain_db: float = 0.0) -> Iterator[Playing]:
        """A sound that begins now and goes on beside what follows; it is cut off where the block ends before it."""
        loud = np.clip(samples * 10 ** (gain_db / 20), -32768, 32767).astype(np.int16)
        playing = Playing(loud, rate_hz, self.env, MIC, self._tapes[MIC])
        playing.start()
        try:
            yield playing
        finally:
            playing.stop()

    def record(self, since: float, until: float | None = None) -> Heard:
        """What the room heard between two moments (monotonic seconds; None: now), both sides on one time axis."""
        until = time.monotonic() if until is None else until
        sides = [self._tapes[name].cut(since, until) for name in (MIC, SPEAKER)]
        return Heard(np.stack(sides, axis=1), since)

    def wait_heard(self, moment: float, timeout_s: float = LATE_S) -> bool:
        """Wait for the tapes of both sides to reach this moment."""
        return all(tape.wait_until(moment, timeout_s) for tape in self._tapes.values())

    # -------------------------------------------------------------- faults

    def plug(self, device: Device) -> None:
        """The device is there (again). Returns when what it carries is on the tape."""
        match device:
            case "mic":
                sink = MIC
                modules = [
                    self._pulse.load(
                        "module-null-sink", f"sink_name={MIC}", f"rate={RATE_HZ}", "channels=1", "norewinds=1"
                    ),
                    self._pulse.load("module-remap-source", f"master={MIC}.monitor", f"source_name={MIC_SOURCE}"),
                ]
                self._pulse.pactl("set-default-source", MIC_SOURCE)
                self._listen_anew("speaker")
            case "speaker":
                sink = SPEAKER
                modules = [
                    self._pulse.load(
                        "module-null-sink", f"sink_name={SPEAKER}", "rate=48000", "channels=1", "norewinds=1"
                    )
                ]
                self._pulse.pactl("set-default-sink", SPEAKER)
        self._modules[device] = modules
        recorder = Recorder(f"{sink}.monitor", self.env, self._tapes[sink])
        self._recorders[device] = recorder
        recorder.start()
        # The first blocks are those of a sink nobody has asked to be quick yet: they come early and would spoil the
        # times of what follows.
        if not self._tapes[sink].wait_until(time.monotonic() + SETTLE_S, LATE_S):
            raise PulseFailed(f"the monitor of {sink} is silent")
        self._tapes[sink].splice()

    def _listen_anew(self, device: Device) -> None:
        """While there was no microphone, the speaker's monitor was the default: the server has moved to the new one
        whoever listened to it."""
        if recorder := self._recorders.get(device):
            recorder.stop()
            recorder.start()

    def unplug(self, device: Device) -> None:
        """As pulling the cable: streams on it end with an error, opening it fails."""
        kind: Kind = "source-output" if device == "mic" else "sink-input"
        of_device = MIC_SOURCE if device == "mic" else SPEAKER
        index = self._index("sources" if device == "mic" else "sinks", of_device)
        field = "source" if device == "mic" else "sink"
        doomed = [s["index"] for s in self._pulse.streams(kind) if s[field] == index]
        self._recorders.pop(device).stop()
        for module in reversed(self._modules.pop(device)):
            self._pulse.unload(module)
        # The server has moved the streams to some other device; a card that is pulled takes them with it.
        self._pulse.kill_streams(kind, doomed)

    def hang(self) -> None:
        """The sound server hangs (SIGSTOP)."""
        self._pulse.hang()

    def cont(self) -> None:
        self._pulse.cont()

    def set_echo(self, level_db: float | None) -> None:
        """How loud the speaker is at the microphone; None: not at all."""
        if self._echo is not None:
            self._pulse.unload(self._echo)
            self._echo = None
        if level_db is None:
            return
        route = [f"source={SPEAKER}.monitor", f"sink={MIC}", "latency_msec=30"]
        self._echo = self._pulse.load("module-loopback", *route)
        streams = self._pulse.streams("sink-input")
        ours = next(s["index"] for s in streams if str(s["owner_module"]) == str(self._echo))
        self._pulse.pactl("set-sink-input-volume", str(ours), f"{level_db}dB")

    def streams(self, kind: Kind) -> list[dict[str, Any]]:
        """What is open on microphones ("source-output") or speakers ("sink-input"), as `pactl -f json list` has it."""
        return self._pulse.streams(kind)

    def _index(self, kind: str, name: str) -> int:
        rows = (line.split("\t") for line in self._pulse.pactl("list", "short", kind).splitlines())
        return next(int(row[0]) for row in rows if row[1] == name)
