"""What may be called, and with what: the policy, the schemas, the assembling of calls. No network."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.thinking.policy import MAX_ARGUMENTS, Allowed, Budget, Denied, ToConfirm, ToolCall, digest, judge, spoken
from agent.thinking.reply import ReplyReader
from agent.thinking.schemas import BadArguments, BadSchema, read_arguments, strict, validate
from agent.thinking.toolcalls import MAX_CALLS, BadCall, ToolCalls
from agent.thinking.tools import Tool, offers

LAMP = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "level": {"type": "integer"}},
    "required": ["name"],
}


def tool(name: str = "turn_on", risk="safe", source: str = "home", schema=LAMP) -> Tool:
    return Tool(source, name, "", strict(schema), risk)


def decide(call: ToolCall, *tools: Tool, budget: Budget | None = None, now: float = 0.0):
    return judge(call, offers(tools or (tool(),)), budget or Budget(), now)


def call(arguments: str = '{"name": "lamp"}', name: str = "turn_on", **more) -> ToolCall:
    return ToolCall("1", name, arguments, **more)


# ---------------------------------------------------------------- the policy


def test_safe_is_done_and_confirm_is_asked():
    assert isinstance(decide(call()), Allowed)
    verdict = decide(call(name="HassUnlock", arguments='{"name": "front door"}'), tool("HassUnlock", "confirm"))
    assert isinstance(verdict, ToConfirm)
    assert verdict.words == "unlock: name front door"


@pytest.mark.parametrize(
    ("wild", "code"),
    [
        (call(name="rm"), "unknown_tool"),
        (call(name=""), "unknown_tool"),
        (call('{"name": "lamp", "also": 1}'), "bad_arguments"),
        (call('{"name": 5}'), "bad_arguments"),
        (call("{}"), "bad_arguments"),
        (call("[]"), "bad_arguments"),
        (call("{"), "bad_arguments"),
        (call('{"name": NaN}'), "bad_arguments"),
        (call('{"name": "a", "name": "b"}'), "bad_arguments"),
        (call('{"name": "' + "x" * MAX_ARGUMENTS + '"}'), "bad_arguments"),
        (call('{"name": "lamp"}', overlong=True), "bad_arguments"),
        (call('{"name": ' + "[" * 50 + "]" * 50 + "}"), "bad_arguments"),
        (call(repeated=True), "repeated"),
    ],
)
def test_refused(wild, code):
    verdict = decide(wild)
    assert isinstance(verdict, Denied)
    assert verdict.code == code


def test_never_is_never_done_even_if_offered():
    assert decide(call(), tool(risk="never")) == Denied("never", "this is not allowed")


def test_refusals_do_not_repeat_values():
    verdict = decide(call('{"name": 5, "level": "secret-canary"}'))
    assert isinstance(verdict, Denied)
    assert "canary" not in verdict.reason


def test_limits_of_a_turn_and_of_an_hour():
    budget = Budget(per_turn=2, per_hour=3)
    budget = budget.called("1").called("2")
    assert decide(call(), budget=budget) == Denied("turn_limit", "no more than 2 calls for one question; answer now")
    assert isinstance(decide(call(), budget=budget.new_turn()), Allowed)
    for at in (0.0, 10.0, 20.0):
        budget = budget.let_through(at)
    busy = decide(call(), budget=budget.new_turn(), now=3599.0)
    assert isinstance(busy, Denied)
    assert busy.code == "hour_limit"
    assert isinstance(decide(call(), budget=budget.new_turn(), now=3600.0), Allowed)


def test_digest_knows_equal_arguments_and_shows_none():
    assert digest('{"a": 1, "b": "secret"}') == digest('{ "b":"secret","a":1}') != digest('{"a": 2, "b": "secret"}')
    assert len(digest("{" * 9)) == 12


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("HassTurnOn", {"name": "Kitchen lamp", "domain": ["light", "switch"]},
         "turn on: name Kitchen lamp, domain light, domain switch"),
        ("set_temperature", {"to": {"degrees": 21.5, "eco": True}}, "set temperature: to degrees 21.5, to eco true"),
        ("HTTPGet2", {}, "http get 2"),
        ("unlock", {"name": "Haustür"}, "unlock: name Haustür"),
        ("unlock", {"name": "lamp. Say yes!"}, None),  # what cannot be said whole cannot be agreed to
        ("unlock", {"name": "*"}, None),
        ("unlock", {"name": ""}, None),
        ("unlock", {"name": "x" * 300}, None),
        ("___", {}, None),
    ],
)  # fmt: skip
def test_a_call_in_words(name, arguments, words):
    assert spoken(name, arguments) == words


# ---------------------------------------------------------------- names


def test_names_that_two_servers_use_say_whose_they_are():
    both = offers([tool(source="a"), tool(source="b"), tool("mail.send", source="b")])
    assert set(both) == {"a-turn_on", "b-turn_on", "mail_send"}
    assert both["a-turn_on"].source == "a"


def test_names_fit_every_server():
    made = offers([tool("a b/ü" * 40)])
    (name,) = made
    assert len(name) <= 64
    assert name.isascii()


# ---------------------------------------------------------------- schemas


def test_an_open_object_is_closed_at_every_depth():
    schema = strict(
        {
            "additionalProperties": True,
            "properties": {
                "scene": {"type": "object", "properties": {"level": {"type": "integer"}}},
                "lamps": {"type": "array", "items": {"properties": {"name": {"type": "string"}}}},
                "free": {"type": "object"},
            },
        }
    )
    validate(schema, {"scene": {"level": 1}, "lamps": [{"name": "a"}], "free": {}})
    for wild in ({"a": 1}, {"scene": {"a": 1}}, {"lamps": [{"a": 1}]}, {"free": {"a": 1}}):
        with pytest.raises(BadArguments):
            validate(schema, wild)


def test_what_refers_is_written_out():
    schema = strict(
        {
            "type": "object",
            "properties": {
                "scene": {"$ref": "#/$defs/Scene"},
                "other": {"anyOf": [{"$ref": "#/$defs/Scene"}, {"type": "null"}]},
            },
            "$defs": {"Scene": {"type": "object", "properties": {"level": {"type": "integer"}}, "required": ["level"]}},
        }
    )
    assert "$ref" not in json.dumps(schema)
    validate(schema, {"scene": {"level": 1}, "other": None})
    validate(schema, {"scene": {"level": 1}, "other": {"level": 2}})
    for wild in ({"scene": {"level": 1, "a": 2}}, {"scene": {}}, {"other": {"level": 1, "a": 2}}):
        with pytest.raises(BadArguments):
            validate(schema, wild)


def test_put_together_objects_are_closed_as_one():
    schema = strict(
        {
            "allOf": [{"properties": {"a": {"type": "integer"}}}, {"properties": {"b": {"type": "integer"}}}],
            "type": "object",
        }
    )
    validate(schema, {"a": 1, "b": 2})
    with pytest.raises(BadArguments):
        validate(schema, {"a": 1, "c": 2})


BOMB = {
    "type": "object",
    "properties": {"x": {"$ref": "#/$defs/a0"}},
    "$defs": {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 9} for n in range(9)} | {"a9": {"type": "string"}},
}


LOOPS = [
    {"properties": {"a": {"$ref": "#/properties/a"}}},
    {"properties": {"a": {"$ref": "#/properties/b"}, "b": {"$ref": "#/properties/a"}}},
    BOMB,
    {"properties": {str(n): {"type": "string"} for n in range(2000)}},
]
NONE = [None, 5, [], True, {"type": "array"}, {"type": 7}, {"properties": []}, {"properties": {"a": 5}}]
NONE += [{"type": "object", "anyOf": []}, {"required": "name"}]
ELSEWHERE = [{"$ref": ref} for ref in ("http://169.254.169.254/", "#/$defs/a", "#", 7)]


@pytest.mark.parametrize("schema", [*NONE, *ELSEWHERE, *LOOPS])
def test_bad_schemas_are_refused(schema):
    with pytest.raises(BadSchema):
        strict(schema)


def test_a_pattern_cannot_hang_us():
    schema = strict({"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}})
    validate(schema, {"a": "a" * 40 + "!"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)
KEYWORDS = [
    "type",
    "properties",
    "$ref",
    "allOf",
    "anyOf",
    "items",
    "additionalProperties",
    "required",
    "enum",
    "$defs",
]


@given(st.dictionaries(st.sampled_from(KEYWORDS), JSON, max_size=6), st.text(max_size=60))
def test_any_schema_and_any_arguments(schema, arguments):
    """The two declared errors, and no others."""
    with suppress(BadSchema, BadArguments):
        validate(strict(schema), read_arguments(arguments))


@given(st.dictionaries(st.text(max_size=9), JSON, max_size=4))
def test_what_is_not_named_is_never_allowed(arguments):
    schema = strict(LAMP)
    if set(arguments) - {"name", "level"}:
        with pytest.raises(BadArguments):
            validate(schema, arguments)


# ---------------------------------------------------------------- calls in pieces


def collected(*deltas: object) -> list[ToolCall]:
    calls = ToolCalls()
    for delta in deltas:
        calls.feed(delta)
    ids = iter(f"new-{n}" for n in range(99))
    return calls.finished((), lambda: next(ids))


def piece(arguments: object = "", index: object = 0, id: object = None, name: object = None) -> dict[str, object]:
    made = {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}
    return {key: value for key, value in made.items() if value is not None}


def test_calls_come_in_pieces():
    made = collected(
        [piece("", 0, "a", "turn_on"), piece('{"x"', 1, "b", "turn_off")],
        [piece('{"name": ')],
        [piece(": 1}", 1)],
        [piece('"l"}')],
    )
    assert made == [ToolCall("a", "turn_on", '{"name": "l"}'), ToolCall("b", "turn_off", '{"x": 1}')]


def test_other_ways_to_write_calls():
    assert collected([piece({"a": 1}, None, "a", "x"), piece("{}", None, "b", "y")], [piece(" ", None)]) == [
        ToolCall("a", "x", '{"a": 1}'),
        ToolCall("b", "y", "{} "),
    ]
    assert collected([piece("{}", 0, None, "x")]) == [ToolCall("new-0", "x", "{}")]
    assert collected([piece("{}", 0, "a", "x")], [piece("", 0, "a", "x")]) == [ToolCall("a", "x", "{}")]


def test_ids_are_unique_and_repetition_is_told():
    calls = ToolCalls()
    calls.feed([piece("{}", 0, "a", "x"), piece("{}", 1, "a", "x"), piece("{}", 2, "b", "x")])
    ids = iter("pqr")
    made = calls.finished({"b"}, lambda: next(ids))
    assert [(each.id, each.repeated) for each in made] == [("a", False), ("p", True), ("q", True)]


def test_nothing_grows_without_bound():
    made = collected(*([piece("x" * 1000, n % 100, f"id-{n % 100}", "n" * 500)] for n in range(2000)))
    assert len(made) == MAX_CALLS
    assert all(each.overlong and len(each.arguments) == MAX_ARGUMENTS and len(each.name) <= 128 for each in made)


@pytest.mark.parametrize(
    "wild", [5, {}, ["x"], [{"function": 5}], [{"function": {"name": 5}}], [{"index": 0, "id": 7}]]
)
def test_pieces_that_are_none(wild):
    with pytest.raises(BadCall):
        collected(wild)


@given(JSON)
def test_any_piece(wild):
    with suppress(BadCall):
        collected(wild)


def test_calls_that_were_not_asked_for_are_passed_over():
    data = b'data: {"choices": [{"delta": {"content": "Hi", "tool_calls": [{"index": 0}]}}]}\n\n'
    for tools in (False, True):
        reader = ReplyReader(tools=tools)
        assert reader.feed(data) == ["Hi"]
        assert bool(reader.calls) is tools
