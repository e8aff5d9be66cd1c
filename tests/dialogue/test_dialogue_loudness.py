"""Volume: an announcement's own, the night's, and who has the last word."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from scripts import Script, has, only

from agent.commands import Command, Earcon, Hush, SetVolume, ShowSetting, Speak
from agent.dialogue.quiet import Hours
from agent.dialogue.rules import Rules
from agent.dialogue.state import State
from agent.events import DeadlinePassed, Event, Health, SpeechDone, SpeechFailed
from agent.requests import Intent, SayRequest, SettingRequest, StopRequest, VolumeRequest

NIGHT = Hours(time(22), time(7))
NOW_QUIET = Rules(quiet=Hours(time(15), time(16)), night_volume=20)  # a script begins at 15:45


def sounds(commands: list[Command]) -> list[Command]:
    """What the mouth is told, in order."""
    return [command for command in commands if isinstance(command, SetVolume | Speak | Hush | Earcon)]


@pytest.mark.parametrize(
    ("clock", "inside"),
    [("21:59:59", False), ("22:00", True), ("23:59:59", True), ("00:00", True), ("06:59:59", True), ("07:00", False)],
)
def test_quiet_hours_over_midnight(clock: str, inside: bool) -> None:
    assert NIGHT.contain(datetime.combine(datetime(2026, 11, 26), time.fromisoformat(clock), UTC)) is inside


def test_quiet_hours_within_a_day() -> None:
    noon = Hours(time(13), time(14, 30))
    hours = [hour for hour in range(24) if noon.contain(datetime(2026, 11, 26, hour, tzinfo=UTC))]
    assert hours == [13, 14]


@pytest.mark.parametrize(
    ("day", "length_h"), [(datetime(2026, 3, 28), 8), (datetime(2026, 10, 24), 10), (datetime(2026, 11, 26), 9)]
)
def test_the_clock_on_the_wall_decides_when_it_is_put_forward_and_back(day: datetime, length_h: int) -> None:
    """From 22:00 to 7:00 there are eight hours on one night of the year and ten on another."""
    noon = day.replace(hour=12, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    moments = [(noon + timedelta(minutes=n)).astimezone(ZoneInfo("Europe/Berlin")) for n in range(24 * 60)]
    assert sum(NIGHT.contain(moment) for moment in moments) == length_h * 60


def test_an_announcement_has_its_own_volume_and_leaves_the_setting_as_it_was() -> None:
    script = Script()
    commands = script.request(SayRequest("Fire!", volume_percent=95))
    assert sounds(commands) == [SetVolume(95), Speak(1, "Fire!", last=True)]
    assert not has(ShowSetting, commands)
    assert sounds(script.play(SpeechDone(script.at, 1, "Fire!"))) == [SetVolume(70)]
    assert script.state.volume == 70


def test_one_after_the_other_each_at_its_own() -> None:
    script = Script()
    script.request(SayRequest("one", volume_percent=95))
    script.request(SayRequest("two"))
    script.request(SayRequest("three", volume_percent=10))
    assert sounds(script.play(SpeechDone(script.at, 1, "one"))) == [SetVolume(70), Speak(2, "two", last=True)]
    assert sounds(script.play(SpeechDone(script.at, 2, "two"))) == [SetVolume(10), Speak(3, "three", last=True)]
    assert sounds(script.play(SpeechDone(script.at, 3, "three"))) == [SetVolume(70)]


@pytest.mark.parametrize("how", ["heard", "failed", "stopped", "woken", "alarm", "lost"])
def test_however_it_ends_the_volume_is_restored(how: str) -> None:
    """And not before the softer or louder one has been hushed."""
    script = Script()
    script.request(SayRequest("Psst.", volume_percent=5))
    ends: dict[str, Event] = {
        "heard": SpeechDone(script.at, 1, "Psst."),
        "failed": SpeechFailed(script.at, 1, "unplugged"),
    }
    match how:
        case "stopped":
            commands = script.request(StopRequest())
        case "woken":
            commands = script.wake()
        case "alarm":
            commands = script.request(SayRequest("Fire!", "high"))
        case "lost":
            commands = script.wait()  # the mouth has not told anything for too long
        case _:
            commands = script.play(ends[how])
    told = sounds(commands)
    hush = [n for n, command in enumerate(told) if isinstance(command, Hush)]
    assert only(SetVolume, commands) == SetVolume(70)
    assert all(n < told.index(SetVolume(70)) for n in hush)
    assert hush or how == "heard"
    assert script.state.told == 70


def test_who_sets_the_volume_meanwhile_has_the_last_word() -> None:
    script = Script()
    script.request(SayRequest("A long story.", "high", volume_percent=95))
    assert sounds(script.request(VolumeRequest(30))) == [SetVolume(30)]
    assert sounds(script.play(SpeechDone(script.at, 1, "A long story."))) == []
    assert script.state.told == 30


def test_also_who_sets_it_to_what_it_was() -> None:
    script = Script()
    script.request(SayRequest("A long story.", volume_percent=95))
    assert sounds(script.request(VolumeRequest(70))) == [SetVolume(70)]
    assert sounds(script.play(SpeechDone(script.at, 1, "A long story."))) == []


def test_a_volume_that_is_set_is_told_even_where_it_was_so() -> None:
    """Somebody may have turned the sound card's own wheel."""
    assert sounds(Script().request(SettingRequest("volume", 70))) == [SetVolume(70)]


