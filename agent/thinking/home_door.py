"""The way into Home Assistant: one line that is kept open, and what has to be known before anything is asked.

- A line that was silent for a while is tried out before it is trusted, and opened anew where it is dead.
- A token that was refused is not shown again for REFUSED_S: Home Assistant counts such attempts, and may ban us.
- Devices and assistants are listed when a line is opened, and again now and then, but never while somebody waits.
"""

from __future__ import annotations

import asyncio
import logging

from agent.config import LlmProfile
from agent.thinking.address import parse_home
from agent.thinking.failure import Failure
from agent.thinking.home_facts import Assistants, Facts, find_device, read_assistants
from agent.thinking.home_line import CommandRefused, HomeLine, TooBig, dial
from agent.thinking.location import Location, Remote

log = logging.getLogger(__name__)

SILENT_S = 5.0
PONG_S = 1.0
FACTS_S = 600.0
MISSING_S = 60.0  # a device that is not there yet may soon be
REFUSED_S = 60.0
UNKNOWN = "unknown_command"


class HomeDoor:
    """Belongs to one asyncio loop; used by one task at a time."""

    def __init__(self, profile: LlmProfile, device: str | None) -> None:
        """`device`: our identifier in its device registry; None: nobody has announced us there."""
        self._profile = profile
        self._identifier = device
        self._remote = Remote(profile, parse_home)
        self._line: HomeLine | None = None
        self._facts: Facts | None = None
        self._facts_at = 0.0
        self._refused: tuple[str, float] = ("", 0.0)

    @property
    def facts(self) -> Facts:
        return self._facts or Facts()

    async def open(self) -> HomeLine:
        """A line that works, with the facts known. Raises Failure."""
        line = await self._working()
        if self._facts is None:
            try:
                await self._look(line)
            except TooBig as failure:
                log.warning("Home Assistant's list of devices cannot be read: %s; it is not told where we are", failure)
                self._identifier = None
                self.drop()
                return await self.open()
        return line

    async def refresh(self) -> None:
        """List again what may have changed. Raises Failure."""
        line = await self.open()
        age = _now() - self._facts_at
        missing = self._identifier is not None and self.facts.device is None
        if age > (MISSING_S if missing else FACTS_S):
            await self._look(line)

    def forget(self) -> None:
        """What was known proved to be wrong."""
        self._facts = None

    def drop(self) -> None:
        """Close the line at once."""
        line, self._line = self._line, None
        if line:
            line.abort()

    async def close(self) -> None:
        line, self._line = self._line, None
        if line:
            await line.close()

    async def _working(self) -> HomeLine:
        location = await self._remote.locate()
        line = self._line
        if line and _key(location) == _key(line.location) and await self._answers(line):
            return line
        self.drop()
        self._line = await self._opened(location)
        return self._line

    async def _answers(self, line: HomeLine) -> bool:
        if not line.open or _now() - line.heard_at < SILENT_S:
            return line.open
        try:
            async with asyncio.timeout(PONG_S):
                await line.receive(await line.send("ping"))
        except (TimeoutError, Failure, CommandRefused):
            return False
        return True

    async def _opened(self, location: Location) -> HomeLine:
        token, at = self._refused
        if token and token == _key(location) and _now() - at < REFUSED_S:
            raise Failure("auth", "Home Assistant refuses the token")
        line = await dial(location, self._profile.connect_timeout_s)
        try:
            async with asyncio.timeout(self._profile.token_timeout_s):
                await line.authenticate()
        except TimeoutError as error:
            line.abort()
            raise Failure("timeout", "no answer to the token in time") from error
        except BaseException as error:
            line.abort()
            if isinstance(error, Failure) and error.code == "auth":
                self._refused = (_key(location), _now())
            raise
        return line

    async def _look(self, line: HomeLine) -> None:
        device = None
        if self._identifier is not None:
            device = find_device(await _listed(line, "config/device_registry/list"), self._identifier)
        try:
            listing = await line.call("assist_pipeline/pipeline/list")
            assistants: Assistants | None = read_assistants(listing)
        except CommandRefused as refused:
            assistants = None if refused.code == UNKNOWN else Assistants()
        self._facts, self._facts_at = Facts(device, assistants), _now()


async def _listed(line: HomeLine, kind: str) -> object:
    try:
        return await line.call(kind)
    except CommandRefused as refused:
        log.info("Home Assistant does not answer %s: %s", kind, refused)
        return None


def _key(location: Location) -> str:
    return location.key.reveal() if location.key else ""


def _now() -> float:
    return asyncio.get_running_loop().time()
