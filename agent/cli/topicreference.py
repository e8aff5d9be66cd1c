"""The topic reference: what the agent publishes, with payloads that `agent.cli.enacted` made by the real code.

Retention and quality are read off those messages; only what a topic is for stands here. A test holds that each topic of
the code is here, and each of here in the code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from agent.cli.enacted import BASE, GROUP, TOPICS, evening
from agent.mqtt.topics import Message

ABOUT: Mapping[str, str] = {
    "status": "`online` or `offline`; `offline` is also the last will, and `online` is said last after every connect",
    "state": "`idle`, `listening`, `thinking` or `speaking`; user properties `at` and `turn` (MQTT 5)",
    "hearing": "`online` while microphone, wake word and recogniser are well, else `offline`",
    "health": "each part: `ok`, `loading`, `degraded` or `failed`, why, and since when",
    "setting/NAME": "a setting as it is in force; `changed`: somebody has set it, so it is not what the file says",
    "timers": "all timers and alarms, the next one first; `next`: when the first of them is due that does not ring yet",
    "stats": "figures, when they have changed, every ten seconds at most",
    "models": "the installed models beside the catalogue; `remedy` is the command that renews them",
    "transcript": "what was said; partials come at QoS 0, the final text at QoS 1",
    "reply": "the answer when it is over, and as much of it as was really heard",
    "turn": "the receipt of a turn: where the time went between your last word and the first of the answer; `outcome` "
    "is `continued` where you only paused, and the next turn has the whole sentence",
    "event/wake": "the wake word was heard",
    "event/bargein": "it was heard while the agent spoke",
    "event/intent": "a local command was understood, or the language model called one; its slots are keys of their own",
    "event/mute": "the microphone went off or on; `source`: `command`, `voice`, `button` or `switch`",
    "event/button": "the button was pressed; `action`: what that means",
    "event/error": "something did not work; `code` for automations, `message` for people",
    "event/examined": "the doctor has looked, by `cmd/doctor`",
    "event/reload": "the configuration was read anew, or refused",
    "event/timer": "a timer or an alarm; `action`: `set`, `added`, `cancelled`, `ringing`, `late` (it rings too late, "
    "by `late_s`), `stopped` (`by` whom), `snoozed`, `missed`",
    "event/tool": "a tool was called; `decision`: `done`, `failed`, `unavailable`, `declined`, or why it was refused",
    "event/yielded": "another device of the group heard the wake word better, and answers",
    "result": "the answer to a command that carried an `id`, and to one that could not be understood",
    "instance": "MQTT 3.1.1 only: a random name of the process, by which two devices of one name find out",
}
FIRST = ("reply", "turn", "event/mute")  # of these the first example says more than the last
HOUSE: Mapping[str, str] = {
    "wake": "`wake`: how well a device heard the wake word, in dB; `claim`: it answers",
    "member/DEVICE": "the device belongs to the group; empty once it has left",
}

HERMES: Mapping[str, str] = {
    "hotword/WORD/detected": "the wake word was heard; `currentSensitivity` is `wake.threshold`",
    "dialogueManager/sessionStarted": "a turn listens or thinks",
    "asr/textCaptured": "what was said; only with `privacy.publish_transcript`",
    "dialogueManager/sessionEnded": "the turn is over; `reason`: `nominal`, `abortedByUser`, `timeout`, `error`",
    "tts/say": "**read**, where `siteId` is the device: an announcement, as by `cmd/say`",
    "tts/sayFinished": "it has been heard, or cut, or refused",
}


def topics() -> str:
    """The topics below a device's root, as one table."""
    rows = ["| topic | retained | QoS | what |", "|---|---|---|---|"]
    messages = by_name(evening(), TOPICS.root)
    for name, about in ABOUT.items():
        told = messages[name]
        retained = "yes" if any(message.retain for message in told) else "no"
        quality = " or ".join(sorted({str(message.qos) for message in told}))
        rows.append(f"| `{name}` | {retained} | {quality} | {about} |")
    return "\n".join(rows)


def payloads() -> str:
    """An example of each topic."""
    messages = by_name(evening(), TOPICS.root)
    return "\n\n".join(_example(messages[name][0 if name in FIRST else -1]) for name in ABOUT)


def house() -> str:
    """What the devices of a group say to each other."""
    rows = ["| topic | retained | QoS | what |", "|---|---|---|---|"]
    root = f"{BASE}/room/{GROUP}"
    messages = by_name(evening(), root)
    for name, about in HOUSE.items():
        message = messages[name][-1]
        rows.append(f"| `{BASE}/room/GROUP/{name}` | {'yes' if message.retain else 'no'} | {message.qos} | {about} |")
    return "\n".join(rows) + "\n\n" + "\n\n".join(_example(messages[name][-1]) for name in HOUSE)


def hermes() -> str:
    """The topics of Hermes, and an example of each."""
    messages = by_name(evening(), "hermes")
    rows = ["| topic | what |", "|---|---|", *(f"| `hermes/{name}` | {about} |" for name, about in HERMES.items())]
    return "\n".join(rows) + "\n\n" + "\n\n".join(_example(messages[name][-1]) for name in HERMES)


def by_name(messages: Iterable[Message], root: str) -> dict[str, list[Message]]:
    """Messages below a root by what the reference calls their topic, in order."""
    named: dict[str, list[Message]] = {}
    for message in messages:
        if message.topic.startswith(f"{root}/"):
            named.setdefault(_name(message.topic.removeprefix(f"{root}/")), []).append(message)
    return named


def _name(topic: str) -> str:
    for kind, placeholder in (("setting", "NAME"), ("member", "DEVICE")):
        if topic.startswith(f"{kind}/"):
            return f"{kind}/{placeholder}"
    return "hotword/WORD/detected" if topic.startswith("hotword/") else topic


def _example(message: Message) -> str:
    text = message.payload.decode()
    if not text.startswith("{"):
        return f"`{message.topic}`\n\n```text\n{text}\n```"
    return f"`{message.topic}`\n\n```json\n{pretty(json.loads(text))}\n```"


def pretty(value: object, width: int = 100) -> str:
    """JSON for people: on one line where that is short, else a key each."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) <= width or not isinstance(value, Mapping | list):
        return line
    if isinstance(value, list):
        return "[\n" + ",\n".join(f"  {_indented(pretty(each, width - 2))}" for each in value) + "\n]"
    inner = (f"  {json.dumps(key)}: {_indented(pretty(each, width - 6 - len(key)))}" for key, each in value.items())
    return "{\n" + ",\n".join(inner) + "\n}"


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")
