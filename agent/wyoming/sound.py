"""Sound in messages. Without numpy, which is half of a small process's memory (`agent.speaking.wyoming` is one)."""

from __future__ import annotations

from array import array

from agent.wyoming.messages import BadMessage, Message

RATES_HZ, WIDTH, CHANNELS = range(8000, 48_001), 2, range(1, 9)


def mono(message: Message) -> tuple[int, bytes]:
    """Rate in Hz and int16 little-endian mono PCM of an "audio-chunk". Raises BadMessage where it is not as it has to
    be."""
    rate_hz, width, channels = (_number(message.data.get(key)) for key in ("rate", "width", "channels"))
    if rate_hz not in RATES_HZ or width != WIDTH or channels not in CHANNELS:
        raise BadMessage(f"sound of {rate_hz} Hz, {width} bytes a sample, {channels} channels")
    sound = message.payload
    if len(sound) % (WIDTH * channels):
        raise BadMessage("sound that ends within a frame")
    if channels > 1:
        samples = array("h", sound)
        sums = (sum(samples[at : at + channels]) for at in range(0, len(samples), channels))
        sound = array("h", (each // channels for each in sums)).tobytes()
    return rate_hz, sound


def sound(rate_hz: int, pcm: bytes) -> Message:
    """Mono int16 PCM as a message."""
    return Message("audio-chunk", shape(rate_hz), pcm)


def shape(rate_hz: int) -> dict[str, int]:
    return {"rate": rate_hz, "width": WIDTH, "channels": 1}


def _number(value: object) -> int:
    """0 for what is none."""
    return value if isinstance(value, int) and 0 <= value < 1 << 31 else 0
