"""What is counted of the faults of sound, and in which room."""

from __future__ import annotations

from collections.abc import Mapping

from agent.audio import capture, listener
from agent.daemon.plan import RoomName

ROOM_OF: Mapping[str, RoomName] = {
    "xruns": "capture",
    "lost_periods": "capture",
    "underruns": "voice",
    "mic_restarts": "capture",
    "speaker_restarts": "voice",
}


def counted(mic: capture.Counters, speaker: listener.Counters) -> dict[str, int]:
    """By the keys of `ROOM_OF`."""
    return {
        "xruns": mic.xruns,
        "lost_periods": mic.lost,
        "underruns": speaker.underruns,
        "mic_restarts": mic.restarts,
        "speaker_restarts": speaker.restarts,
    }
