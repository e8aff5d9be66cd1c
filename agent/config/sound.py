"""The sections of sound: where it comes from and where it goes to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.config.values import Name, Percent, Rate, Section


class Mic(Section):
    """Where sound comes from."""

    device: Name = Field("default", description='ALSA device, best by name ("plughw:CARD=Device"), or "file:x.wav"')
    rate_hz: Rate | None = Field(None, description="not set: 16000 if the device gives it, else 48000")
    channels: Annotated[int, Field(ge=1, le=32)] | None = Field(
        None, description="not set: one if the device gives it, else two"
    )
    format: Literal["S16", "S32"] | None = Field(None, description="not set: S16 if the device gives it, else S32")
    channel: Annotated[int, Field(ge=0, le=31)] | Literal["mix"] = Field(
        "mix", description='the channel to hear with (ReSpeaker: 0), or "mix" for the mean of all'
    )
    buffer_ms: Annotated[int, Field(ge=500, le=5000)] = Field(500, description="kernel buffer; costs no delay")
    gain_db: Annotated[float, Field(ge=-40, le=60)] = Field(0.0, description="software gain")
    realtime: bool = Field(True, description="SCHED_RR for the capture child where the system allows it")


class Speaker(Section):
    """Where sound goes to."""

    device: Name = Field("default", description="ALSA device, best by name")
    rate_hz: Rate | None = Field(None, description="not set: 48000")
    latency_ms: Annotated[int, Field(ge=20, le=500)] = Field(60, description="what may wait in the device")
    volume_percent: Percent = Field(70, description="volume at start")
    mixer: Name | None = Field(None, description="ALSA mixer control for the volume; not set: software gain")
    earcons: bool = Field(True, description="short sounds for wake, done, error, muted")
    realtime: bool = Field(True, description="SCHED_RR for the playback child where the system allows it")


class Audio(Section):
    mic: Mic = Mic()
    speaker: Speaker = Speaker()
    echo_cancellation: bool = Field(
        True, description="take the agent's own speech out of what is heard, to notice who speaks over it"
    )
