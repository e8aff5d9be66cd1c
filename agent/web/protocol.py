"""What a guest and the agent say to each other over a WebSocket. Pure: bytes and JSON in, frozen values out.

Binary frames are sound, behind a header of 16 bytes, little-endian:

    kind u8 · flags u8 (0) · rate_hz/100 u16 · number u32 · time f64 · payload

- 1 PERIODS, from the guest: whole periods of 10 ms, s16le, mono; so not at 22,050 Hz. `number`: index of the first one
  since the stream began; `time`: ms on the guest's clock at which its first sample was in the air. An index that jumps
  says that sound was lost on the way: a guest that falls behind drops its oldest periods, and counts on.
- 2 CONTAINER, from the guest: the next bytes of a WebM or MP4 recording. `number` counts up from 0; `time`: when they
  were handed over, ms.
- 3 SPEECH, from the agent: s16le, mono. `number`: the turn; `time`: how many frames of this turn came before.
- 4 SOUND, from the agent: s16le, mono: a short sound, mixed over whatever plays.

Text frames are JSON objects with a key "type". A guest says:

- `hello {path, format, rate_hz, resume}`, first of all. `path`: how it takes its sound; `format`: of the binary frames;
  `resume`: the key of an earlier `welcome`, after a drop.
- `mic {on}`: what is missing while it is off was not lost.
- `listen {}`, `stop {}`, `ask {text}`, `volume {percent}`: for this guest's own conversation.
- `set {name, value}`, `timer {cancel}`: a setting of the device (value null: as configured); end the timer of this id.
- `playing {turn, frames, at}`: at `at` (ms, own clock) so many frames of the turn's speech had been heard; with the
  first sound, and then every 100 ms, at once: the agent takes the moment at which it comes. `drained {turn}`: all of a
  turn whose `end` has come was heard.
- `offer {sdp}`, of a WebRTC connection that brings the sound of its microphone; answered with `answer {sdp}`.
- `ping {at}`, answered with `pong {at, now}`.

The agent says:

- `welcome {guest, key, resumed, agent, version, words, language, personas, paths, speech_hz, token}`, the answer to
  `hello`; `token`: one had to be shown.
- `state {phase, turn}`, `transcript {turn, text, final}`, `saying {turn, text}` (what is being spoken, so far),
  `reply {turn, text, heard}`, `wake {word, score}`, `event {name, turn, data}`, `turn {…}` (the receipt): of this
  guest's conversation, and of no other.
- `timers {at, timers, ringing}` (`at`: now, by the clock by which they are due), `health {parts}`,
  `settings {settings}`: of the device.
- `sound {periods, lost, late, jitter_p50_ms, jitter_p99_ms, level_dbfs}`: how the guest's sound arrives; once a second
  while it does.
- `end {turn}` (its speech is complete), `drop {turn}` (silence it and all older ones at once), `duck {db, ramp_ms}`,
  `volume {percent}`: about the speech that is sent.
- `error {code, message}`: something was refused; `bye {code, message}`: and the connection ends, see `Ending`.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from agent.audio.pcm import Samples

SUBPROTOCOL = "voice-agent.1"
HEADER = struct.Struct("<BBHId")
Rate = Literal[8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]
RATES_HZ: tuple[int, ...] = get_args(Rate)
MAX_BINARY = 64 * 1024
MAX_TEXT = 16 * 1024

Path = Literal["worklet", "script", "recorder", "webrtc", "native"]
Form = Literal["pcm", "webm", "mp4"]
# Why a connection ends. The first three times coming back would only repeat it: the visit goes on over another one;
# what came is not of this protocol; what is recorded cannot be decoded here. The others may come back.
Ending = Literal["elsewhere", "bad_message", "recording", "too_fast", "too_late"]
Whole = Annotated[int, Field(ge=0, lt=2**32)]
Finite = Annotated[float, Field(allow_inf_nan=False, strict=False)]
Short = Annotated[str, StringConstraints(max_length=100)]


class Kind(IntEnum):
    PERIODS = 1
    CONTAINER = 2
    SPEECH = 3
    SOUND = 4


class BadFrame(ValueError):
    """What came is not of this protocol; the text is for people."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A binary frame; `time` and `number` as above."""

    kind: Kind
    payload: bytes
    rate_hz: int = 0
    number: int = 0
    time: float = 0.0

    def encode(self) -> bytes:
        return HEADER.pack(self.kind, 0, self.rate_hz // 100, self.number, self.time) + self.payload

    def samples(self) -> Samples:
        """Of a frame of PCM; read-only."""
        return np.frombuffer(self.payload, "<i2").astype(np.int16, copy=False)


def decode(data: bytes) -> Frame:
    """A binary frame. Raises BadFrame."""
    if not HEADER.size < len(data) <= MAX_BINARY:
        raise BadFrame(f"a binary frame of {len(data)} bytes; there have to be {HEADER.size + 1} to {MAX_BINARY}")
    kind, flags, hundreds, number, time = HEADER.unpack_from(data)
    if kind not in Kind._value2member_map_ or flags:
        raise BadFrame(f"kind {kind}, flags {flags}: unknown")
    if not math.isfinite(time):
        raise BadFrame(f"the time {time} is none")
    payload = data[HEADER.size :]
    rate_hz = next((rate for rate in RATES_HZ if rate // 100 == hundreds), 0)
    if kind != Kind.CONTAINER and (not rate_hz or len(payload) % 2):
        raise BadFrame(f"PCM of {len(payload)} bytes at {hundreds * 100} Hz")
    if kind == Kind.PERIODS and (rate_hz % 100 or len(payload) % (rate_hz // 100 * 2)):
        raise BadFrame(f"{len(payload)} bytes are no whole periods of 10 ms at {rate_hz} Hz")
    return Frame(Kind(kind), payload, rate_hz, number, time)


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Hello(_Message):
    type: Literal["hello"]
    path: Path
    format: Form = "pcm"
    rate_hz: Rate = 16_000
    resume: Short = ""


class MicSwitched(_Message):
    type: Literal["mic"]
    on: bool


class Listen(_Message):
    """Begin a turn, as the wake word would."""

    type: Literal["listen"]


class Stop(_Message):
    """End the turn, be silent."""

    type: Literal["stop"]


class Ask(_Message):
    type: Literal["ask"]
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class Volume(_Message):
    type: Literal["volume"]
    percent: Annotated[int, Field(ge=0, le=100)]


class ChangeDevice(_Message):
    """A setting of the device; None: as the configuration says."""

    type: Literal["set"]
    name: Short
    value: str | int | float | bool | None


class CancelTimer(_Message):
    type: Literal["timer"]
    cancel: Short


class Playing(_Message):
    type: Literal["playing"]
    turn: Whole
    frames: Whole
    at: Finite


class Drained(_Message):
    type: Literal["drained"]
    turn: Whole


class Offer(_Message):
    """A complete one: all of the guest's addresses are in it."""

    type: Literal["offer"]
    sdp: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]


class Ping(_Message):
    type: Literal["ping"]
    at: Finite


Message = (
    Hello | MicSwitched | Listen | Stop | Ask | Volume | ChangeDevice | CancelTimer | Playing | Drained | Offer | Ping
)  # fmt: skip
_READER: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def parse(text: str) -> Message:
    """What a guest says. Raises BadFrame, whose text is short, for whoever sent it."""
    if len(text) > MAX_TEXT:
        raise BadFrame(f"a message of over {MAX_TEXT} letters")
    try:
        return _READER.validate_json(text)
    except ValidationError as error:
        raise BadFrame(f"a message that makes no sense: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """What is wrong with a message, and where; short, and nothing of what was in it but the type."""
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:250]


def message(type: str, **fields: object) -> str:
    """What the agent says, as the text of a frame."""
    return json.dumps({"type": type, **fields}, ensure_ascii=False, separators=(",", ":"))
