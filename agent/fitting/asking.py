"""Questions and answers: by a person at a terminal, or out of a file for operators.

Every question has a default, which Enter takes. Ctrl-C is nobody's business here: it goes all the way up.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from rich.console import Console
from rich.text import Text

from agent.fitting import screen

Check = Callable[[str], str]
WayOn = Literal["again", "change", "leave"]


class Trouble(Exception):
    """A check failed and nobody is there to decide; str() says what, and what helps."""


class Asker(Protocol):
    """`person`: somebody is there, who hears, speaks and decides."""

    person: bool
    console: Console

    def text(self, question: str, default: str, check: Check = lambda text: "") -> str:
        """`check`: "" or what is wrong with an answer."""
        ...

    def secret(self, question: str) -> str:
        """ "" where Enter was pressed."""
        ...

    def choose(self, question: str, rows: Sequence[tuple[str, str]], default: int) -> int:
        """One of numbered rows (name, meaning); index and default from 0."""
        ...

    def yes(self, question: str, default: bool) -> bool: ...

    def key(self, question: str, keys: str, default: str) -> str:
        """One of some letters."""
        ...

    def way_on(self, complaint: str, remedy: str) -> WayOn:
        """Something does not work: what now? Raises Trouble where nobody can tell."""
        ...


class Person:
    """At a terminal."""

    person = True

    def __init__(self, console: Console) -> None:
        self.console = console

    def text(self, question: str, default: str, check: Check = lambda text: "") -> str:
        while True:
            shown = f" [{default}]" if default else ""
            answer = self._input(Text.assemble(" ", question, (shown, "bold cyan"), ": ")).strip() or default
            if not (wrong := check(answer)):
                return answer
            self.console.print(screen.bad(wrong))

    def secret(self, question: str) -> str:
        # It stops the echo before it asks, and rich's own prompt after: what is typed in between would be seen.
        return getpass.getpass(f" {question}: ").strip()

    def choose(self, question: str, rows: Sequence[tuple[str, str]], default: int) -> int:
        self.console.print("", screen.options(rows, default + 1), sep="\n")
        allowed = [str(number) for number in range(1, len(rows) + 1)]
        wrong = f"a number from 1 to {len(rows)}"
        return int(self.text(question, str(default + 1), lambda text: "" if text in allowed else wrong)) - 1

    def yes(self, question: str, default: bool) -> bool:
        return self.key(question, "yn", "y" if default else "n") == "y"

    def key(self, question: str, keys: str, default: str) -> str:
        shown = "/".join(letter.upper() if letter == default else letter for letter in keys)
        while True:
            answer = self._input(Text.assemble(" ", question, (f" [{shown}]", "bold cyan"), " ")).strip().lower()
            if not answer:
                return default
            if answer[0] in keys:
                return answer[0]

    def way_on(self, complaint: str, remedy: str) -> WayOn:
        self.console.print(screen.bad(complaint))
        if remedy:
            self.console.print(screen.hint(remedy))
        ways: tuple[WayOn, ...] = ("again", "change", "leave")
        rows = [("try again", "as it is"), ("change the answers", ""), ("go on", "as it is, it can be put right later")]
        return ways[self.choose("What now?", rows, 1)]

    def _input(self, prompt: Text) -> str:
        return self.console.input(prompt)


class Prepared:
    """Nobody is there: every question has its default, which a file of answers may have changed."""

    person = False

    def __init__(self, console: Console) -> None:
        self.console = console

    def text(self, question: str, default: str, check: Check = lambda text: "") -> str:
        if wrong := check(default):
            raise Trouble(f"{question}: {wrong}")
        return default

    def secret(self, question: str) -> str:
        return ""

    def choose(self, question: str, rows: Sequence[tuple[str, str]], default: int) -> int:
        return default

    def yes(self, question: str, default: bool) -> bool:
        return default

    def key(self, question: str, keys: str, default: str) -> str:
        return default

    def way_on(self, complaint: str, remedy: str) -> WayOn:
        raise Trouble(f"{complaint}; {remedy}" if remedy else complaint)
