"""The control tokens of chat templates, which a server that does not know its model's template lets through as text.

After the templates themselves:
- ChatML `<|im_start|>assistant\\n…<|im_end|>`; Gemma `<start_of_turn>model\\n…<end_of_turn>`
- Phi `<|assistant|>…<|end|>`
- Llama 3 `<|start_header_id|>assistant<|end_header_id|>…<|eot_id|>`, `<|python_tag|>`; Mistral `[INST]`, `</s>`
- DeepSeek `<｜tool▁calls▁begin｜>…`, `<｜end▁of▁sentence｜>`; Kimi `<|tool_calls_section_begin|>`
- Command `<|START_THINKING|>…<|END_THINKING|>`
- OpenAI's harmony `<|start|>assistant<|channel|>analysis<|message|>…<|end|>`: only the channel "final" is for people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

NAMELESS = "(message)"  # the hidden element that is a whole message
LONGEST_HEADER = 64
ROLES = ("assistant", "model", "ai", "bot")

_TOKEN = re.compile(r"<[|｜]\s*(.*?)\s*[|｜]?>|<(/?s|bos|eos|start_of_turn|end_of_turn)>", re.DOTALL)
_ENDS = frozenset(
    {"im_end", "eot_id", "eom_id", "eot", "eos", "endoftext", "end_of_text", "end_of_sentence", "end_of_turn"}
    | {"end_of_turn_token", "end", "return", "call", "/s", "user", "system"}
)
_HEADERS = {"im_start": True, "start_of_turn": True, "start_header_id": False, "start": False, "channel": False}
_BODIES = {"end_header_id": False, "message": True}
_HIDING = re.compile(r"think|thought|reason|reflect|tool|function|python_tag")
_WORDS = re.compile(r"[a-z]+")
_OPENING = frozenset({"begin", "start", "of", "section"})
_CLOSING = frozenset({"end", "stop"})


@dataclass(frozen=True, slots=True)
class Token:
    """`open`, `close` a hidden element; `header` begins a message, `body` its text; `end` ends it.

    `name`: of the element, as it is written for all others; `newline_ends`: of a header; `channel`: the header may have
    named one.
    """

    kind: Literal["open", "close", "header", "body", "end", "none"]
    name: str = ""
    newline_ends: bool = False
    channel: bool = False


def read_token(tag: str) -> Token | None:
    """None where it is none, but a tag."""
    found = _TOKEN.fullmatch(tag)
    if found is None:
        return None
    name = (found[1] if found[1] is not None else found[2]).lower().replace("▁", "_").replace(" ", "_")
    if name in _ENDS:
        return Token("end", name)
    if name in _HEADERS:
        return Token("header", newline_ends=_HEADERS[name])
    if name in _BODIES:
        return Token("body", channel=_BODIES[name])
    if not _HIDING.search(name) or "sep" in name:
        return Token("none", name)
    words = _WORDS.findall(name)
    bare = "_".join(word for word in words if word not in _OPENING | _CLOSING)
    return Token("close" if name.startswith("/") or _CLOSING & set(words) else "open", bare)
