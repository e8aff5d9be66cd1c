"""This device as a satellite of Home Assistant's: can it listen where it is to, who may come, and is it found?

It is asked for where the running service serves it; where nobody answers, its port is tried.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import time
from collections.abc import Iterator

from agent.config import WyomingSection
from agent.doctor import announced, report
from agent.doctor.context import Context
from agent.doctor.finding import Finding
from agent.identity import device_name
from agent.wyoming.connection import Address, Connection, Lost
from agent.wyoming.messages import Message

ANSWER_S = 5.0
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
MANY = 4096  # addresses: more than a home has
WHO = "sudo ss -ltnp shows who listens where; or choose another wyoming.port"


def examine(context: Context) -> Iterator[Finding]:
    config = context.config.wyoming
    if not config.enabled:
        yield Finding("satellite", "info", "satellite", "switched off by wyoming.enabled")
        return
    yield _answers(config)
    yield _allowed(config)
    context.say("the network is asked for it")
    yield announced.look(config, device_name(context.config.mqtt.device))
    context.say(f"port {config.port} is asked")
    yield _port(config)


def _answers(config: WyomingSection) -> Finding:
    if config.listened_to:
        shown = "what is said goes to Home Assistant while it is connected, and it answers"
    else:
        shown = "the agent; Home Assistant only announces and rings its timers here"
    return Finding("satellite", "info", "who answers", shown)


def _allowed(config: WyomingSection) -> Finding:
    if not config.allow:
        return Finding("satellite", "info", "who may connect", "whatever runs on this machine, and nobody else")
    shown = f"{', '.join(config.allow)}; the protocol knows no password"
    wide = [each for each in config.allow if ipaddress.ip_network(each, strict=False).num_addresses > MANY]
    if wide:
        remedy = 'name Home Assistant\'s address alone: wyoming.allow = ["192.168.1.5"]'
        return Finding("satellite", "warning", "who may connect", f"{shown}, and {wide[0]} are many", remedy)
    return Finding("satellite", "ok", "who may connect", shown)


def _port(config: WyomingSection) -> Finding:
    """Does it answer, and if not: could it?"""
    began = time.monotonic()
    try:
        name = _asked(config)
    except Lost as error:
        if "refused" in str(error):
            return _free(config)
        # It does not even talk with its own device, where that is not on the list.
        if config.allow and report.running() is not None:
            return Finding("satellite", "ok", "port", f"{config.port} is served; it lets in who is allowed alone")
        return _somebody(config, str(error))
    if name is None:
        return _somebody(config, "it is no satellite")
    took_ms = round((time.monotonic() - began) * 1000)
    return Finding("satellite", "ok", "port", f"{name} answers at {config.port} in {took_ms} ms", "", {"ms": took_ms})


def _asked(config: WyomingSection) -> str | None:
    """By which name it answers; None where it answers otherwise. Raises Lost."""
    connection = Connection(_where(config))
    try:
        connection.send(Message("describe"))
        until = time.monotonic() + ANSWER_S
        while time.monotonic() < until:
            connection.wait(until)
            for message in connection.receive():
                about = message.data.get("satellite")
                return str(about.get("name")) if message.type == "info" and isinstance(about, dict) else None
        raise Lost(f"no answer within {ANSWER_S:g} s")
    finally:
        connection.close()


def _where(config: WyomingSection) -> Address:
    host = ANYWHERE.get(config.address, config.address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return Address(family, (host, config.port))


def _somebody(config: WyomingSection, why: str) -> Finding:
    shown = f"what listens at {config.port} does not answer as it should: {why}"
    return Finding("satellite", "failure", "port", shown, WHO)


def _free(config: WyomingSection) -> Finding:
    """Nobody listens there; may we?"""
    if report.running() is not None:
        remedy = "journalctl -u voice-agent VOICE_AGENT_CODE=satellite.failed; a new configuration is read by a reload"
        return Finding("satellite", "failure", "port", f"the service runs, and nobody answers at {config.port}", remedy)
    family = socket.AF_INET6 if ":" in config.address else socket.AF_INET
    try:
        socket.create_server((config.address, config.port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            remedy = "ip address shows those there are; 0.0.0.0 is all of them"
            return Finding("satellite", "failure", "port", f"{config.address} is no address of this machine", remedy)
        return Finding("satellite", "failure", "port", f"{config.port}: {error.strerror}", WHO)
    return Finding("satellite", "ok", "port", f"{config.port} is free; the service does not run")
