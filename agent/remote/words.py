"""What the agent says to a guest, read: the other half of `agent.web.protocol`, of which this is all a device needs."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from agent.events import Phase
from agent.web.protocol import BadFrame, Whole, first_problem

Short = Annotated[str, StringConstraints(max_length=1000)]


class _Word(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Welcome(_Word):
    """`words`: the wake words the agent listens for; `resumed`: the conversation of before goes on."""

    type: Literal["welcome"]
    key: Short
    resumed: bool = False
    agent: Short = ""
    words: list[Short] = []


class State(_Word):
    type: Literal["state"]
    phase: Phase
    turn: Whole


class Transcript(_Word):
    type: Literal["transcript"]
    turn: Whole
    text: str
    final: bool


class Reply(_Word):
    type: Literal["reply"]
    turn: Whole
    text: str
    heard: str = ""


class Wake(_Word):
    type: Literal["wake"]
    word: Short
    score: float = Field(0.0, strict=False)


class End(_Word):
    type: Literal["end"]
    turn: Whole


class Drop(_Word):
    type: Literal["drop"]
    turn: Whole


class Duck(_Word):
    type: Literal["duck"]
    db: Annotated[float, Field(ge=-100, le=0, strict=False)]
    ramp_ms: Annotated[int, Field(ge=0, le=10_000)]


class Volume(_Word):
    type: Literal["volume"]
    percent: Annotated[int, Field(ge=0, le=100)]


class Refusal(_Word):
    type: Literal["error"]
    code: Short
    message: Short


class Bye(_Word):
    type: Literal["bye"]
    code: Short
    message: Short


Word = Welcome | State | Transcript | Reply | Wake | End | Drop | Duck | Volume | Refusal | Bye
_READER: TypeAdapter[Word] = TypeAdapter(Annotated[Word, Field(discriminator="type")])
_KNOWN = frozenset(("welcome", "state", "transcript", "reply", "wake", "end", "drop", "duck", "volume", "error", "bye"))


def read(text: str) -> Word | None:
    """None: something that a device without a screen has no use for. Raises BadFrame."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise BadFrame("the agent says what is no JSON") from None
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise BadFrame("the agent says what is no message")
    if said["type"] not in _KNOWN:
        return None
    try:
        return _READER.validate_python(said)
    except ValidationError as error:
        raise BadFrame(f"the agent says what makes no sense: {first_problem(error)}") from None
