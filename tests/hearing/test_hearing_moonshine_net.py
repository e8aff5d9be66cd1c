"""Moonshine's networks: they write what was said, and are less sure of what nobody could understand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import models
from agent.audio.pcm import RATE_HZ
from agent.hearing.moonshine_net import Floats, MoonshineNet, read_tokens
from agent.lab.visitor import VOICES, say
from agent.models import ModelMissing


@pytest.fixture(scope="module")
def net() -> MoonshineNet:
    try:
        return MoonshineNet(Path(models.require("asr-moonshine", "en")))
    except ModelMissing as error:
        pytest.skip(str(error))


def heard(text: str, noise: float = 10.0) -> Floats:
    said = np.pad(say(text, VOICES[0]).samples, RATE_HZ // 5)
    sound = said + np.random.default_rng(0).normal(0, noise, len(said))
    return (sound / 32768).astype(np.float32)


def test_it_writes_what_was_said(net: MoonshineNet) -> None:
    for _ in range(2):
        written = net(heard("what is the capital of france"))
        assert written.text == "What is the capital of France?"
        assert -0.2 < written.sureness < 0


def test_its_memory_does_not_grow(net: MoonshineNet) -> None:
    """The package's own library keeps 1.6 MB of each such sound."""
    process, sound = psutil.Process(), heard("what is the capital of france")
    for _ in range(5):
        net(sound)
    before = process.memory_info().rss
    for _ in range(30):
        net(sound)
    assert process.memory_info().rss - before < 16 << 20


def test_it_is_less_sure_in_noise(net: MoonshineNet) -> None:
    assert net(heard("lock the front door", 3000.0)).sureness < net(heard("lock the front door")).sureness - 0.2


def test_it_ends_where_nothing_was_said(net: MoonshineNet) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * RATE_HZ).astype(np.float32)
    assert len(net(noise).text) < 100


@given(st.lists(st.binary(max_size=300)))
def test_tokens_are_read_as_they_were_written(tokens: list[bytes]) -> None:
    lengths = [bytes([n]) if (n := len(each)) < 128 else bytes([128 + n % 128, n // 128]) for each in tokens]
    data = b"".join(length + each for length, each in zip(lengths, tokens, strict=True))
    assert read_tokens(data) == tokens


@pytest.mark.parametrize("data", [b"\x05ab", b"\x81", b"\x80\x01ab"])
def test_a_file_that_is_cut_off_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="cut off"):
        read_tokens(data)
