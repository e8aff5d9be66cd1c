"""Servers on bigger machines that are there, away, of no use and slow."""

from __future__ import annotations

import sick_wyoming as sick
from sick_wyoming import SickWyoming, closed_port

from agent.config import AsrSection, Config, Tts
from agent.doctor import wyoming
from agent.doctor.context import Context
from agent.doctor.engines import here
from agent.doctor.finding import Finding


def examined(asr: str | None = None, tts: str | None = None, **more: int) -> list[Finding]:
    config = Config(asr=AsrSection(wyoming=asr, **more), tts=Tts(wyoming=tts))  # type: ignore[arg-type]
    found = list(wyoming.examine(Context(config, False, lambda text: None)))
    assert all(each.severity in ("ok", "info") or each.remedy for each in found)
    return found


def test_there_is_nothing_to_look_at() -> None:
    (found,) = examined()
    assert found.severity == "info"


def test_both_do_their_work() -> None:
    with SickWyoming(sick.writes("")) as asr, SickWyoming(sick.sounds(0.2)) as tts:
        heard, spoken = examined(asr.uri, tts.uri)
    assert (heard.severity, heard.figures["program"]) == ("ok", "sick-asr")
    assert (spoken.severity, spoken.figures["program"]) == ("ok", "sick-tts")
    assert asr.work[0].sound
    assert tts.work[0].asked.data["text"] == "Okay."


def test_one_is_away_and_one_is_of_no_use() -> None:
    with SickWyoming(info=sick.offers(voices=("yuna:ko",))) as tts:
        heard, spoken = examined(f"tcp://127.0.0.1:{closed_port()}", tts.uri)
    assert (heard.severity, spoken.severity) == ("warning", "warning")
    assert "refused" in heard.detail
    assert 'no voice for "en"' in spoken.detail
    assert "asr.wyoming" in heard.remedy


def test_one_is_too_slow() -> None:
    with SickWyoming(sick.writes("", after_s=2.0)) as asr:
        (found,) = examined(asr.uri, wyoming_wait_ms=300)
    assert 'no "transcript" in time' in found.detail


def test_the_engines_of_this_device_are_measured_without_them() -> None:
    config = Config(asr=AsrSection(wyoming="tcp://a:1"), tts=Tts(wyoming="tcp://a:2", wyoming_voice="x"))
    assert here(config) == Config()
