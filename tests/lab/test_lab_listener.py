"""The second recogniser understands people, splits where it is silent, and makes nothing up in silence."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr

from agent.audio.pcm import RATE_HZ, Samples
from agent.lab.listener import MoonshineListener, segments
from agent.lab.scoring import word_error_rate
from agent.lab.visitor import read_wav, say, voice


@pytest.fixture(scope="module")
def listener() -> Iterator[MoonshineListener]:
    listener = MoonshineListener()
    yield listener
    listener.close()


def noise(seconds: float, level: int = 3000) -> Samples:
    return np.random.default_rng(0).integers(-level, level, round(seconds * RATE_HZ)).astype(np.int16)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), np.int16)


def test_a_human_voice_is_understood(listener: MoonshineListener) -> None:
    import moonshine_voice

    samples = read_wav(Path(moonshine_voice.__file__).parent / "assets" / "two_cities.wav")
    begin = (
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness"
    )
    assert word_error_rate(begin, " ".join(listener.hear(samples).split()[:24])) < 0.1


@pytest.mark.room
def test_two_sentences_are_both_heard(listener: MoonshineListener) -> None:
    both = say("what is the capital of france", voice("slt")).then(say("where do you live", voice("rms")), gap_s=2.0)
    sound = np.concatenate([silence(3.0), both.samples, silence(3.0)])
    assert word_error_rate("what is the capital of france where do you live", listener.hear(sound)) <= 0.2


def test_silence_has_no_words(listener: MoonshineListener) -> None:
    assert listener.hear(silence(5.0)) == ""
    assert listener.hear(silence(0.0)) == ""


def test_segments_are_split_at_silence_and_never_too_long() -> None:
    sound = np.concatenate([silence(1), noise(2), silence(0.2), noise(1), silence(3), noise(20), silence(1)])
    lengths = [len(segment) / RATE_HZ for segment in segments(sound)]
    assert lengths == pytest.approx([3.3, 15.1, 5.1], abs=0.02)


def test_segments_hold_all_the_sound() -> None:
    sound = np.concatenate([noise(0.5), silence(1), noise(0.5), silence(0.5), noise(31)])
    energy = sum(float((segment.astype(float) ** 2).sum()) for segment in segments(sound))
    assert energy == pytest.approx(float((sound.astype(float) ** 2).sum()), rel=1e-3)


def test_a_wav_of_another_rate_is_read_at_ours(tmp_path: Path) -> None:
    import wave

    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050)).astype(np.int16)
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22_050)
        file.writeframes(tone.tobytes())
    assert np.array_equal(read_wav(tmp_path / "x.wav"), soxr.resample(tone, 22_050, RATE_HZ))
