"""Who answers: the personas of this device, each known by a wake word of its own.

Rules:
- "" is the persona of the section [persona], and everybody else's name is that of [personas.NAME].
- A wake word that belongs to nobody, a button, a command that names nobody: `use` answers. What waits to be announced
  is said by `use`, too, unless its sender names somebody.
- A follow-up stays with whom one talks, and "say that again" is said by whom it was said.
- The past is each persona's own. Their prompts, languages and models differ: a model that reads what somebody else
  answered takes over the other's manner, and what was entrusted to a model in the house must not be sent to another one
  in the cloud, only because the next question was for that one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.requests import DEFAULT_PERSONA, own


@dataclass(frozen=True, slots=True)
class Cast:
    """`languages`: of all but ""; `words`: wake word -> whose it is."""

    use: str = ""
    languages: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def woken(self, word: str) -> str:
        """Whom this wake word is meant for."""
        return self.words.get(word, self.use)

    def named(self, persona: str | None) -> str:
        """Whom a command is meant for; one that is not there is as if nobody was named (see `unknown`)."""
        return self.use if persona is None or self.unknown(persona) else own(persona)

    def unknown(self, persona: str | None) -> bool:
        return persona not in (None, DEFAULT_PERSONA) and persona not in self.languages

    @property
    def all(self) -> tuple[str, ...]:
        return (DEFAULT_PERSONA, *self.languages)
