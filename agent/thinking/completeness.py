"""Whether somebody who has said this much, and is silent now, has finished.

Theory:
- *hanging*: the last word cannot end a sentence (an article, a preposition, a conjunction, "set a timer for"), or is a
  sound of thinking ("um"). Whoever pauses there is looking for a word.
- *complete*: a local command has all that it needs, or a question has its verb and its object, and the recogniser heard
  it end as one. Nothing in the words tells that more comes ("what time is it … in Tokyo"): how sure that is, only a
  bench can say (`bench endpoint`), so what is doubtful stays *open*.
- *asking*: no command, as far as it goes, and nothing that has to go on; `SHORTEST` words or more, for a command may
  begin with fewer. It will be the language model's, and what that is asked can be taken back.
- A number may go on ("twenty … five", "five … minutes", "seven … thirty") whatever it belongs to: open, or hanging
  where a command lacks its unit. So may an hour ("one hour … and ten minutes").
- A single word ("cancel", "stop") is a command, and how longer ones begin: open.
- The last word of a name or a message (`FREE` slots) may always be followed by another.
- A command about timers that has not named one yet may still do so ("how much time is left … on the pasta timer"), and
  an alarm may still get its day: it is complete behind the thing itself or its minutes and seconds, else open.
- In Korean the verb ends the sentence, and its ending tells that it does; particles at the end tell that it does not.

Pure. Word lists are closed classes of a language's grammar, not sentences that somebody may say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.events import Hint
from agent.requests import Intent

FREE = frozenset({"name", "message"})  # slots that hold whatever is said
TIMING = ("timer_", "alarm_", "snooze")  # how the intents of timers and alarms begin
SHORTEST = 4  # words of a question that may be complete, or be asked


@dataclass(frozen=True, slots=True)
class Grammar:
    """Closed word classes of one language.

    `hanging`: cannot end a sentence; `bare`: nor can these word groups, if they are all of it; `numbers`: words that a
    number may go on after; `units`: words after which a smaller unit may follow; `timing`: where a number in the
    sentence needs a unit; `reminding`: where something is missing to be reminded of; `asking`: what questions begin
    with; `stranded`: words that end some questions, though they hang elsewhere; `things`: what ends a command about
    timers and alarms.
    """

    hanging: frozenset[str]
    bare: re.Pattern[str]
    numbers: frozenset[str]
    units: frozenset[str]
    timing: frozenset[str]
    reminding: frozenset[str]
    asking: frozenset[str]
    stranded: frozenset[str] = frozenset()
    things: frozenset[str] = frozenset()


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_EN = Grammar(
    hanging=_set(
        "a an the my your his its our their every each of to for with from at in by about into onto between "
        "under during "
        "without until than as like and or but because if when while which who whose so unless whether also "
        "is are was were am be been do does did can could would will should shall may might must has i we what's it's "
        "there's i'm i'd i'll let's um uh er erm hmm hm mm named called titled very"
    ),
    bare=re.compile(
        r"(please |can you |could you |would you |will you )*"
        r"((turn|switch|put|shut|look|find|pick|call|start|wake|bring) (on|off|up|down|out)|"
        r"(set|start|make|create|add|cancel|stop|delete|remove)( (a|an|the|my))?( new)? "
        r"(timer|alarm|reminder|volume|light|lights)|"
        r"remind me|wake me|tell me|show me|give "
        r"me|play|add|set|turn|switch|make|call|put|start|open|close|how|what|who|"
        r"where|when|why|which|how (much|many|long|far|old|often|big|tall|about)|what (kind|sort|time|day))"
    ),
    numbers=_set(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen "
        "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand half quarter point"
    ),
    units=_set("hour hours day days week weeks"),
    timing=_set("timer timers remind reminder"),
    reminding=_set("remind"),
    asking=_set(
        "what what's whats who who's whos where where's when when's why how how's which whose is are was "
        "were do does did "
        "can could will would should has have"
    ),
    stranded=_set("for from about with like in at to of is are was do does it"),
    things=_set("timer timers alarm alarms reminder reminders minute minutes second seconds"),
)
_DE = Grammar(
    hanging=_set(
        "der die das den dem des ein eine einen einem einer eines kein keine keinen mein meine meinen dein "
        "deine deinen "
        "für in im mit von vom zu zum zur bei beim nach seit bis ohne durch gegen um über unter zwischen wegen als wie "
        "und oder aber weil dass wenn ob denn sondern sowie damit ist sind war waren bin hat habe kann kannst könntest "
        "würdest wird soll muss möchte ich du wir er äh ähm hm mh also namens sehr"
    ),
    bare=re.compile(
        r"(bitte |kannst du |könntest du )*"
        r"((stelle?|setze?|starte?|lösche?|stoppe?)( (einen|den|meinen|die|das))?"
        r"( (timer|wecker|erinnerung|lautstärke|licht)( auf| an| ein)?)?|"
        r"(mach|mache|schalte|dreh|drehe)( (das|den|die) \w+)?|erinner(e)? mich|weck(e)? mich|"
        r"sag mir|sage mir|zeig mir|spiel|spiele|wie|was|wer|wo|wann|warum|"
        r"wie (viel|viele|lange|weit|alt|oft|hoch|groß|spät))"
    ),
    numbers=_set(
        "null ein eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
        "siebzehn achtzehn neunzehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend "
        "halb viertel komma uhr"
    ),
    units=_set("stunde stunden tag tage tagen woche wochen"),
    timing=_set("timer erinnere erinner erinnerung"),
    reminding=_set("erinnere erinner"),
    asking=_set("was wer wo wann warum wie welche welcher welches wessen wohin woher ist sind war hat kann gibt"),
    stranded=_set("das er ist sind war hat kann wird an"),
    things=_set("timer wecker erinnerung erinnerungen minute minuten sekunde sekunden"),
)
_GRAMMARS = {"en": _EN, "de": _DE}

_KO_HANGING = re.compile(
    r"(을|를|에서|에게|한테|부터|까지|으로|로|와|과|하고|의|은|는|고|면|려고|해서|니까|지만|그리고|그래서|음|어|그)$"
)
_KO_NUMBER = re.compile(r"(\d|[일이삼사오육칠팔구십백천]|하나|둘|셋|넷|열|한|두|세|네|스물|서른|시|시간)$")
_KO_COMPLETE = re.compile(r"(까요?|나요|니|어요|아요|예요|이에요|해요|줘요?|주세요|세요|습니까|습니다|려줘|해라)$")


def completeness(text: str, intent: Intent | None, language: str) -> Hint:
    """What the text so far is; `intent`: the local command that it is, if it is one."""
    plain = " ".join(re.sub(r"[^\w'%]+", " ", text.lower().replace("’", "'")).split())
    if not plain:
        return "open"
    if language[:2] == "ko":
        return _korean(plain, intent)
    grammar = _GRAMMARS.get(language[:2])
    if grammar is None:
        if intent is None:
            return _asking(plain)
        return "open" if _ends_freely(plain, intent) else "complete"
    return _inflected(plain, intent, grammar, asked=text.rstrip().endswith("?"))


def _inflected(plain: str, intent: Intent | None, grammar: Grammar, asked: bool) -> Hint:
    words = plain.split()
    last = words[-1]
    number = last in grammar.numbers or last[-1].isdigit()
    if intent is not None:
        if "message" not in intent.slots and not grammar.reminding.isdisjoint(words):
            return "hanging"
        doubtful = number or last in grammar.units or len(words) == 1 or _ends_freely(plain, intent)
        longer = intent.name.startswith(TIMING) and last not in grammar.things
        return "open" if doubtful or longer else "complete"
    question = words[0] in grammar.asking
    if grammar.bare.fullmatch(plain) or (number and not grammar.timing.isdisjoint(words)):
        return "hanging"
    if last in grammar.hanging and not (question and asked and last in grammar.stranded):
        return "hanging"
    if question and asked and len(words) >= SHORTEST and last not in grammar.hanging and not number:
        return "complete"
    return _asking(plain)


def _asking(plain: str) -> Hint:
    return "asking" if len(plain.split()) >= SHORTEST else "open"


def _korean(plain: str, intent: Intent | None) -> Hint:
    last = plain.split()[-1]
    if intent is not None:
        return "open" if plain == last or _KO_NUMBER.search(last) or _ends_freely(plain, intent) else "complete"
    if _KO_COMPLETE.search(last):
        return "complete"
    return "hanging" if _KO_HANGING.search(last) else _asking(plain)


def _ends_freely(plain: str, intent: Intent) -> bool:
    """Whether the last words are somebody's own, which may go on."""
    own = (str(intent.slots[name]).lower() for name in FREE & intent.slots.keys())
    return any(plain.endswith(words) for words in own)