def test_at_night_replies_and_normal_announcements_are_soft() -> None:
    script = Script(State(rules=NOW_QUIET))
    assert sounds(script.request(SayRequest("Tea.", volume_percent=90))) == [
        SetVolume(20),
        Speak(1, "Tea.", last=True),
    ]
    script.play(SpeechDone(script.at, 1, "Tea."))
    assert script.state.told == 20
    script.wake()
    assert not has(SetVolume, script.hear("what time is it", Intent("time")))
    assert script.state.volume == 70, "the setting is what it was"


def test_at_night_softer_than_the_night_stays_so() -> None:
    script = Script(State(rules=NOW_QUIET))
    assert only(SetVolume, script.request(SayRequest("Tea.", volume_percent=7))) == SetVolume(7)


@pytest.mark.parametrize(("own", "percent"), [(None, 70), (100, 100), (3, 3)])
def test_high_is_as_loud_at_night_as_it_asks_for(own: int | None, percent: int) -> None:
    script = Script(State(rules=NOW_QUIET))
    script.wake()
    assert script.state.told == 20
    assert only(SetVolume, script.request(SayRequest("Fire!", "high", volume_percent=own))) == SetVolume(percent)
    assert only(SetVolume, script.play(SpeechDone(script.at, 2, "Fire!"))) == SetVolume(20)


def test_a_volume_set_at_night_counts_in_the_morning() -> None:
    script = Script(State(rules=NOW_QUIET))
    commands = script.request(VolumeRequest(90))
    assert only(SetVolume, commands) == SetVolume(20)
    assert only(ShowSetting, commands).value == 90
    script.time += 15 * 60
    assert sounds(script.request(SayRequest("Good morning."))) == [SetVolume(90), Speak(1, "Good morning.", last=True)]


def test_the_first_sound_in_quiet_hours_is_soft_already() -> None:
    script = Script(State(rules=Rules(quiet=Hours(time(15, 46), time(16)), night_volume=20)))
    script.wake()
    script.wait()
    script.request(StopRequest())
    assert script.state.told == 70
    script.time += 60
    script.wake()
    assert script.state.told == 20
    assert only(Earcon, script.wait()).name == "wake"


def test_new_rules_are_told_with_whatever_happens_next() -> None:
    """So does the daemon when it has reloaded."""
    script = Script(State(rules=NOW_QUIET, told=70))
    assert script.play(DeadlinePassed(script.at)) == [SetVolume(20)]
    script.state = State(rules=Rules(), told=20)
    assert only(SetVolume, script.play(Health(script.at, "mic", "ok"))) == SetVolume(70)
