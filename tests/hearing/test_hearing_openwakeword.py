"""openWakeWord's models, driven directly: the same scores as its own wrapper, every visitor heard, nobody else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hearing_helpers import among, coloured, pcm, silence, white

from agent.audio.pcm import Samples
from agent.config import Config, WakeSection, WakeWord
from agent.hearing import openwakeword, wakewords
from agent.hearing.offline import find_wakes
from agent.hearing.openwakeword import HOP, TRUST, OpenWakeWord, has_ended
from agent.hearing.wake import WakeModelError
from agent.lab.visitor import VOICES, Utterance, Voice, say

JARVIS = "hey_jarvis"
MODEL = openwakeword.packaged() / "hey_jarvis_v0.1.onnx"
SETTLED = 30  # hops until the two different beginnings are forgotten


def plain() -> OpenWakeWord:
    """Without staggered phases."""
    return openwakeword.load({JARVIS: MODEL}, {JARVIS: 0.5}, phases=1)


def by_hop(engine: OpenWakeWord, sound: Samples, step: int = HOP) -> dict[int, float]:
    engine.reset()
    found = [score for at in range(0, len(sound), step) for score in engine.feed(sound[at : at + step], at)]
    return {score.position: score.value for score in found}


@pytest.mark.room
def test_scores_are_those_of_openwakeword_itself(
    visitors: Mapping[Voice, Utterance], human: Mapping[str, Samples], tmp_path: Path
) -> None:
    people = [human[name] for name in sorted(human)[:2]]
    said = [utterance.samples for utterance in list(visitors.values())[::4]]
    sound = among(np.concatenate([piece for part in (*said, *people) for piece in (part, silence(0.7))]), 10, 3.0)
    np.save(tmp_path / "sound.npy", sound)
    script = Path(__file__).with_name("reference_scores.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "sound.npy")], capture_output=True, check=True, timeout=100
    )
    reference = json.loads(done.stdout.splitlines()[-1])
    ours = by_hop(plain(), sound, step=160)
    assert len(ours) == len(reference)
    pairs = [(reference[hop], ours[(hop + 1) * HOP]) for hop in range(SETTLED, len(reference))]
    assert max(theirs for theirs, _ in pairs) > 0.9
    assert max(abs(theirs - mine) for theirs, mine in pairs) < 1e-3


@pytest.mark.room
def test_a_staggered_score_is_that_of_an_engine_that_began_so_much_later(visitors: Mapping[Voice, Utterance]) -> None:
    engine = openwakeword.load({JARVIS: MODEL}, {JARVIS: 0.5}, phases=4)
    later = plain()
    pairs = []
    for said in list(visitors.values())[:4]:
        sound = among(said.samples, 150, 2.0, 0.5)  # noise in which nothing is foreseen
        staggered = by_hop(engine, sound, 320)
        for phase in (2, 4, 6):
            shift = phase * 160
            reference = by_hop(later, sound[shift:])
            for position, value in reference.items():
                if position + shift in staggered:
                    pairs.append((staggered[position + shift], value))
    assert sum(value > 0.3 for _, value in pairs) > 10
    differences = [abs(mine - theirs) for mine, theirs in pairs]
    assert np.median(differences) < 0.01
    assert max(differences) < 0.2


@pytest.mark.room
def test_where_a_word_has_ended_the_scores_of_the_next_hops_are_foreseen(visitors: Mapping[Voice, Utterance]) -> None:
    """They are those that come later if it stays silent."""
    pairs = []
    for said in list(visitors.values())[::4]:
        sound = among(said.samples, 1, 2.0, 0.6)
        foreseen = by_hop(openwakeword.load({JARVIS: MODEL}, {JARVIS: 0.5}, phases=4), sound, 320)
        actual: dict[int, float] = {}
        for shift in (0, 320, 640, 960):
            actual |= {at + shift: value for at, value in by_hop(plain(), sound[shift:]).items()}
        ended = 32_000 + said.last_loud + 800
        for at in [at for at in foreseen if ended <= at <= ended + 4000 and at + 2 * HOP in actual]:
            pairs.append((foreseen[at], actual[at], max(actual[at + HOP], actual[at + 2 * HOP])))
    assert sum(later - now > 0.3 for _, now, later in pairs) > 5
    differences = [abs(mine - max(now, TRUST * later)) for mine, now, later in pairs]
    assert np.median(differences) < 0.02
    assert np.percentile(differences, 90) < 0.2


def test_a_word_may_end_where_the_sound_falls_and_not_in_noise() -> None:
    speech, quiet = white(0.49, 2000), white(0.01, 20)
    last = np.zeros(1)
    assert has_ended(pcm(np.concatenate([last, speech, quiet])))
    assert not has_ended(pcm(np.concatenate([last, speech, white(0.01, 2000)])))
    assert not has_ended(pcm(np.concatenate([last, speech, quiet]) + white(0.500_062_5, 200, 1)))


@pytest.mark.room
@pytest.mark.parametrize("noise", ["digital silence", "hiss", "a fan"])
def test_every_visitor_is_heard_once(visitors: Mapping[Voice, Utterance], jarvis: OpenWakeWord, noise: str) -> None:
    missed, twice = [], []
    for index, (voice, said) in enumerate(visitors.items()):
        sound = among(said.samples, 0.0, 1.5 + 0.013 * index, 0.8).astype(float)
        seconds = len(sound) / 16_000
        background = {
            "digital silence": 0 * sound,
            "hiss": white(seconds, 100, index),
            "a fan": coloured(seconds, 250, 0.5),
        }[noise]
        found = find_wakes(pcm(sound + background[: len(sound)]), jarvis, WakeSection())
        if len(found) != 1:
            (twice if found else missed).append(voice.name)
    assert (missed, twice) == ([], [])


@pytest.mark.room
def test_in_a_quiet_room_they_are_heard_at_the_end_of_the_word(
    visitors: Mapping[Voice, Utterance], jarvis: OpenWakeWord
) -> None:
    """In audio time, so it is no statement on speed: 80 ms hops alone give 110 ms at the median, phases 66."""
    delays = []
    for said in visitors.values():
        (found,) = find_wakes(among(said.samples, 10, 2.0), jarvis, WakeSection())
        delays.append((found.position - 32_000 - said.last_loud) / 16)
    assert min(delays) > -100
    assert np.median(delays) < 35
    assert np.percentile(delays, 90) < 70


@pytest.mark.room
@pytest.mark.parametrize("said", ["hey there", "the service", "good morning james"])
def test_what_only_sounds_similar_wakes_nobody(said: str, jarvis: OpenWakeWord) -> None:
    for voice in VOICES[::2]:
        assert find_wakes(among(say(said, voice).samples, 10), jarvis, WakeSection()) == [], voice.name


def test_nobody_else_wakes_it(human: Mapping[str, Samples], two_cities: Samples, jarvis: OpenWakeWord) -> None:
    read = np.concatenate([two_cities, *(np.concatenate([sound, silence(0.5)]) for sound in human.values())])
    assert find_wakes(read, jarvis, WakeSection()) == []


@pytest.mark.room
def test_ungated_it_hears_them_too(visitors: Mapping[Voice, Utterance], jarvis: OpenWakeWord) -> None:
    for said in list(visitors.values())[::4]:
        assert len(find_wakes(among(said.samples, 10), jarvis, WakeSection(gate=False))) == 1


@pytest.mark.room
def test_without_the_replay_wakes_would_be_missed(visitors: Mapping[Voice, Utterance], jarvis: OpenWakeWord) -> None:
    """Guards the test above: what the gate cuts off matters, and the replay brings it back."""
    lost = 0
    for said in visitors.values():
        sound = among(said.samples, 10)
        jarvis.reset()
        late = sound[32_000 + 4800 :]
        lost += not any(score.value >= 0.5 for score in jarvis.feed(late, 0))
    assert lost > 0


@pytest.mark.room
def test_several_words_and_a_model_by_its_path(visitors: Mapping[Voice, Utterance], tmp_path: Path) -> None:
    own = tmp_path / "hi_there_v0.2.onnx"
    own.write_bytes(MODEL.read_bytes())
    words = (WakeWord(model="alexa"), WakeWord(model=str(own), threshold=0.6))
    config = Config(wake=WakeSection(words=words))
    engine = wakewords.load(config)
    assert dict(engine.thresholds) == {"alexa": 0.5, "hi_there": 0.6}
    said = next(iter(visitors.values()))
    found = find_wakes(among(said.samples, 10), engine, config.wake)
    assert [d.word for d in found] == ["hi_there"]


def test_a_missing_model_is_named_with_its_remedy() -> None:
    with pytest.raises(WakeModelError, match=r"hey_harvey.*hey_marvin"):
        wakewords.load(Config(wake=WakeSection(words=(WakeWord(model="hey_harvey"),))))
    with pytest.raises(WakeModelError, match=r"/nowhere/x\.onnx"):
        wakewords.load(Config(wake=WakeSection(words=(WakeWord(model="/nowhere/x.onnx"),))))


@pytest.mark.parametrize("spoil", ["truncate", "text", "empty", "other model"])
def test_a_damaged_model_is_named(tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(
        {
            "truncate": MODEL.read_bytes()[:100_000],
            "text": b"<html>404</html>",
            "empty": b"",
            "other model": (openwakeword.packaged() / "silero_vad.onnx").read_bytes(),
        }[spoil]
    )
    with pytest.raises(WakeModelError, match=r"bad\.onnx"):
        openwakeword.load({"bad": path}, {"bad": 0.5})


def test_missing_feature_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(WakeModelError, match=r"melspectrogram\.onnx is missing"):
        openwakeword.load({JARVIS: MODEL}, {JARVIS: 0.5}, features=tmp_path)


def test_the_package_itself_is_never_imported() -> None:
    """It would cost 280 MB."""
    code = (
        "import sys; from agent.config import Config; from agent.hearing import wakewords; wakewords.load(Config());"
        "print([m for m in sys.modules if m.split('.')[0] in ('openwakeword', 'scipy', 'sklearn')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60, text=True)
    assert done.stdout.strip() == "[]"


def test_in_read_speech_the_extra_phases_stay_off(two_cities: Samples, jarvis: OpenWakeWord) -> None:
    scores = by_hop(jarvis, two_cities[: 16_000 * 15], 1280)
    assert len(scores) <= 16_000 * 15 // HOP * 1.1
