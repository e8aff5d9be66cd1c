"""Profiles of the configuration -> who answers. Imports the client of what is used, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable

from agent.clock import Clock
from agent.config import Config, LlmProfile
from agent.events import Event
from agent.identity import device_id, device_name
from agent.thinking.answerer import Answerer
from agent.thinking.embedded import Embedded
from agent.thinking.mcp import Mcp
from agent.thinking.own_tools import OwnTools
from agent.thinking.toolbox import Toolbox
from agent.thinking.tools import ToolSource


def answerer(name: str, profile: LlmProfile, config: Config, clock: Clock, server: Embedded | None) -> Answerer:
    """`server`: the one of our own, where the profile is of kind "embedded"."""
    if profile.kind == "home_assistant":
        from agent.thinking.home import Home

        return Home(name, profile, announced_as(config), config.conversation.history_s, clock)
    from agent.thinking.endpoint import Endpoint
    from agent.thinking.location import Remote

    return Endpoint(name, profile, server or Remote(profile), clock)


def toolbox(config: Config, emit: Callable[[Event], None], clock: Clock) -> Toolbox | None:
    """What the language models may use; None where nothing is configured. In the loop that it will belong to."""
    sources: list[ToolSource] = [Mcp(name, server) for name, server in config.tools.mcp.items()]
    actions = [section.compiled() for section in config.actions] if config.tools.actions else []
    if config.tools.own or actions:
        sources.insert(0, OwnTools(config.tools.own, actions, emit, clock))
    for source in sources:
        source.prepare()
    return Toolbox(config.tools, sources, emit, clock) if sources else None


def announced_as(config: Config) -> str | None:
    """This device's identifier in Home Assistant; None where it is not announced there."""
    announced = config.mqtt.enabled and config.home_assistant.discovery
    return device_id(device_name(config.mqtt.device)) if announced else None
