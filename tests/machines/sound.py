"""A room inside a machine: a PulseAudio server there, with a microphone and a speaker that are null sinks.

The same air as `agent.lab.room`: whoever is in the machine and opens ALSA's "default" hears the sink "mic" and speaks
into the sink "spk". Visitors and tape recorders stay on the host and reach the server's socket through /proc.
"""

from __future__ import annotations

import os
import time
from types import TracebackType

import numpy as np
from machines.machine import Machine

from agent.audio.pcm import RATE_HZ, Samples
from agent.lab.playing import LATE_S, Played, Playing
from agent.lab.tape import Recorder, Tape

SOCKET = "/run/room/pa"
UNIT = f"""
[Unit]
Description=The sound of a room

[Service]
RuntimeDirectory=room
Environment=HOME=/run/room XDG_RUNTIME_DIR=/run/room
ExecStart=/usr/bin/pulseaudio -n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --log-target=stderr \\
  "--load=module-native-protocol-unix auth-anonymous=1 auth-cookie-enabled=0 socket={SOCKET}" \\
  "--load=module-null-sink sink_name=mic rate={RATE_HZ} channels=1 norewinds=1" \\
  "--load=module-null-sink sink_name=spk rate=48000 channels=1 norewinds=1" \\
  "--load=module-remap-source master=mic.monitor source_name=micsrc"
"""
ASOUND = f"""
pcm.!default {{
  type asym
  playback.pcm {{ type pulse server "unix:{SOCKET}" device spk }}
  capture.pcm {{ type pulse server "unix:{SOCKET}" device micsrc }}
}}
ctl.!default {{ type pulse server "unix:{SOCKET}" }}
"""
READY_S = 10.0
SETTLE_S = 0.3


class Sound:
    """`with Sound(machine) as sound: sound.play(samples); sound.loudest(since)`. The machine needs `pulseaudio`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._tapes = {"mic": Tape(120.0), "spk": Tape(120.0)}
        self._recorders: list[Recorder] = []

    def __enter__(self) -> Sound:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def env(self) -> dict[str, str]:
        """For the host's PulseAudio tools."""
        return {**os.environ, "PULSE_SERVER": f"unix:/proc/{self._machine.leader}/root{SOCKET}"}

    def start(self) -> None:
        machine = self._machine
        machine.write("/etc/systemd/system/room.service", UNIT)
        machine.write("/etc/asound.conf", ASOUND)
        machine.run(["systemctl", "daemon-reload"])
        machine.run(["systemctl", "start", "room"])
        wait = f"until pactl --server=unix:{SOCKET} info; do systemctl is-active room; sleep 0.05; done"
        machine.sh(wait, timeout=READY_S)
        for sink, tape in self._tapes.items():
            recorder = Recorder(f"{sink}.monitor", self.env, tape)
            self._recorders.append(recorder)
            recorder.start()
        for sink, tape in self._tapes.items():
            # What comes first comes early: nobody had asked the sink to be quick.
            if not tape.wait_until(time.monotonic() + SETTLE_S, LATE_S):
                raise RuntimeError(f"the monitor of {sink} is silent\n{machine.journal('room')}")
            tape.splice()

    def stop(self) -> None:
        """The visitors leave; the server goes with the machine. Idempotent."""
        for recorder in self._recorders:
            recorder.stop()
        self._recorders.clear()

    def play(self, samples: Samples) -> Played:
        """Somebody speaks: mono int16 at 16 kHz. Returns when the last sample was at the microphone."""
        playing = Playing(samples, RATE_HZ, self.env, "mic", self._tapes["mic"])
        playing.start()
        try:
            return playing.wait()
        finally:
            playing.stop()

    def loudest(self, since: float) -> int:
        """The peak of what has come out of the speaker since this moment (monotonic seconds), of 32,767."""
        return int(np.abs(self._tapes["spk"].cut(since, time.monotonic()).astype(np.int32)).max(initial=0))

    def wait_heard(self, moment: float) -> bool:
        """Wait for the tape of the speaker to reach this moment."""
        return self._tapes["spk"].wait_until(moment, LATE_S)
