"""The command reference, out of the schemas that judge commands: fields, ranges, defaults, and codes of errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from agent.dialogue.phrases import phrase
from agent.mqtt import intake, outbox, repeats, wire
from agent.mqtt import payloads as schemas
from agent.mqtt.commands import MAX_BYTES, MAX_DEPTH, SETTING, Rejected, parse
from agent.mqtt.payloads import MAX_ID
from agent.requests import Priority
from agent.settings import SETTINGS, Choice, Number, Setting, Switch
from agent.timers import MAX_TIMERS

ABOUT: Mapping[str, tuple[str, str]] = {  # what it does, and an example
    "listen": ("Listen as if the wake word had been said.", "{}"),
    "stop": ("Be silent: end what is going on, and drop the announcements that wait.", ""),
    "say": (
        "An announcement. The result comes when it has been heard, or says why it was not.",
        '{"text": "Dinner is ready.", "chime": true, "priority": "normal", "volume": 60, "id": "dinner-1"}',
    ),
    "ask": (
        "As if somebody had said it. The result has the answer.",
        '{"text": "Is it going to rain?", "id": "rain-1"}',
    ),
    "mute": ("The microphone off (`true`) or on.", '{"on": true}'),
    "volume": ("The volume, which stays until it is changed.", '{"percent": 40}'),
    "timer": (
        "Timers and alarms: `set` needs `seconds`, `alarm` a `time` of the day, `add` `seconds` (below 0: earlier). "
        "`cancel` and `add` find one by `timer`, an id, or by `name`; `snooze` puts off what rings. The result comes "
        "when it is on the disk, and has the timers; the topic `timers` always has all of them.",
        '{"action": "set", "seconds": 300, "name": "tea", "id": "tea-1"}',
    ),
    "doctor": ("Examine the device without a sound. The result has what is not well.", '{"id": "examine-1"}'),
    "restart": ("End, so that systemd starts the agent again; refused within 75 s of the last start.", "{}"),
}
TIMERS: Mapping[str, str] = {  # codes of `cmd/timer`
    "timers_not_kept": "it could not be written to the disk, so nothing has changed",
    "timer_range": "a timer runs from one second to a week",
    "alarm_past": "that time of today is over",
    "too_many_timers": f"there are {MAX_TIMERS} already",
    "which_timer": "more than one is meant; `message` has them",
    "no_such_timer": "there is none of this id or name",
    "no_timer": "there is no timer",
    "no_alarm": "there is no alarm",
    "nothing_rings": "`snooze`, and nothing rings or has just rung",
}
CODES: Mapping[str, str] = {
    "too_large": f"the payload is over {MAX_BYTES} bytes",
    "bad_utf8": "the payload is not UTF-8",
    "bad_json": "the payload is not JSON, a key stands twice, or there is a NaN or an infinity",
    "too_deep": f"nested deeper than {MAX_DEPTH}",
    "bad_payload": "a key is missing, unknown, of the wrong type or out of its range; `message` names it",
    "unknown_command": "there is no such command; `message` has those that there are",
    "unknown_setting": "there is no such setting; `message` has those that there are",
    "unknown_persona": "there is no such persona; `message` has those that there are",
    "unsupported": "this device cannot do that; `message` says why",
    "refused": "it cannot be done, or not now; `message` says why",
    "muted": "`listen`, and the microphone is off",
    "hardware_mute": "the switch on the device holds the microphone off",
    "no_microphone": "`listen`, and there is no microphone that works",
    "do_not_disturb": "`say`, and do not disturb is on: only the priority `high` is said",
    "quiet": "`say` with the priority `low`, in quiet hours",
    "queue_full": "`say`, and too many announcements wait; the last of the lowest priority gives way",
    "stopped": "`say`: somebody stopped it before it was said",
    "interrupted": "it was begun and cut short; `data.heard` is what of it was heard",
    "silence": "`listen`, and nobody said anything that could be understood",
    "yielded": "`listen`, and another device of the group answered",
    "failed": "it could not be answered or spoken, or the doctor could not look",
    **TIMERS,
    "busy": "`doctor`: an examination is going on already",
    "timeout": "`doctor`: it did not end in time",
}
ERRORS: Mapping[str, str] = {  # beside those of the language model
    "asr_failed": "speech recognition failed",
    "mic_lost": "the microphone went away while somebody spoke",
    "failed": "something else inside broke",
    "speech_failed": "the voice or the loudspeaker failed",
    "hardware_mute": "the microphone was asked for, and the switch on the device holds it off; or it cannot be read",
    **{code: f"`cmd/timer` without an `id`: {what}" for code, what in TIMERS.items()},
    "timers_not_kept": "a timer or an alarm could not be written to the disk, so nothing has changed",
    "action_failed": "a message of `[[actions]]` did not get to the broker, or the broker refused it; nothing was done",
    "action_unsure": "the broker did not confirm a message of `[[actions]]` in time: nobody knows whether it was done",
    "mqtt.flood": "commands came too fast; `dropped` of them since the last such event, `total` since the start",
    "refused": "a setting, or a restart, that was asked for without an `id`",
    "unsupported": "a restart that was asked for without an `id`, where no systemd would start the agent again",
    "doctor.busy": "an examination without an `id`, while one is going on",
    "doctor.timeout": "an examination without an `id` did not end in time",
    "doctor.failed": "an examination without an `id` came to nothing",
}
LLM: Mapping[str, str] = {
    "none_configured": "a question for the language model, and none is configured",
    "unreachable": "the language model cannot be reached",
    "auth": "it refuses the key, or Home Assistant the token",
    "rate_limited": "it is asked too often",
    "server_error": "it has a problem",
    "timeout": "it takes too long",
    "bad_reply": "its answer is none",
    "other_script": "it answers in letters that the language is not written in",
    "unspeakable": "nothing in its answer can be spoken",
    "cut_off": "its answer broke off",
    "home_assistant": "Home Assistant's pipeline has understood and not answered",
}
SPOKEN = (*LLM, "asr_failed", "mic_lost", "action_failed", "action_unsure", "timers_not_kept", "failed")
OF: Mapping[str, str] = {
    "wake_words": "a wake word that is installed",
    "voices": "a voice that is installed, of the persona's language",
    "llm_profiles": "a name of `[llm.profiles]`",
    "personas": "a name of `[personas]`, or `default`",
    "languages": "a language with a recogniser and a voice",
}


def commands() -> str:
    """Every command: what it does, its fields, an example."""
    return "\n\n".join(_command(name, *ABOUT[name]) for name in schemas.SCHEMAS)


def _command(name: str, about: str, example: str) -> str:
    parsed = parse(name, example.encode())
    if isinstance(parsed, Rejected):
        raise ValueError(f"the example of {name} is refused: {parsed.message}")
    lines = [f"### `cmd/{name}`", "", about, ""]
    fields = [row for row in _fields(name) if not row.startswith("| `id`")]
    if fields:
        lines += ["| key | value | if left out |", "|---|---|---|", *fields, ""]
    return "\n".join([*lines, "```json", example or "{}", "```"])


OPTIONAL = {"timer": "fine, where the action does not need it"}


def _fields(name: str) -> Iterator[str]:
    schema = schemas.SCHEMAS[name].model_json_schema()
    required = schema.get("required", [])
    for key, field in schema["properties"].items():
        otherwise = "refused" if key in required else OPTIONAL.get(name) or _default(field.get("default"))
        yield f"| `{key}` | {_values(key, field)} | {otherwise} |"


def _default(value: object) -> str:
    return "as the device has it" if value is None else f"`{json.dumps(value)}`"


def _values(key: str, field: Mapping[str, Any]) -> str:
    """What a field takes, in words."""
    kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
    match kinds:
        case [{"enum": values}]:
            return ", ".join(f"`{json.dumps(value)}`" for value in values)
        case [{"type": "integer", "minimum": low, "maximum": high}]:
            return f"a whole number from {low} to {high}"
        case [{"type": "boolean"}]:
            return "`true` or `false`"
        case [{"type": "string", "maxLength": most}]:
            return f"a text of up to {most} characters, some of them visible"
        case [{"type": "string", "pattern": _}] if key in schemas.UNLIKE:
            return schemas.UNLIKE[key].removeprefix("has to be ")
        case _:
            raise ValueError(f"nobody has said how to tell what {key} may be: {field}")


def settings() -> str:
    """Every setting: what it may be, what it stands for, and whether it acts at once."""
    rows = ["| setting | value | stands for | acts |", "|---|---|---|---|"]
    for name, setting in SETTINGS.items():
        key = f"`{setting.key}`" if setting.key else "the device as it is"
        acts = "at once" if setting.live else "by a reload, within seconds"
        rows.append(f"| `{name}` | {_range(setting)} | {key} | {acts} |")
    return "\n".join(rows)


def _range(setting: Setting) -> str:
    match setting.kind:
        case Switch():
            return "`true` or `false`"
        case Number(low, high, step, unit):
            whole = "a whole number" if float(step).is_integer() else "a number"
            return f"{whole} from {low:g} to {high:g}{f' {unit}' if unit else ''}"
        case Choice(of):
            return OF[of]


def codes() -> str:
    """What `error.code` of a result may be."""
    return "\n".join(["| code | what |", "|---|---|", *(f"| `{code}` | {what} |" for code, what in CODES.items())])


def errors() -> str:
    """What `code` of the event "error" may be, and what the agent says aloud where it owes an answer."""
    rows = ["| code | what | said aloud |", "|---|---|---|"]
    for code, what in {**LLM, **ERRORS}.items():
        aloud = phrase("en", code) if code in SPOKEN else ""
        rows.append(f"| `{code}` | {what} | {aloud} |")
    return "\n".join(rows)


def limits() -> str:
    """How much and how often, out of the constants."""
    told = {
        "a command": f"{MAX_BYTES} bytes of UTF-8, one JSON object, {MAX_DEPTH} deep; nothing at all stands for `{{}}`",
        "an `id`": f"up to {MAX_ID} characters",
        "priorities": ", ".join(f"`{priority}`" for priority in get_args(Priority)),
        "how often": f"{intake.RATE_HZ:g} commands a second, {intake.BURST} at once; "
        f"`stop` has {intake.STOP_RATE_HZ:g} of its own; what is over is dropped, counted and told by `event/error`",
        "twice": f"the same command under the same `id` within {repeats.KEEP_S:g} s is not done again, "
        "its result is said again; `stop` always acts",
        "retained": f"a retained command is never carried out, also not {SETTING}NAME",
        "a message from anybody": f"over {wire.MAX_PACKET} bytes ends the connection",
        "while the broker is away": f"the last value of each retained topic is kept, {outbox.MAX_MOMENTS} momentary "
        f"messages for {outbox.TTL_S:g} s",
    }
    return "\n".join(["| what | limit |", "|---|---|", *(f"| {what} | {limit} |" for what, limit in told.items())])
