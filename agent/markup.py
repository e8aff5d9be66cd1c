"""What is never meant for people, however it is sliced: thoughts, calls of tools, control tokens, JSON objects as text.

Stages that take one character at a time, so that the slicing of deltas cannot matter, and hold back only what is
not decidable yet. What the tokens of chat templates mean stands in `agent.tokens`.
"""

from __future__ import annotations

import re

from agent.tokens import LONGEST_HEADER, NAMELESS, ROLES, Token, read_token

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
_THOUGHT = re.compile(r"think|thought|reason|reflect|scratchpad|analysis", re.IGNORECASE)
_MARKERS = {"THINK", "INST", "TOOL_CALLS", "TOOL_RESULTS", "AVAILABLE_TOOLS", "SYSTEM_PROMPT", "ARGS", "CALL_ID"}
_BREAKING = re.compile(r"(?:br|p|div|li|ul|ol|tr|table|h[1-6]|hr)", re.IGNORECASE)
_SPACING = re.compile(r"(?:td|th|break)", re.IGNORECASE)
_LIKE_TAGS = str.maketrans("◁▷", "<>")  # Kimi writes ◁think▷


class Tags:
    """Drops `<tag>`, `<!-- comment -->`, `<|token|>` and `[INST]`; hides what stands inside of `<think>` and its like.

    Hidden elements nest; one that is never closed hides the rest. A closing tag without an opening one is dropped, and
    `thought_before` tells that it was a thought's: some models begin with one that is open already. What merely looks
    like the beginning of a tag ("a < b", "<3") passes. Behind the token that ends a message nothing passes any more:
    it is `over`, and what a model writes then is both sides of a conversation that it makes up.
    """

    def __init__(self, keep: bool = False) -> None:
        """`keep`: tags that hide nothing pass as they are."""
        self._keep = keep
        self._held = ""
        self._hidden: list[str] = []
        self._comment = False
        self._header: str | None = None  # the beginning of a message: whose it is
        self._newline_ends = False  # that header
        self._said = False  # something has passed
        self._struck = False  # <s> of HTML is open, where it cannot be the beginning of it all
        self.over = False
        self.thought_before = False

    @property
    def hiding(self) -> bool:
        return bool(self._hidden) or self._comment

    def push(self, char: str) -> str:
        char = char.translate(_LIKE_TAGS)
        if self.over:
            return ""
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
        token = read_token(tag)
        if token is not None:
            self._obey(token)
            return ""
        found = _NAME.match(tag)
        if tag[0] == "[" and (not found or found[2] not in _MARKERS):
            return self._visible(tag)
        if found is None or self._hides(tag):
            return ""
        if self._keep and tag[0] == "<":
            return self._visible(tag)
        if _BREAKING.fullmatch(found[2]):
            return self._visible("\n")
        return self._visible(" ") if _SPACING.fullmatch(found[2]) else ""

    def _obey(self, token: Token) -> None:
        match token.kind:
            case "end" if token.name == "/s" and self._struck:
                self._struck = False
            case "end" if NAMELESS in self._hidden:
                self._close_hidden(NAMELESS)
            case "end":
                self.over = self.over or self._said
            case "header":
                self._close_hidden(NAMELESS)
                self._header, self._newline_ends = "", token.newline_ends
            case "body":
                self._end_header(token.channel)
            case "open":
                self._hidden.append(token.name)
            case "close":
                self._close_hidden(token.name, _THOUGHT.search(token.name) is not None)
            case _:
                self._struck = self._struck or (token.name == "s" and self._said)

    def _end_header(self, channel: bool) -> None:
        """It is known whose message begins: the assistant's, a thought of it, or somebody else's."""
        header, self._header = (self._header or "").strip().lower(), None
        if channel and header and not header.startswith(("final", *ROLES)):
            self._hidden.append(NAMELESS)
        elif not channel and header and not header.startswith(ROLES):
            self.over = self.over or self._said
            if not self.over:
                self._hidden.append(NAMELESS)

    def _hides(self, tag: str) -> bool:
        """Whether the tag opens or closes a hidden element; if so, note it."""
        found = _NAME.match(tag)
        if found is None or not _HIDING.fullmatch(found[2]) or (tag[0] == "[" and found[2] not in _MARKERS):
            return False
        name = found[2].lower()
        if found[1]:
            self._close_hidden(name, _THOUGHT.search(name) is not None)
        elif not tag.endswith("/>"):
            self._hidden.append(name)
        return True

    def _close_hidden(self, name: str, thought: bool = False) -> None:
        if name in self._hidden:
            while self._hidden.pop() != name:
                pass
        elif thought and not self._hidden:
            self.thought_before = True

    def _visible(self, text: str) -> str:
        if self._header is not None and text:
            line, newline, rest = text.partition("\n") if self._newline_ends else (text, "", "")
            self._header += line
            if newline or len(self._header) > LONGEST_HEADER:
                self._end_header(channel=False)
                return self._visible(rest)
            return ""
        if self._hidden or self.over:
            return ""
        self._said = self._said or bool(text.strip())
        return text


class Escapes:
    """Drops what steers a terminal (ECMA-48, section 5.4): colours of a command's output that a model has copied."""

    def __init__(self) -> None:
        self._state = ""

    def push(self, char: str) -> str:
        match self._state:
            case "\x1b":
                self._state = "[" if char == "[" else ""
            case "[":
                self._state = "" if "@" <= char <= "~" else "["
            case _ if char == "\x1b":
                self._state = char
            case _:
                return char
        return ""

    def flush(self) -> str:
        return ""


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
