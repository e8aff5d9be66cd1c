"""Where speech begins and ends, counted in audio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
import pytest
from hearing_helpers import among
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.pcm import PERIOD, Samples
from agent.hearing.endpoint import Ended, Endpointer, EndpointEvent, Paused, Period, Resumed, Started
from agent.hearing.gate import VoiceGate
from agent.hearing.preroll import periods
from agent.lab.processes import PackagesMissing
from agent.lab.visitor import VOICES, say

SILENCE_MS, NO_SPEECH_MS, LONGEST_MS = 600, 3000, 8000


def pattern(text: str, start: int = 0, level: float = 60.0) -> Iterator[Period]:
    """ "v3 s10" is three voiced periods and ten silent ones."""
    position = start
    for part in text.split():
        for _ in range(int(part[1:])):
            yield Period(position, part[0] == "v", level if part[0] == "v" else 10.0)
            position += PERIOD


def endpointer(since: int = 0, after_wake: bool = False) -> Endpointer:
    return Endpointer(SILENCE_MS, NO_SPEECH_MS, LONGEST_MS, since, after_wake)


def run(text: str, since: int = 0, after_wake: bool = False) -> list[EndpointEvent]:
    """Events, with positions in periods."""
    found = endpointer(since * PERIOD, after_wake).feed(pattern(text))
    return [type(e)(e.position // PERIOD, *([e.cause] if isinstance(e, Ended) else [])) for e in found]


def test_an_utterance() -> None:
    assert run("s20 v50 s70") == [Started(20), Paused(70), Ended(70, "silence")]


def test_silence_is_counted_from_the_last_speech() -> None:
    point = endpointer()
    assert point.feed(pattern("s20 v50 s59"))[-1] == Paused(70 * PERIOD)
    assert point.feed(pattern("s1", start=129 * PERIOD)) == [Ended(70 * PERIOD, "silence")]
    assert point.over
    assert point.feed(pattern("s99", start=130 * PERIOD)) == []


def test_whoever_goes_on_after_the_end_had_only_paused() -> None:
    point = endpointer()
    point.feed(pattern("v50 s90"))
    assert point.over
    assert point.feed(pattern("v30", start=140 * PERIOD)) == [Resumed(140 * PERIOD)], "once"
    point.go_on()
    assert not point.over
    assert point.feed(pattern("v20 s70", start=170 * PERIOD)) == [Paused(190 * PERIOD), Ended(190 * PERIOD, "silence")]
    assert point.feed(pattern("v20", start=260 * PERIOD)) == [Resumed(260 * PERIOD)]


def test_a_click_or_a_far_voice_does_not_take_it_up_again() -> None:
    point = endpointer()
    point.feed(pattern("v50 s90"))
    assert point.feed(pattern("s10 v2 s10 v3 s20", start=140 * PERIOD)) == []
    assert point.feed(pattern("v50", start=185 * PERIOD, level=35.0)) == [], "25 dB weaker"


def test_only_after_silence_somebody_may_go_on() -> None:
    nobody = endpointer()
    assert nobody.feed(pattern("s400 v50")) == [Ended(0, "no_speech")]
    endless = endpointer()
    assert endless.feed(pattern("v2000"))[-1] == Ended(LONGEST_MS * 16, "too_long")


def test_who_goes_on_has_no_more_time_in_all() -> None:
    point = endpointer()
    point.feed(pattern("v600 s70"))
    point.feed(pattern("v10", start=670 * PERIOD))
    point.go_on()
    assert point.feed(pattern("v200", start=680 * PERIOD)) == [Ended(LONGEST_MS * 16, "too_long")]


def test_a_pause_within_is_no_end() -> None:
    assert run("v50 s30 v30 s70") == [Started(0), Paused(50), Resumed(82), Paused(110), Ended(110, "silence")]


def test_clicks_are_neither_a_beginning_nor_a_reason_to_wait() -> None:
    assert run("s50 v1 s50 v2 s50") == []
    assert run("v50 s30 v1 s40")[-1] == Ended(50, "silence")


def test_a_final_stop_consonant_is_speech_still() -> None:
    assert run("v50 s9 v2 s70")[-1] == Ended(61, "silence")


def test_far_quieter_voice_is_the_neighbour_s() -> None:
    point = endpointer()
    point.feed(pattern("v50", level=70))
    events = point.feed(pattern("v99", start=50 * PERIOD, level=30))
    assert events[-1] == Ended(50 * PERIOD, "silence")


def test_nothing_said_is_counted_from_the_wake_word() -> None:
    assert run("s400", since=40, after_wake=True) == [Ended(40, "no_speech")]
    assert run("s339", since=40, after_wake=True) == []


def test_the_wake_word_s_own_end_is_not_the_user_s_speech() -> None:
    for tail in (3, 10, 20):
        assert run(f"v{40 + tail} s400", since=40, after_wake=True) == [Ended(40, "no_speech")]


def test_voice_that_runs_on_after_the_wake_word_is() -> None:
    assert run("v90 s70", since=40, after_wake=True) == [Started(40), Paused(90), Ended(90, "silence")]
    assert run("v45 s8 v40 s70", since=40, after_wake=True)[0] == Started(53)


def test_after_complete_words_a_short_silence_is_enough() -> None:
    point = endpointer()
    point.feed(pattern("v50 s20"))
    point.hint(60 * PERIOD, 250)
    assert point.feed(pattern("s10", start=70 * PERIOD)) == [Ended(50 * PERIOD, "silence")]


def test_a_hint_that_comes_late_acts_at_once() -> None:
    point = endpointer()
    point.feed(pattern("v50 s40"))
    point.hint(60 * PERIOD, 250)
    assert point.feed(pattern("s1", start=90 * PERIOD)) == [Ended(50 * PERIOD, "silence")]


def test_a_hint_is_void_once_speech_goes_on() -> None:
    """ "What time is it … in Tokyo": the words of the hint are not all the words."""
    point = endpointer()
    point.feed(pattern("v50 s20"))
    point.hint(60 * PERIOD, 250)
    events = point.feed(pattern("v30 s40", start=70 * PERIOD))
    assert [type(event) for event in events] == [Resumed, Paused]
    assert point.feed(pattern("s30", start=140 * PERIOD)) == [Ended(100 * PERIOD, "silence")]


def test_a_hint_of_words_before_the_last_ones_does_not_count() -> None:
    point = endpointer()
    point.feed(pattern("v50 s20 v30 s20"))
    point.hint(60 * PERIOD, 250)
    assert point.feed(pattern("s20", start=120 * PERIOD)) == []


def test_hanging_words_are_waited_for() -> None:
    point = endpointer()
    point.feed(pattern("v50 s20"))
    point.hint(60 * PERIOD, 1000)
    assert point.feed(pattern("s79", start=70 * PERIOD)) == []
    assert point.feed(pattern("s1", start=149 * PERIOD)) == [Ended(50 * PERIOD, "silence")]


def test_a_television_is_neither_a_beginning_nor_a_reason_to_wait() -> None:
    def television(said: str) -> list[EndpointEvent]:
        point = Endpointer(SILENCE_MS, NO_SPEECH_MS, LONGEST_MS, 0, least_db=50.0)
        mixed = (Period(p.position, True, max(p.level_db, 48.0)) for p in pattern(said))
        return point.feed(mixed)

    assert television("s400") == [Ended(0, "no_speech")]
    assert television("s50 v50 s300")[-1] == Ended(100 * PERIOD, "silence")


def test_speech_without_end_is_cut() -> None:
    started, ended = run("v2000")
    assert (started, ended) == (Started(0), Ended(LONGEST_MS // 10, "too_long"))


def test_lost_audio_counts_as_silence() -> None:
    point = endpointer()
    point.feed(pattern("v50"))
    assert point.feed(pattern("s1", start=500 * PERIOD)) == [Ended(50 * PERIOD, "silence")]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 80), st.floats(-30, 90)), max_size=40), st.booleans())
def test_every_utterance_ends_in_time_and_only_once(stretches: list[tuple[bool, int, float]], after: bool) -> None:
    whole = [(voiced, level) for voiced, count, level in stretches for _ in range(count)] + [(False, 0.0)] * 300
    point = Endpointer(SILENCE_MS, NO_SPEECH_MS, LONGEST_MS, 0, after)
    heard = [Period(i * PERIOD, voiced, level) for i, (voiced, level) in enumerate(whole)]
    events = [event for period in heard for event in point.feed([period])]
    assert [isinstance(event, Ended) for event in events].count(True) == 1
    until = next(number for number, event in enumerate(events) if isinstance(event, Ended))
    assert events[until].position <= LONGEST_MS * 16
    assert [type(event) for event in events[until + 1 :]] in ([], [Resumed])
    kinds = [type(event) for event in events[: until + 1] if not isinstance(event, Started)]
    assert all(a is not b for a, b in pairwise(kinds))


def ends(sound: Samples) -> list[Ended]:
    gate, point = VoiceGate(), endpointer()
    found: list[EndpointEvent] = []
    for at in range(0, len(sound) // PERIOD * PERIOD, PERIOD):
        found += point.feed(periods(gate.feed(sound[at : at + PERIOD], at)))
    return [event for event in found if isinstance(event, Ended)]


@pytest.mark.room
@pytest.mark.parametrize("noise", [0.0, 10.0, 60.0])
def test_the_end_of_real_sentences_is_found_to_a_few_periods(noise: float) -> None:
    errors = []
    for voice in VOICES[::2]:
        for text in ("what time is it", "turn on the kitchen lights please"):
            try:
                said = say(text, voice)
            except PackagesMissing as missing:
                pytest.skip(str(missing))
            (end,) = ends(among(said.samples, noise, 1.0, 1.5))
            assert end.cause == "silence"
            errors.append((end.position - 16_000 - said.last_loud) / 16)
    assert abs(float(np.median(errors))) <= 30
    assert max(abs(error) for error in errors) <= 150


def test_people_are_not_cut_off(human: Mapping[str, Samples]) -> None:
    for name, sound in human.items():
        if "sense" not in name:
            continue
        (end, *_) = ends(among(sound, 10, 1.0, 1.5))
        assert end.position > 16_000 + 0.8 * min(len(sound), LONGEST_MS * 16 - 16_000), name
