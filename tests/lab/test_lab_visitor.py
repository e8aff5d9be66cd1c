"""Visitors say what they are told, at one level, without silence around it, and none is the agent itself."""

from pathlib import Path

import numpy as np
import pytest

from agent.audio.pcm import RATE_HZ
from agent.lab.visitor import KOREAN, LEVEL, PAD_S, VOICES, Voice, VoiceFailed, cache_folder, level, say, trim, voice

pytestmark = pytest.mark.room


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("voice", [*VOICES, KOREAN], ids=lambda voice: voice.name)
def test_every_voice_speaks_at_the_same_level(voice: Voice) -> None:
    said = say("지금 몇 시예요" if voice.language == "ko" else "hey jarvis", voice)
    pad = round(PAD_S * RATE_HZ)
    assert 0.4 < said.seconds < 3
    assert not said.samples[:pad].any()
    assert not said.samples[said.last_loud + 1 :].any()
    assert said.samples[pad]
    assert said.samples[said.last_loud]
    windows = np.lib.stride_tricks.sliding_window_view(said.samples.astype(float), RATE_HZ // 10)[::16]
    assert np.sqrt((windows**2).mean(axis=1)).max() == pytest.approx(LEVEL, rel=0.03)


def test_voices_differ() -> None:
    assert len({say("hey jarvis", voice).samples.tobytes() for voice in VOICES}) == len(VOICES)


def test_parts_keep_their_ends() -> None:
    first, second = say("hey jarvis"), say("what time is it")
    both = first.then(second, gap_s=0.5)
    assert both.text == "hey jarvis what time is it"
    assert both.ends[0] == first.last_loud
    assert both.ends[1] == both.last_loud == first.last_loud + 1 + RATE_HZ // 2 + second.last_loud
    assert np.array_equal(both.samples[-len(second.samples) :], second.samples)
    assert not both.samples[both.ends[0] + 1 : both.ends[0] + RATE_HZ // 2].any()


def test_what_was_said_once_is_kept() -> None:
    first = say("hello")
    (kept,) = cache_folder().iterdir()
    np.save(kept, first.samples[::-1])
    assert np.array_equal(say("hello").samples, first.samples[::-1])
    assert not np.array_equal(say("hello", voice("rms")).samples, first.samples)


def test_text_is_never_an_argument() -> None:
    assert say("-h --version").seconds > 0.5


def test_nothing_said_is_an_error() -> None:
    with pytest.raises(VoiceFailed, match="says nothing"):
        say("hello", Voice("espeak-ng", "xyzzy"))
    with pytest.raises(VoiceFailed, match="says nothing"):
        say("")


def test_voices_have_names() -> None:
    assert voice("slt") is voice("flite slt") is VOICES[0]
    with pytest.raises(KeyError, match="no voice 'joe'"):
        voice("joe")


def test_what_is_too_loud_is_limited() -> None:
    spiky = np.zeros(RATE_HZ, np.int16)
    spiky[8000] = 20_000
    spiky[8001:] = 40
    assert level(trim(spiky)).max() == 32767
