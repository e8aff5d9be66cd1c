"""The script of the demo: who says what to the agent, and what has to come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.commands import Outcome
from agent.lab.resident import Value
from agent.lab.visitor import KOREAN, Utterance, Voice, say, voice

Kind = Literal["local", "open", "silence"]
WAKE = "hey jarvis"


@dataclass(frozen=True, slots=True)
class Scene:
    """One turn. `gap_s` None: wake word and sentence in one breath.

    `kind` local: answered without the language model, exactly as meant (`intent`); open: by the language model, and
    the words count for the word error rate. `cuts_in`: spoken while the agent answers the turn before; `rings`: while a
    timer rings; `wordless`: answered by a sound alone; `sends`: topic and payload that another device is to get;
    `sick`: nobody is there to whom the language model's address leads.
    """

    title: str
    kind: Kind
    voice: Voice
    text: str = ""
    gap_s: float | None = 0.45
    intent: str | None = None
    cuts_in: bool = False
    outcome: Outcome = "answered"
    waker: Voice | None = None  # None: the same voice
    rings: bool = False
    wordless: bool = False
    sends: tuple[str, object] | None = None
    sick: bool = False

    def said(self) -> Utterance:
        """The visitor's words. Raises PackagesMissing, VoiceFailed."""
        wake = say(WAKE, self.waker or self.voice)
        if not self.text:
            return wake
        if self.gap_s is None:
            return say(f"{WAKE} {self.text}", self.voice)
        return wake.then(say(self.text, self.voice), self.gap_s)

    def prompt(self) -> str:
        """What a person at a real microphone is asked to do."""
        if not self.text:
            return f'say only "{WAKE}", then nothing'
        when = "while it still speaks, say" if self.cuts_in else "when it rings, say" if self.rings else "say"
        return f'{when} "{WAKE}{"," if self.gap_s else ""} {self.text}"'


SLT, RMS, KAL = voice("flite slt"), voice("flite rms"), voice("festival kal_diphone")
HTS = voice("festival cmu_us_slt_arctic_hts")

HOME = "home"  # where the devices of the house listen
LIGHT: dict[str, Value] = {
    "name": "light",
    "sentences": ["turn {state:on|off} [the] {room} light"],
    "slots": {"room": {"kitchen": "kitchen", "hall": "hall"}},
    "topic": f"{HOME}/{{room}}/light/set",
    "payload": {"state": "{state}"},
    "reply": "The {room} light is {state}.",
}

ENGLISH: tuple[Scene, ...] = (
    Scene("a local question", "local", RMS, "what time is it", intent="time"),
    Scene("a question for the language model", "open", HTS, "tell me a fun fact about penguins"),
    Scene("one breath, without a pause", "local", SLT, "what time is it", gap_s=None, intent="time"),
    Scene("a long answer", "open", HTS, "tell me a long story about the sea", outcome="interrupted"),
    Scene("cutting in with the wake word", "local", KAL, "what day is it", intent="date", cuts_in=True),
    Scene("an open question", "open", SLT, "what is the capital of france"),
    Scene("a timer with a name", "local", HTS, "set an egg timer for five seconds", intent="timer_set"),
    Scene("it rings, and is stopped", "local", KAL, "stop", intent="stop", rings=True, wordless=True),
    Scene(
        "an action of one's own",
        "local",
        HTS,
        "turn on the kitchen light",
        intent="action",
        sends=("kitchen/light/set", {"state": "on"}),
    ),
    Scene("a language model that is away", "open", HTS, "how far is the moon", outcome="failed", sick=True),
    Scene("silence after the wake word", "silence", RMS, outcome="silence"),
)

# Sentences that Vosk, restricted to the commands, hears right from espeak-ng's Korean voice; of others it does not.
_SHORT_S = 0.3
KOREAN_SCENES: tuple[Scene, ...] = (
    Scene("a local question", "local", KOREAN, "지금 몇 시", _SHORT_S, intent="time", waker=RMS),
    Scene("the day", "local", KOREAN, "오늘 무슨 요일", _SHORT_S, intent="date", waker=HTS),
    Scene("say it again", "local", KOREAN, "뭐라고 했어", _SHORT_S, intent="repeat", waker=RMS),
    Scene("cut short", "local", KOREAN, "오늘 며칠", _SHORT_S, intent="date", waker=SLT, outcome="interrupted"),
    Scene("cutting in with the wake word", "local", KOREAN, "더 크게", _SHORT_S, "volume_up", True, waker=KAL),
    Scene("and again", "local", KOREAN, "뭐라고 했어", _SHORT_S, intent="repeat", waker=HTS),
    Scene("silence after the wake word", "silence", RMS, outcome="silence"),
)


def scenes(language: str) -> tuple[Scene, ...]:
    """The script in this language; there is one in English and one in Korean. Raises KeyError."""
    return {"en": ENGLISH, "ko": KOREAN_SCENES}[language.split("-", maxsplit=1)[0]]
