"""What is never spoken, however it is sliced: tags and what some of them hide, and JSON objects written as text.

Two stages of `agent.speaking.speakable`; a stage takes one character at a time, so that the slicing of deltas cannot
matter, and holds back only what is not decidable yet.
"""

from __future__ import annotations

import re

LONGEST_TAG = 256

# A tag as far as it has come. A second bare word makes it prose: "if a<b then c".
_TAG = re.compile(r"<(?:/?(?:[A-Za-z][\w:.=-]*(?:\s+(?:[\w:.-]+(?:\s*=[^<]*)?)?)?/?)?|[!?|｜][^<]*)?")
_CUT = re.compile(r"<(?:/?[A-Za-z][\w:.=-]*|[/!?|｜].*)", re.DOTALL)
_MARKER = re.compile(r"\[/?[A-Z_]{0,20}")
_NAME = re.compile(r"[<\[](/?)([A-Za-z][\w:.-]*)")
_HIDING = re.compile(
    r"(?:[\w:.-]*(?:think|thought|reason|reflect|scratchpad)[\w:.-]*|analysis|script|style|svg|template|invoke"
    r"|(?:[\w.-]+:)?(?:tool|function)(?:[_-]?(?:code|calls?|use|results?|responses?|outputs?))?)",
    re.IGNORECASE,
)
_MARKERS = {"THINK", "INST", "TOOL_CALLS", "TOOL_RESULTS", "AVAILABLE_TOOLS", "SYSTEM_PROMPT", "ARGS", "CALL_ID"}
_BREAKING = re.compile(r"(?:br|p|div|li|ul|ol|tr|table|h[1-6]|hr)", re.IGNORECASE)
_SPACING = re.compile(r"(?:td|th|break)", re.IGNORECASE)


class Tags:
    """Drops `<tag>`, `<!-- comment -->`, `<|token|>` and `[INST]`; hides what stands inside of `<think>` and its like.

    Hidden elements nest; one that is never closed hides the rest. A closing tag without an opening one is dropped. What
    merely looks like the beginning of a tag ("a < b", "<3") passes.
    """

    def __init__(self) -> None:
        self._held = ""
        self._hidden: list[str] = []
        self._comment = False

    def push(self, char: str) -> str:
        if self._comment:
            self._held = (self._held + char)[-3:]
            if self._held == "-->":
                self._comment, self._held = False, ""
            return ""
        if char in "<[":
            released, self._held = self._held, char
            return self._visible(released)
        if not self._held:
            return self._visible(char)
        return self._hold(char)

    def flush(self) -> str:
        """The beginning of a tag at the very end is a tag cut off: dropped."""
        held, self._held = self._held, ""
        return "" if self._comment or _CUT.fullmatch(held) or self._hides(held) else self._visible(held)

    def _hold(self, char: str) -> str:
        held = self._held + char
        if held == "<!--":
            self._comment, self._held = True, ""
            return ""
        if (char == ">" and held[0] == "<" and _TAG.fullmatch(held[:-1])) or (char == "]" and held[0] == "["):
            self._held = ""
            return self._close(held)
        fits = _TAG if held[0] == "<" else _MARKER
        if fits.fullmatch(held) and len(held) < LONGEST_TAG:
            self._held = held
            return ""
        self._held = ""
        if self._hides(held):  # an endless opening tag opens all the same
            return ""
        return self._visible(held)

    def _close(self, tag: str) -> str:
        found = _NAME.match(tag)
        if tag[0] == "[" and (not found or found[2] not in _MARKERS):
            return self._visible(tag)
        if found is None:
            return ""
        if self._hides(tag):
            return ""
        if _BREAKING.fullmatch(found[2]):
            return self._visible("\n")
        return self._visible(" ") if _SPACING.fullmatch(found[2]) else ""

    def _hides(self, tag: str) -> bool:
        """Whether the tag opens or closes a hidden element; if so, note it."""
        found = _NAME.match(tag)
        if found is None or not _HIDING.fullmatch(found[2]) or (tag[0] == "[" and found[2] not in _MARKERS):
            return False
        name = found[2].lower()
        if not found[1]:
            if not tag.endswith("/>"):
                self._hidden.append(name)
        elif name in self._hidden:
            while self._hidden.pop() != name:
                pass
        return True

    def _visible(self, text: str) -> str:
        return "" if self._hidden else text


class Json:
    """Drops objects such as `{"name": "get_weather", …}`: calls of tools that a model wrote as text.

    An object that is never closed takes the rest with it. Braces with anything but a quoted key inside pass.
    """

    def __init__(self) -> None:
        self._held = ""
        self._depth = 0
        self._quote = ""
        self._escaped = False

    def push(self, char: str) -> str:
        if self._depth:
            self._inside(char)
            return ""
        if not self._held:
            if char != "{":
                return char
            self._held = char
            return ""
        if char in "\"'":
            self._held, self._depth, self._quote = "", 1, char
            return ""
        if char.isspace() and len(self._held) < LONGEST_TAG:
            self._held += char
            return ""
        held, self._held = self._held, ""
        return held + self.push(char)

    def flush(self) -> str:
        held, self._held = self._held, ""
        return held

    def _inside(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif self._quote:
            self._escaped = char == "\\"
            if char == self._quote:
                self._quote = ""
        elif char in "\"'":
            self._quote = char
        elif char in "{}":
            self._depth += 1 if char == "{" else -1
