"""The echo filter: how much it takes away, and that it leaves a voice alone."""

from __future__ import annotations

import numpy as np
import pytest

from agent.audio.pcm import PERIOD, RATE_HZ
from agent.hearing.echo import EchoFilter
from agent.lab.acoustics import EchoPath, Wave, at_level, pcm, rms_dbfs
from agent.lab.visitor import say, voice

REPLY = (
    "the ferry leaves the island every day at noon, and in summer there is another one in the evening, "
    "which is slower but takes bicycles and dogs"
)


@pytest.fixture(scope="module")
def reply() -> np.ndarray:
    return at_level(say(REPLY, voice("cmu_us_slt_arctic_hts")).samples, -23)


def without_echo(heard: np.ndarray, played: np.ndarray) -> Wave:
    filtered = EchoFilter()
    ends = range(PERIOD, min(len(heard), len(played)) + 1, PERIOD)
    periods = [
        filtered.feed(heard[end - PERIOD : end].astype(np.float32), played[end - PERIOD : end].astype(np.float32))
        for end in ends
    ]
    return np.concatenate([period.residual for period in periods]).astype(np.float64)


def test_most_of_the_echo_is_taken_away_within_two_seconds(reply: np.ndarray) -> None:
    echo = EchoPath(t60_s=0.3, clip_dbfs=-6.0).heard(reply)[: len(reply)]
    left = without_echo(echo, reply)
    part = slice(2 * RATE_HZ, len(left))
    assert rms_dbfs(echo[part]) - rms_dbfs(left[part]) > 12


@pytest.mark.parametrize("louder_db", [0.0, 6.0])
def test_a_voice_over_it_stays_as_it_is(reply: np.ndarray, louder_db: float) -> None:
    """Also where the echo is louder: what is left of both differs little from the voice alone."""
    echo = EchoPath(t60_s=0.2, clip_dbfs=-6.0).heard(reply)[: len(reply)].astype(np.float64)
    begin = round(2.5 * RATE_HZ)
    words = say("hey jarvis", voice("kal_diphone")).samples
    part = slice(begin, begin + len(words))
    voiced = np.zeros(len(reply))
    voiced[part] = at_level(words, rms_dbfs(echo[part]) - louder_db)
    left = without_echo(pcm(echo + voiced), reply)
    assert rms_dbfs(voiced[part]) - rms_dbfs(left[part] - voiced[part]) > 7


def test_where_there_is_no_echo_nothing_is_made_up(reply: np.ndarray) -> None:
    """A device whose speaker the microphone does not hear (headphones)."""
    words = np.resize(say("how are you today", voice("rms")).samples, len(reply))
    left = without_echo(words, reply)
    part = slice(2 * RATE_HZ, len(left))
    assert rms_dbfs(words[part]) - rms_dbfs(left[part] - words[part].astype(np.float64)) > 15


def test_silence_stays_silent() -> None:
    assert not without_echo(np.zeros(RATE_HZ), np.zeros(RATE_HZ)).any()
