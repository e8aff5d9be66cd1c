"""The spotter and long blocks, such as come after a stall."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hearing_helpers import among

from agent.audio.pcm import PERIOD, RATE_HZ
from agent.config import WakeSection
from agent.hearing.offline import find_wakes
from agent.hearing.openwakeword import OpenWakeWord
from agent.lab.visitor import Utterance, Voice

pytestmark = pytest.mark.room


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
