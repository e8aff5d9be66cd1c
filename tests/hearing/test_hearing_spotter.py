"""The spotter and long blocks, such as come after a stall."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hearing_helpers import among

from agent.audio.pcm import PERIOD, RATE_HZ, Block, Samples
from agent.config import WakeSection
from agent.hearing.gate import REPLAY_MS
from agent.hearing.offline import find_wakes
from agent.hearing.openwakeword import OpenWakeWord
from agent.hearing.preroll import Preroll
from agent.hearing.spotter import Spotter
from agent.hearing.wake import Score, WakeEngine
from agent.lab.visitor import Utterance, Voice

pytestmark = pytest.mark.room


class Notes:
    """An engine that keeps what it is told: None for a reset, else position and length of sound."""

    thresholds: Mapping[str, float] = {"hey_jarvis": 0.5}

    def __init__(self) -> None:
        self.told: list[tuple[int, int] | None] = []

    def feed(self, pcm: Samples, position: int) -> list[Score]:
        self.told.append((position, len(pcm)))
        return []

    def reset(self) -> None:
        self.told.append(None)

    def twin(self) -> WakeEngine:
        return self


@pytest.mark.parametrize("step", [PERIOD, RATE_HZ // 2, 2 * RATE_HZ])
def test_a_word_is_found_in_blocks_of_any_length(
    step: int, visitors: Mapping[Voice, Utterance], jarvis: OpenWakeWord
) -> None:
    """In the longest the gate opens, and the whole word is over, within one block."""
    missed = [
        voice.name
        for voice, said in visitors.items()
        if len(find_wakes(among(said.samples, 20, 2.5, 2.0), jarvis, WakeSection(), step)) != 1
    ]
    assert not missed


def test_another_voice_begins_from_silence_with_what_has_just_been_heard(visitors: Mapping[Voice, Utterance]) -> None:
    engine, preroll = Notes(), Preroll()
    spotter = Spotter(engine, WakeSection(), preroll)
    sound = among(next(iter(visitors.values())).samples, 20, 1.0, 0.0)
    begins = len(sound) // PERIOD * PERIOD - 10 * PERIOD  # in the middle of speech, the gate is open
    for at in range(0, len(sound) - PERIOD, PERIOD):
        if at == begins:
            engine.told.clear()
            spotter.restart()
        block = Block(sound[at : at + PERIOD], at, at / RATE_HZ)
        preroll.append(block)
        spotter.feed(block)
    replayed = REPLAY_MS * RATE_HZ // 1000
    assert engine.told[:2] == [None, (begins + PERIOD - replayed, replayed)]
    assert engine.told[2] == (begins + PERIOD, PERIOD)
