"""What a sick language model writes, whoever serves it: what of it is an answer, and what is ever spoken.

Each case goes the whole way: the server's bytes, the thinker, and the mouth's own way from text to words.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sick_llm import DONE, SickLlm, body, event, tokens

from agent.events import LlmFailed, ReplyDelta
from agent.speaking.speakable import Speakable
from agent.thinking.written import Written, repeats

ONLY_CALLS = [
    '<tool_call>{"name": "f", "arguments": {}}</tool_call>',
    '{"name": "f", "parameters": {"a": "}"}}',
    '<|python_tag|>f.call(x="y")',
    '<function=f>{"a": 1}</function>',
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{}<|tool_call_end|>",
    '<|channel|>commentary to=functions.f<|constrain|>json<|message|>{"a": 1}<|call|>',
    '[TOOL_CALLS][{"name": "f", "arguments": {}}]',
    '<invoke name="f"><parameter name="a">1</parameter></invoke>',
]
ANSWERS = {
    "think": ("<think>The user wants</think>Yes.", "Yes."),
    "think with blanks": ("<think>\n\n</think>\n\nYes.", "Yes."),
    "think nested": ("<think>a <think>b</think> c</think>Yes.", "Yes."),
    "think in capitals": ("<THINKING>so</THINKING>Yes.", "Yes."),
    "think with a name space": ("<seed:think>so</seed:think>Yes.", "Yes."),
    "think in brackets": ("[THINK]so[/THINK]Yes.", "Yes."),
    "think of Kimi": ("◁think▷so◁/think▷Yes.", "Yes."),
    "think of Command": ("<|START_THINKING|>so<|END_THINKING|><|START_RESPONSE|>Yes.<|END_RESPONSE|>", "Yes."),
    "harmony": (
        "<|channel|>analysis<|message|>So.<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|return|>",
        "Yes.",
    ),
    "end of ChatML": ("<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\nAnd then?<|im_end|>", "Yes."),
    "end of Llama": ("Yes.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nAnd?", "Yes."),
    "end of Gemma": ("Yes.<end_of_turn>\n<start_of_turn>user\nAnd?", "Yes."),
    "end of Mistral": ("Yes.</s>[INST] And? [/INST]", "Yes."),
    "end of DeepSeek": ("Yes.<｜end▁of▁sentence｜>And", "Yes."),
    "a call before": ('<tool_call>{"name": "f"}</tool_call>Yes.', "Yes."),
    "the same again and again": ("I am sorry, I cannot do that. " * 60, None),
    "one word for ever": ("well " * 400, None),
}


def said(deltas: list[str]) -> str:
    speakable = Speakable()
    return "".join([*(text for delta in deltas for text in speakable.feed(delta)), *speakable.flush()])


def stream(text: str, by: int = 0) -> bytes:
    """As tokens, or in pieces of so many characters."""
    pieces = [text[at : at + by] for at in range(0, len(text), by)] if by else tokens(text)
    return b"".join(map(event, pieces)) + event(finish="stop") + DONE


@pytest.mark.parametrize("by", [0, 1, 1000])
@pytest.mark.parametrize("case", ANSWERS)
def test_only_the_answer_is_spoken(rig: Callable[..., object], case: str, by: int) -> None:
    text, answer = ANSWERS[case]
    with SickLlm(body(stream(text, by))) as llm:
        r = rig(llm.base_url)
        end = r.ask()
        assert not isinstance(end, LlmFailed)
        spoken = said([e.text for e in r.events if isinstance(e, ReplyDelta)])
    if answer is None:
        assert text.startswith(spoken.strip(". ")), "the beginning of it"
        assert len(spoken) < 600
    else:
        assert spoken == answer


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *((text, "bad_reply") for text in ONLY_CALLS),
        ("<think>so it goes", "bad_reply"),
        ("", "bad_reply"),
        ("?! … 😀 ***", "bad_reply"),
        ("\u200b\u202e\x07\ufeff", "bad_reply"),
        ("你好，世界。", "other_script"),
        ("Привет, как дела?", "other_script"),
        ("السلام عليكم", "other_script"),
        ("你" * 3000, "other_script"),
    ],
)
def test_what_is_no_answer_leaves_the_question_to_the_next_profile(
    rig: Callable[..., object], text: str, code: str
) -> None:
    with SickLlm(body(stream(text))) as sick, SickLlm(body(stream("I can."))) as well:
        alone = rig(sick.base_url)
        end = alone.ask()
        assert isinstance(end, LlmFailed)
        assert end.code == code
        assert alone.text() == ""
        both = rig(sick.base_url, well.base_url)
        both.ask()
        assert both.text() == "I can."


def test_a_thought_that_was_open_before_the_first_word_is_taken_back_and_then_known(rig: Callable[..., object]) -> None:
    with SickLlm(body(stream("So the user wants to know.\n</think>\n\nYes."))) as llm:
        r = rig(llm.base_url)
        r.ask(1)
        deltas = [e for e in r.events if isinstance(e, ReplyDelta)]
        assert sum(e.instead for e in deltas) == 1
        assert "".join(e.text for e in deltas[[e.instead for e in deltas].index(True) :]) == "Yes."
        r.ask(2)
        assert r.text(2) == "Yes."


def test_a_model_whose_name_says_so_is_known_from_the_first_answer(rig: Callable[..., object]) -> None:
    with SickLlm(body(stream("So.\n</think>\n\nYes.")), body(stream("No thought today."))) as llm:
        r = rig(llm.base_url, model="some-r1-distill")
        r.ask(1)
        assert r.text(1) == "Yes."
        r.ask(2)
        assert r.text(2) == "No thought today.", "late, but not lost"


def test_a_server_that_tells_thoughts_by_itself_has_no_answer_held_back(rig: Callable[..., object]) -> None:
    data = event(reasoning_content="So.") + event("Yes,") + event(" sir.") + DONE
    with SickLlm(body(data)) as llm:
        r = rig(llm.base_url, model="some-thinking-model")
        r.ask(1)
        assert [e.text for e in r.events if isinstance(e, ReplyDelta)] == ["Yes, sir."] or r.text(1) == "Yes, sir."


@given(st.text(max_size=200), st.data())
def test_the_slicing_does_not_matter(text: str, data: st.DataObject) -> None:
    def read(pieces: list[str]) -> tuple[str, bool, bool]:
        written = Written("en")
        kept = ""
        for piece in pieces:
            more = written.feed(piece)
            kept = more if written.taken_back else kept + more
        return kept + written.flush(), written.over, written.foreign

    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    slices = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read(slices) == read([text]) == read(list(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Row, row, row your boat. " * 2, False),
        ("Row, row, row your boat gently. " * 4, True),
        ("ha " * 30, False),
        ("ha " * 80, True),
        ("-" * 900, False),
        ("| | |\n" * 90, False),
        (" ".join(map(str, range(300))), False),
        ("the rain in spain stays mainly in the plain, " * 4, True),
    ],
)
def test_repetition(text: str, found: bool) -> None:
    assert repeats(text) is found
