"""A profile of kind "home_assistant": the conversation of Home Assistant, with all that it can do in the home.

- The question goes through one of its assistants (a pipeline, from intent to intent), together with the id of our
  device, so that it knows what "here" is. Where it has no pipelines, its conversation is asked directly, and "here"
  means nothing.
- One more try is made as long as the question has not been sent; never after that, since it may have acted on it.
- The id of the conversation is kept, for each persona, as long as ours lasts; its past and its prompt are its own.
- A question that is given up closes the line, which makes Home Assistant give it up, too.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass

from agent.clock import Clock
from agent.config import LlmProfile
from agent.thinking.answerer import OnText, Question
from agent.thinking.failure import Failure
from agent.thinking.home_door import UNKNOWN, HomeDoor
from agent.thinking.home_facts import AGENT_PREFIX, Facts, choose
from agent.thinking.home_line import CommandRefused, HomeLine
from agent.thinking.home_reply import HomeReply
from agent.thinking.memory import QUESTION_CHARS
from agent.thinking.request import Request, Warmth

log = logging.getLogger(__name__)

NOT_FOUND = "pipeline-not-found"


@dataclass(frozen=True, slots=True)
class Errand:
    """One question on its way. `past`: the id of its conversation, as a field of a command, if there is one."""

    line: HomeLine
    request: Request
    reply: HomeReply
    text: str
    language: str
    past: dict[str, str]


class Home:
    """Belongs to one asyncio loop. `close` it there."""

    def __init__(self, name: str, profile: LlmProfile, device: str | None, history_s: float, clock: Clock) -> None:
        """`device`: our identifier in its device registry, if we are announced there (`agent.identity.device_id`)."""
        self.name = name
        self._profile = profile
        self._door = HomeDoor(profile, device)
        self._history_s = history_s
        self._clock = clock
        self._warmth = Warmth()
        self._busy = asyncio.Lock()  # the line serves one at a time
        self._conversations: dict[str, tuple[str, float]] = {}

    @property
    def facts(self) -> Facts:
        """What is known of it since it was last reached."""
        return self._door.facts

    async def ask(self, question: Question, on_text: OnText) -> None:
        """One reply, piece by piece. Returns at its end; raises Failure, Unanswered; can be cancelled at any time."""
        request = Request(self._profile, self._warmth.cold, on_text)
        try:
            async with request.deadline(), self._busy:
                reply = await self._kept(request, question)
        except Failure as failure:
            if failure.code == "timeout":
                self._warmth.warmed()  # it had its time to load
            if failure.code == "cut_off" and not request.begun:
                raise Failure("unreachable", failure.detail, acted=failure.acted) from failure
            raise
        self._warmth.warmed()
        if reply.unanswered:
            raise reply.unanswered

    async def reach(self) -> None:
        """Open the line, or try it out; see what has changed. Raises Failure."""
        if self._busy.locked():
            return  # somebody is talking to it
        limit_s = self._profile.connect_timeout_s + self._profile.token_timeout_s
        async with self._busy:
            try:
                async with asyncio.timeout(limit_s):
                    await self._door.refresh()
                if self.facts.assistants:
                    choose(self.facts.assistants, self._profile.agent, "")
            except TimeoutError as error:
                self._door.drop()
                raise Failure("timeout", "no answer in time") from error
            except BaseException:
                self._door.drop()
                raise

    async def close(self) -> None:
        await self._door.close()

    async def _kept(self, request: Request, question: Question) -> HomeReply:
        """The line is good for another question only where this one came to its end."""
        try:
            line = await self._opened(request)
            reply = await self._converse(line, request, question)
        except BaseException:
            self._door.drop()
            raise
        if reply.conversation:
            self._conversations[question.persona] = (reply.conversation, self._clock().mono)
        return reply

    async def _opened(self, request: Request) -> HomeLine:
        try:
            return await self._door.open()
        except Failure as failure:
            if failure.again_in is None or not request.permits(failure.again_in):
                raise
            log.info("%s: %s, once more in %.1f s", self.name, failure.detail, failure.again_in)
            await asyncio.sleep(failure.again_in)
        return await self._door.open()

    async def _converse(self, line: HomeLine, request: Request, question: Question) -> HomeReply:
        reply = HomeReply(line.hide, question.language)
        past = self._conversation(question.persona)
        errand = Errand(line, request, reply, question.text[:QUESTION_CHARS], question.language, past)
        if not await self._through_assistant(errand):
            await self._directly(errand)
        if not reply.begun and not reply.unanswered:
            raise Failure("bad_reply", "an empty reply", acted=reply.acted)
        return reply

    def _conversation(self, persona: str) -> dict[str, str]:
        """The id of a conversation that still lasts, as a field of a command."""
        conversation, at = self._conversations.get(persona, ("", 0.0))
        lasts = conversation and self._clock().mono - at <= self._history_s
        return {"conversation_id": conversation} if lasts else {}

    async def _through_assistant(self, errand: Errand) -> bool:
        """False where there is no such thing."""
        if self.facts.assistants is None:
            return False
        line, reply = errand.line, errand.reply
        pipeline = choose(self.facts.assistants, self._profile.agent, errand.language)
        where = {"pipeline": pipeline, "device_id": self.facts.device.id if self.facts.device else None}
        fields = {key: value for key, value in where.items() if value is not None}
        stages = {"start_stage": "intent", "end_stage": "intent", "timeout": math.ceil(self._profile.total_timeout_s)}
        asked = {"input": {"text": errand.text}, **fields, **errand.past}
        number = await line.send("assist_pipeline/run", **stages, **asked)
        try:
            while not reply.done:
                message = await _heard(line, number, reply)
                if message.get("type") == "event":
                    errand.request.hand_out(reply, reply.feed(message.get("event")))
        except CommandRefused as refused:
            if refused.code not in (UNKNOWN, NOT_FOUND):
                raise _failure(refused) from refused
            self._door.forget()
            return False
        return True

    async def _directly(self, errand: Errand) -> None:
        """Without streaming, and without the device."""
        agent = self._profile.agent or ""
        fields = {"agent_id": agent} if agent.startswith(AGENT_PREFIX) else {}
        asked = {"text": errand.text, "language": errand.language, **fields, **errand.past}
        try:
            result = await errand.line.call("conversation/process", **asked)
        except CommandRefused as refused:
            raise _failure(refused) from refused
        errand.request.hand_out(errand.reply, errand.reply.whole(result if isinstance(result, dict) else {}))


async def _heard(line: HomeLine, number: int, reply: HomeReply) -> dict[str, object]:
    """Raises Failure, which then knows whether something has been done."""
    try:
        return await line.receive(number)
    except Failure as failure:
        raise Failure(failure.code, failure.detail, acted=reply.acted) from failure


def _failure(refused: CommandRefused) -> Failure:
    if refused.code == "unauthorized":
        return Failure("auth", f"the token may not do this: {refused}")
    return Failure("server_error", f"{refused.code}: {refused}")
