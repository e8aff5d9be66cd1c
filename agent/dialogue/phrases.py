"""What the agent says by itself, by language; a language without an entry speaks English.

Keys that name a failure of the LLM are the codes of `agent.events.LlmFailed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_time_format

from agent.dialogue import phrases_actions, phrases_timers

_EN = {
    "time": "It's {time}.",
    "date": "It's {date}.",
    "nothing_to_repeat": "I haven't said anything yet.",
    "volume": "Volume {percent} percent.",
    "muted": "Microphone off.",
    "confirm": "Shall I do this: {words}? Please say yes or no.",
    "none_configured": "I can't answer that, because no language model is configured.",
    "unreachable": "Sorry, I can't reach the language model right now.",
    "home_assistant": "Sorry, Home Assistant has not answered.",
    "auth": "Sorry, the language model refused my key.",
    "rate_limited": "Sorry, the language model is too busy right now.",
    "server_error": "Sorry, the language model has a problem right now.",
    "timeout": "Sorry, the language model takes too long.",
    "bad_reply": "Sorry, I got an answer I could not understand.",
    "cut_off": "Sorry, the answer broke off there.",
    "unspeakable": "Sorry, there was nothing in the answer that I can say aloud.",
    "other_script": "Sorry, the answer came in a language that I cannot speak.",
    "asr_failed": "Sorry, speech recognition isn't working right now.",
    "mic_lost": "Sorry, I lost the microphone.",
    "failed": "Sorry, something went wrong.",
}

_DE = {
    "time": "Es ist {time} Uhr.",
    "date": "Heute ist {date}.",
    "nothing_to_repeat": "Ich habe noch nichts gesagt.",
    "volume": "Lautstärke {percent} Prozent.",
    "muted": "Mikrofon aus.",
    "confirm": "Soll ich das tun: {words}? Bitte sag ja oder nein.",
    "none_configured": "Das kann ich nicht beantworten, es ist kein Sprachmodell eingerichtet.",
    "unreachable": "Entschuldigung, ich erreiche das Sprachmodell gerade nicht.",
    "home_assistant": "Entschuldigung, Home Assistant hat nicht geantwortet.",
    "auth": "Entschuldigung, das Sprachmodell lehnt meinen Schlüssel ab.",
    "rate_limited": "Entschuldigung, das Sprachmodell ist gerade überlastet.",
    "server_error": "Entschuldigung, das Sprachmodell hat gerade ein Problem.",
    "timeout": "Entschuldigung, das Sprachmodell braucht zu lange.",
    "bad_reply": "Entschuldigung, die Antwort war nicht zu verstehen.",
    "cut_off": "Entschuldigung, hier brach die Antwort ab.",
    "unspeakable": "Entschuldigung, an der Antwort war nichts, was ich aussprechen kann.",
    "other_script": "Entschuldigung, die Antwort kam in einer Sprache, die ich nicht sprechen kann.",
    "asr_failed": "Entschuldigung, die Spracherkennung geht gerade nicht.",
    "mic_lost": "Entschuldigung, das Mikrofon ist weg.",
    "failed": "Entschuldigung, da ging etwas schief.",
}

_KO = {
    "time": "지금은 {time}입니다.",
    "date": "오늘은 {date}입니다.",
    "nothing_to_repeat": "아직 아무 말도 하지 않았습니다.",
    "volume": "음량 {percent} 퍼센트.",
    "muted": "마이크를 껐습니다.",
    "confirm": "이렇게 할까요? {words}. 네 또는 아니요로 말해 주세요.",
    "none_configured": "언어 모델이 설정되지 않아 대답할 수 없습니다.",
    "unreachable": "죄송합니다. 지금은 언어 모델에 연결할 수 없습니다.",
    "home_assistant": "죄송합니다. 홈 어시스턴트가 응답하지 않았습니다.",
    "timeout": "죄송합니다. 언어 모델이 너무 오래 걸립니다.",
    "cut_off": "죄송합니다. 대답이 끊어졌습니다.",
    "unspeakable": "죄송합니다. 대답에 소리 내어 말할 수 있는 내용이 없습니다.",
    "other_script": "죄송합니다. 제가 말할 수 없는 언어로 대답이 왔습니다.",
    "asr_failed": "죄송합니다. 지금은 음성 인식이 되지 않습니다.",
    "mic_lost": "죄송합니다. 마이크를 찾을 수 없습니다.",
    "failed": "죄송합니다. 문제가 생겼습니다.",
}

_PHRASES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {**_EN, **phrases_timers.EN, **phrases_actions.EN},
        "de": {**_DE, **phrases_timers.DE, **phrases_actions.DE},
        "ko": {**_KO, **phrases_timers.KO, **phrases_actions.KO},
    }
)


def phrase(language: str, key: str, **values: str | int) -> str:
    """The sentence for `key`; an unknown key is "failed", so that a new failure is never silence."""
    for table in (_PHRASES.get(language[:2], {}), _PHRASES["en"]):
        if key in table:
            return table[key].format(**values)
    return phrase(language, "failed")


def spoken_time(language: str, moment: datetime) -> str:
    """Hour and minute as CLDR writes them for the language, such as "3:45 PM" or "15:45"."""
    locale = locale_of(language)
    pattern = get_time_format("short", locale).pattern
    if "'" not in pattern:
        pattern = pattern.replace("a", "aaaa")  # the long names: Korean's short ones are Latin letters
    return plain(format_time(moment.replace(tzinfo=None), pattern, locale=locale))


def spoken_date(language: str, moment: datetime) -> str:
    """Week day, day and month as CLDR writes them, such as "Monday, November 23, 2026"."""
    return plain(format_date(moment.date(), "full", locale=locale_of(language)))


def locale_of(language: str) -> Locale:
    """English for a language that there is not."""
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")


def plain(text: str) -> str:
    """CLDR joins with no-break spaces, which a voice may stumble over."""
    return " ".join(text.split())
