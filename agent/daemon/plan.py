"""What the daemon runs with: a configuration and the engines found for it; and what another one would change.

Each room has a recipe: exactly the values that it is made from. A reload replaces the rooms whose recipes differ, so a
recipe that forgets a value leaves a room as it was, and one with a value too many replaces it needlessly. Forgotten on
purpose is which persona is in use: what it needs is loaded first at the next start, and at its first word until then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from agent import personas
from agent.config import Config
from agent.config.personas import owners
from agent.dialogue.cast import Cast
from agent.dialogue.quiet import Hours
from agent.dialogue.rules import Patience, Rules
from agent.engines import Engines
from agent.events import Hint, Phase
from agent.hearing.recogniser import child_spec
from agent.hearing.words import spoken, wake_name
from agent.identity import device_name
from agent.process import ChildSpec
from agent.requests import own
from agent.satellite.description import description
from agent.thinking.making import announced_as
from agent.wyoming.messages import Message
from agent.wyoming.offer import primary

RoomName = Literal["capture", "recogniser", "ear", "voice", "thinker", "session", "panel", "web", "satellite"]
EVERY: frozenset[RoomName] = frozenset(get_args(RoomName))

# Whom a turn has in hand, by its phase; rooms that it will need later may be replaced while it goes on.
NEEDED: Mapping[Phase, frozenset[RoomName]] = {
    "idle": frozenset(),
    "listening": frozenset({"capture", "recogniser", "ear"}),
    "thinking": frozenset({"recogniser", "thinker"}),
    "speaking": frozenset({"thinker", "voice"}),
}


@dataclass(frozen=True, slots=True)
class Plan:
    config: Config
    engines: Engines


def stale(old: Plan, new: Plan) -> frozenset[RoomName]:
    """The rooms that have to be replaced."""
    before, after = _recipes(old), _recipes(new)
    return frozenset(name for name in EVERY if before[name] != after[name])


def _recipes(plan: Plan) -> dict[RoomName, object]:
    config, chosen = plan.config, plan.engines
    all_of = personas.configurations(config)
    speaker, mqtt, keep_s = config.audio.speaker, config.mqtt, config.persona.keep_loaded_s
    group = config.room.group
    recogniser = (recogniser_specs(plan), config.asr.load, keep_s)
    voices = {name: (each.tts, chosen.of(name).tts, each.persona.language) for name, each in all_of.items()}
    cancelling = config.audio.echo_cancellation
    overhearing = cancelling, config.conversation.stop_word
    return {
        "capture": config.audio.mic,
        "recogniser": recogniser,
        # The ear holds on to the microphone and to the recognisers.
        "ear": (*overhearing, config.audio.mic, recogniser, config.wake, config.endpoint, chosen.wake),
        # The volume is a setting: it is told, and the configuration's is only the first.
        "voice": (cancelling, speaker.model_copy(update={"volume_percent": 0}), voices, keep_s),
        "thinker": _thinker(plan),
        "session": (mqtt, config.privacy.publish_transcript, config.home_assistant, group) if mqtt.enabled else None,
        "panel": config.panel,
        "web": config.web if config.web.enabled else None,
        "satellite": (config.wyoming, satellite(config)) if config.wyoming.enabled else None,
    }


def _thinker(plan: Plan) -> object:
    config = plan.config
    manners = []
    for name, each in personas.configurations(config).items():
        order = each.llm.use, plan.engines.of(name).llm
        manners.append((name, each.persona.prompt, each.persona.language, order))
    profiles = {name: config.llm.profiles[name] for name in personas.profiles(config)}
    with_home = any(profile.kind == "home_assistant" for profile in profiles.values())
    home = (announced_as(config), config.conversation.history_s) if with_home else None
    return manners, profiles, home, config.tools, config.actions if config.tools.actions else ()


def recogniser_specs(plan: Plan) -> dict[str, ChildSpec]:
    """Persona -> the child that recognises what is said to it."""
    of = personas.configurations(plan.config)
    return {name: child_spec(plan.engines.of(name).asr, each) for name, each in of.items()}


def satellite(config: Config) -> Message:
    """What this device is to Home Assistant's Wyoming integration."""
    words = [wake_name(word.model) for word in config.wake.words]
    said = [(word, " ".join(spoken(word))) for word in words]
    name, area = device_name(config.mqtt.device), config.room.area
    return description(name, area, said, primary(config.persona.language))


def cast_of(config: Config) -> Cast:
    """Who answers to what."""
    languages = {name: each.persona.language for name, each in personas.configurations(config).items() if name}
    words = {wake_name(word): name for word, name in owners(config.personas).items()}
    return Cast(own(config.persona.use), languages, words)


def place(config: Config) -> tuple[object, ...]:
    """Where the world finds this device: at another place the old one has to be cleared."""
    mqtt = config.mqtt
    return mqtt.enabled, mqtt.host, mqtt.port, mqtt.base, mqtt.device, config.home_assistant


def rules_of(config: Config) -> Rules:
    """The settings that shape behaviour."""
    talk, room = config.conversation, config.room
    quiet = None if room.quiet_from is None or room.quiet_to is None else Hours(room.quiet_from, room.quiet_to)
    return Rules(
        language=config.persona.language,
        listening_limit=(config.endpoint.max_utterance_ms + config.endpoint.no_speech_ms) / 1000 + 3.0,
        thinking_sound_after=talk.thinking_sound_ms / 1000,
        history_turns=talk.history_turns,
        history_for=float(talk.history_s),
        volume=config.audio.speaker.volume_percent,
        quiet=quiet,
        night_volume=room.night_volume_percent,
        barge_in=talk.barge_in,
        follow_up=talk.follow_up_ms / 1000 if talk.follow_up else None,
        local_first=config.intents.local_first,
        cast=cast_of(config),
        actions={section.name: section.compiled() for section in config.actions},
        patience=_patience(config),
        final_limit=_final_limit(config),
    )


def _final_limit(config: Config) -> float:
    """Home Assistant may take longer to understand than our own recogniser, which stands in then."""
    usual = Rules().final_limit
    return max(usual, config.wyoming.wait_ms / 1000 + 1.0) if config.wyoming.listened_to else usual


def _patience(config: Config) -> Patience:
    """A question may be asked early that is taken back if it goes on; what a model has done with it is not."""
    asking: Hint = "open" if _acts(config) else "asking"
    return Patience(
        {hint: config.endpoint.patience_ms(asking if hint == "asking" else hint) for hint in get_args(Hint)}
    )


def _acts(config: Config) -> bool:
    """Whether who answers may do something with a question, other than answer it."""
    tools = config.tools
    kinds = {config.llm.profiles[name].kind for name in personas.profiles(config)}
    tooled = bool(tools.own) or tools.actions or any(each.allow for each in tools.mcp.values())
    return tooled or "home_assistant" in kinds or config.wyoming.listened_to


def changed_keys(old: Config, new: Config) -> tuple[str, ...]:
    """Dotted keys with another value, in the order of the configuration."""
    before, after = (dict(_leaves("", config.model_dump())) for config in (old, new))
    keys = dict.fromkeys((*before, *after))
    return tuple(key for key in keys if before.get(key) != after.get(key))


def _leaves(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value
