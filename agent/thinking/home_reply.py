"""What Home Assistant tells of one run of a pipeline, event by event, and the text in it.

After https://developers.home-assistant.io/docs/voice/pipelines: `run-start`, `intent-start`, any number of
`intent-progress`, `intent-end`, `run-end`; or `error`, then `run-end`. `intent-end` is the end here. As it really is:
- A language model's words come as `intent-progress` with a `chat_log_delta`: `role` begins a message, then pieces of
  `content`, thoughts, tool calls, and their results as messages of role "tool_result". Home Assistant's own agent sends
  none of these, only the finished sentence in `intent-end`.
- `intent-end` repeats the last message as a whole. What it says of an error is a sentence for people.
- An action may be done without a word; then something has to be said all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agent.thinking.answerer import Unanswered
from agent.thinking.failure import Code, Failure
from agent.thinking.reply import MAX_BAD, MAX_TEXT, error_text, sound
from agent.thinking.written import Written

ACKNOWLEDGED = "OK."  # as every voice says it in every language
# Of a response of type "error": nothing was done. It finds a command with no target ("no climate in this room") in many
# an open question, and therefore lets a language model of its own try then, too.
IGNORANT = ("no_intent_match", "no_valid_targets", "unknown")
ERRORS: Mapping[str, Code] = {"timeout": "timeout"}


class HomeReply:
    """Messages about one run -> pieces of the reply's text. Incremental; see `agent.thinking.request.Reading`.

    `conversation`: its id, once known; `acted`: a tool was called; `unanswered`: it does not know, and says this.
    """

    def __init__(self, hide: Callable[[str], str] = str, language: str = "") -> None:
        """`hide` takes secrets out of what the server says about an error. `language`: to be answered in."""
        self._hide = hide
        self._written = Written(language)
        self._said = ""  # of the message that is being written
        self._assistant = True
        self._size = 0
        self._bad = 0
        self.done = False
        self.finish = ""
        self.progress = False
        self.working = False
        self.taken_back = False
        self.acted = False
        self.conversation = ""
        self.failure: Failure | None = None
        self.unanswered: Unanswered | None = None

    @property
    def begun(self) -> bool:
        return self._written.begun

    def feed(self, event: object) -> list[str]:
        """One event of the run."""
        self.progress = self.taken_back = False
        match event:
            case _ if self.done or self.failure:
                return []
            case {"type": "intent-progress", "data": {"chat_log_delta": dict(delta)}}:
                return self._delta(delta)
            case {"type": "intent-end", "data": {"intent_output": dict(output)}}:
                return self.whole(output)
            case {"type": "error", "data": dict(error)}:
                self._fail(ERRORS.get(str(error.get("code")), "server_error"), error_text(error) or "unknown error")
            case {"type": "run-end"}:
                self.done = True
            case {"type": str(kind)} if kind not in ("intent-end", "error"):
                pass  # what this version does not know, or does not need
            case _:
                self.nonsense()
        return []

    def nonsense(self) -> None:
        """One more message that is none; a few are passed over."""
        self._bad += 1
        if self._bad > MAX_BAD:
            self._fail("bad_reply", f"{self._bad} messages that are none")

    def whole(self, output: Mapping[str, Any]) -> list[str]:
        """The result of a conversation, at the end of a run or without one."""
        response = output.get("response")
        if not isinstance(response, dict):
            self._fail("bad_reply", "a result without a response")
            return []
        self.conversation = _text(output.get("conversation_id")) or self.conversation
        self.finish = _text(response.get("response_type")) or "end"
        self.done, self.working = True, False
        speech = _speech(response).strip()
        if self._size:
            said = self._said.strip()
            rest = self._write(speech.removeprefix(said)) if speech.startswith(said) else []
            return rest + self._answer(self._written.flush())
        if not self._ignorant(response):
            return self._write(speech or ACKNOWLEDGED) + self._answer(self._written.flush())
        if 0 < len(speech) <= MAX_TEXT:
            self.unanswered = Unanswered(sound(speech))
        else:
            self._fail("bad_reply", "no answer, and nothing to say about it")
        return []

    def _ignorant(self, response: Mapping[str, Any]) -> bool:
        data = response.get("data")
        code = data.get("code") if isinstance(data, dict) else None
        return self.finish == "error" and code in IGNORANT and not self.acted

    def _delta(self, delta: Mapping[str, Any]) -> list[str]:
        role, content = delta.get("role"), delta.get("content")
        if role is not None:
            self._assistant = role == "assistant"
            self._said = ""
            self.working = False
        if not self._assistant:
            self.progress = True  # a tool has told its result
            return []
        if content is not None and not isinstance(content, str):
            self.nonsense()
            return []
        if delta.get("tool_calls"):
            self.acted = self.working = True
        self.progress = bool(content or delta.get("tool_calls") or delta.get("thinking_content"))
        return self._write(content or "")

    def _write(self, text: str) -> list[str]:
        text = sound(text)
        if not self._said:
            text = text.lstrip()
        if not text:
            return []
        if self._size and not self._said:
            text = f" {text}"  # another message before this one was not empty
        self._size += len(text.encode())
        if self._size > MAX_TEXT:
            self._fail("bad_reply", f"a reply of more than {MAX_TEXT} bytes")
            return []
        self._said += text
        return self._answer(self._written.feed(text))

    def _answer(self, text: str) -> list[str]:
        self.taken_back = self.taken_back or self._written.taken_back
        if self._written.foreign:
            self._fail("other_script", "an answer in letters that the language is not written in")
        return [text] if text else []

    def _fail(self, code: Code, detail: str) -> None:
        """The first one counts."""
        if self.failure is None:
            self.failure = Failure(code, self._hide(detail), acted=self.acted)


def _speech(response: Mapping[str, Any]) -> str:
    match response.get("speech"):
        case {"plain": {"speech": str(text)}}:
            return text
        case _:
            return ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
