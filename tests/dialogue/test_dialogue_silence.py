"""Whatever a language model does or leaves undone: nobody who has asked is left without a sound for two seconds.

The real dialogue, the real way from text to clauses, and a model of voice and speaker that keeps the script's time.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mouth_model import MouthModel
from scripts import Script

from agent.commands import Command, Earcon, Speak, TurnEnded
from agent.dialogue.state import Idle
from agent.dialogue.step import deadline
from agent.events import (
    DeadlinePassed,
    Endpoint,
    Event,
    Final,
    LlmFailed,
    ReplyDelta,
    ReplyDone,
    SpeechStarted,
    ToolUsed,
)

LONGEST_S = 2.0
PIECES = [
    "Penguins swim. ", "word ", "and then, ", "<think>", "</think>", "hm ", "😀", '{"name": ', "}", "```\n", "...",
    "\n\n", "你好。", "| a | b |\n", "https://a.b/c ", "<tool_call>", "\u200b",
    "A whole sentence that lasts for some seconds. ",
]  # fmt: skip


class Play:
    """One open question, from its last word to idle. `moments`: (seconds after the one before, what happens)."""

    def __init__(self, voice_s: float = 0.3, final_s: float = 0.3) -> None:
        self.script = Script()
        self.mouth = MouthModel(voice_s)
        self.ended = 0.0
        self._do(self.script.wake())
        turn = self.script.state.turn
        self.script.time += 0.1
        self._do(self.script.play(SpeechStarted(self.script.at, turn, self.script.time)))
        self.script.time += 2.0
        self.asked = self.script.time - 0.6
        self._do(self.script.play(Endpoint(self.script.at, turn, self.asked, "silence")))
        self._until(self.script.time + final_s)
        self._happen(Final(self.script.at, turn, "tell me a fact"))

    def hear(self, moments: Sequence[tuple[float, str]]) -> None:
        """What is "done", "tool", "fail" is an event, everything else text."""
        turn = self.script.state.turn
        for wait_s, what in moments:
            self._until(self.script.time + wait_s)
            if self.ended:
                return
            at = self.script.at
            match what:
                case "done":
                    self._happen(ReplyDone(at, turn))
                case "tool":
                    self._happen(ToolUsed(at, turn, "light", "home", "done", 9))
                case "fail":
                    self._happen(LlmFailed(at, turn, "cut_off"))
                case "instead":
                    self._happen(ReplyDelta(at, turn, "", instead=True))
                case text:
                    self._happen(ReplyDelta(at, turn, text))
        self._until(None)
        assert isinstance(self.script.state.activity, Idle)

    @property
    def gaps(self) -> list[float]:
        """Every silence between the end of the question and idle, in seconds."""
        reached, gaps = self.asked, []
        for start, end in sorted(self.mouth.sounded):
            if start >= self.ended:
                break
            gaps.append(start - reached)
            reached = max(reached, end)
        return [*gaps, self.ended - reached]

    @property
    def said(self) -> str:
        return "".join(command.text for command in self.script.commands if isinstance(command, Speak))

    def _until(self, end: float | None) -> None:
        """Let time pass up to `end`, or until nothing goes on any more."""
        while not (end is None and isinstance(self.script.state.activity, Idle)):
            due = min((t for t in (deadline(self.script.state), self.mouth.due(), end) if t is not None), default=None)
            if due is None:
                break
            self.script.time = max(self.script.time, due)
            if end is not None and due >= end:
                break
            for event in self.mouth.tell(self.script.at):
                self._happen(event)
            if (limit := deadline(self.script.state)) is not None and limit <= self.script.time:
                self._happen(DeadlinePassed(self.script.at))

    def _happen(self, event: Event) -> None:
        self._do(self.script.play(event))

    def _do(self, commands: list[Command]) -> None:
        for command in commands:
            self.mouth.obey(command, self.script.time)
            if isinstance(command, TurnEnded):
                self.ended = self.script.time


def play(*moments: tuple[float, str], voice_s: float = 0.3, final_s: float = 0.3) -> Play:
    made = Play(voice_s, final_s)
    made.hear(moments)
    return made


@pytest.mark.parametrize(
    "moments",
    [
        pytest.param([], id="never answers"),
        pytest.param([(30, "fail")], id="fails late"),
        pytest.param([(9, "tool"), (9, "tool"), (9, "Done."), (0, "done")], id="tools take long"),
        pytest.param([(0.2, "<think>"), *[(4, "hm ")] * 6, (1, "</think>Yes."), (0, "done")], id="thinks aloud"),
        pytest.param([(0.2, "<think>"), *[(4, "hm ")] * 6, (1, "fail")], id="breaks off in a thought"),
        pytest.param([(4, "word ")] * 7 + [(0, "done")], id="dribbles without a clause's end"),
        pytest.param([(1, "Penguins swim. "), (25, "They dive. "), (0, "done")], id="stalls behind a clause"),
        pytest.param([(1, "Penguins swim. "), (25, "fail")], id="stalls and breaks off"),
        pytest.param([(1, "Penguins swim. "), (3, "word "), (3, "word "), (3, "fail")], id="dribbles behind a clause"),
        pytest.param([(1, "😀"), (0, "done")], id="nothing to say"),
        pytest.param([(1, '{"name": "x", '), (9, "done")], id="a tool call as text"),
    ],
)
def test_a_sick_language_model_is_never_silence(moments: list[tuple[float, str]]) -> None:
    played = play(*moments)
    assert max(played.gaps) <= LONGEST_S
    assert any(char.isalpha() for char in played.said)


@pytest.mark.parametrize("final_s", [0.0, 2.5])
@pytest.mark.parametrize("voice_s", [0.1, 4.5])
def test_slow_recognisers_and_voices_are_not_silence_either(voice_s: float, final_s: float) -> None:
    played = play((0.5, "Penguins swim. They dive. "), (0, "done"), voice_s=voice_s, final_s=final_s)
    assert max(played.gaps) <= LONGEST_S


def test_no_sound_disturbs_an_answer_that_is_on_time() -> None:
    played = play((0.3, "Penguins swim. A whole"), (0.5, " sentence that lasts for some seconds."), (0, "done"))
    assert not [command for command in played.script.commands if isinstance(command, Earcon)]


def test_nothing_to_say_is_told_in_words() -> None:
    played = play((0.5, "😀"), (0.2, "done"))
    assert "nothing in the answer" in played.said
    assert [c.outcome for c in played.script.commands if isinstance(c, TurnEnded)] == ["failed"]


def test_an_answer_that_goes_on_in_another_script_is_not_left_at_that() -> None:
    played = play((0.5, "Penguins: "), (0.2, "企鹅是会游泳的鸟。它们生活在南方。"), (0.2, "done"))
    assert "a language that I cannot speak" in played.said
    assert max(played.gaps) <= LONGEST_S


def test_what_was_taken_back_is_not_part_of_the_answer() -> None:
    played = play((0.5, "So the user wants"), (0.2, "instead"), (0.1, "Yes."), (0, "done"))
    ended = [c for c in played.script.commands if isinstance(c, TurnEnded)]
    assert [c.reply for c in ended] == ["Yes."]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.floats(0, 12), st.sampled_from([*PIECES, *PIECES, "tool", "done", "fail"])), max_size=12),
    st.sampled_from([0.1, 0.4, 4.0]),
    st.floats(0, 2.9),
)
def test_whatever_it_does(moments: list[tuple[float, str]], voice_s: float, final_s: float) -> None:
    played = play(*moments, voice_s=voice_s, final_s=final_s)
    assert max(played.gaps) <= LONGEST_S, moments
