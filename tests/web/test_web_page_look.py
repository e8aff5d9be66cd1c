"""How the page looks, on a phone and on a desktop, by day and by night: nothing is cut off, everything can be read.

VOICE_AGENT_PICTURES=docs/images make test ARGS=tests/web/test_web_page_look.py
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from chrome import DESKTOP, PHONE, Visit, visiting
from page_stub import PAGE, StubAgent

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.room, pytest.mark.timeout(180)]

Scheme = Literal["light", "dark"]
SIZES = {
    "phone": PHONE,
    "small": {"width": 320, "height": 568},
    "sideways": {"width": 844, "height": 390},
    "desktop": DESKTOP,
}
PICTURES = {("phone", "light"): "web-phone.png", ("desktop", "dark"): "web-desktop.png"}
MAX_PICTURE = 200_000  # bytes
STAGES = ("endpoint", "asr_final", "llm_first_token", "first_clause", "tts_first", "audible")
READABLE = 4.5  # WCAG AA
PAIRS = {
    "ink": ["ground", "raised"],
    "soft": ["ground", "raised", "sunken"],
    "faint": ["ground", "raised"],
    "accent": ["ground"],
    "on-accent": ["accent", "listening", "thinking", "speaking"],
    "on-you": ["you"],
    "listening": ["ground"],
    "thinking": ["ground"],
    "speaking": ["ground"],
    "bad": ["bad-ground", "raised"],
    "warn": ["warn-ground", "raised"],
}


def receipt(turn: int, question: str, added: list[int], outcome: str = "answered") -> dict[str, object]:
    reached = [sum(added[: place + 1]) for place in range(len(added))]
    return {
        "turn": turn, "outcome": outcome, "word": "hey_jarvis", "wake_ms": 40, "transcript": question,
        "at_ms": dict(zip(STAGES, reached, strict=True)), "stages_ms": dict(zip(STAGES, added, strict=True)),
        "ttfa_ms": reached[-1], "blame": STAGES[added.index(max(added))],
    }  # fmt: skip


def evening(agent: StubAgent) -> None:
    """Some turns of an evening in a kitchen."""
    moon = "About 384,000 kilometres on average. That is some thirty Earths side by side. It varies by a tenth."
    turns = [
        ("How far is the moon?", moon, moon[: moon.index(" It ")], [420, 50, 310, 60, 120, 70], "interrupted"),
        (
            "A timer for five minutes for the tea.",
            "Five minutes for the tea.",
            None,
            [260, 40, 0, 5, 62, 48],
            "answered",
        ),
    ]
    for number, (question, reply, heard, added, outcome) in enumerate(turns, 1):
        agent.say("transcript", turn=number, text=question, final=True)
        agent.say("reply", turn=number, text=reply, heard=heard or reply)
        agent.say("turn", **receipt(number, question, added, outcome))
    agent.say("transcript", turn=3, text="And what can I cook with lentils?", final=True)
    now = datetime.now(UTC)
    timer = {
        "id": "1",
        "kind": "timer",
        "name": "tea",
        "due": (now + timedelta(seconds=252)).isoformat(),
        "seconds": 300,
    }
    alarm = {"id": "2", "kind": "alarm", "name": "", "due": (now + timedelta(hours=9)).isoformat(), "days": [0, 1, 2]}
    agent.say("timers", timers=[timer, alarm], ringing=[])
    well = {"status": "ok", "reason": ""}
    away = {"status": "degraded", "reason": "home does not answer; embedded answers instead"}
    agent.say("health", parts={"mic": well, "speaker": well, "wake": well, "asr": well, "llm": away, "tts": well})
    agent.say("settings", settings=settings())
    agent.say("volume", percent=70)
    agent.say("sound", periods=812, lost=0, late=0, jitter_p50_ms=0.8, jitter_p99_ms=6.2, level_dbfs=-31.5)


def settings() -> list[Mapping[str, object]]:
    return [
        {"name": "volume", "label": "Volume", "kind": "number", "low": 0, "high": 100, "step": 1, "unit": "%",
         "value": 60, "changed": True},
        {"name": "mute", "label": "Mute", "kind": "bool", "value": False, "changed": False},
        {"name": "voice", "label": "Voice", "kind": "choice", "value": "en_US-joe-medium",
         "choices": ["en_US-joe-medium", "en_US-lessac-medium"], "changed": False},
    ]  # fmt: skip


def nothing_is_cut_off(visit: Visit) -> bool:
    """Nothing is wider than the window, and no two controls of the dock lie over each other."""
    fits: bool = visit.evaluate(
        """() => {
          const wide = [document.documentElement, ...document.querySelectorAll("main section, .conversation")]
            .every((each) => each.scrollWidth <= each.clientWidth + 1);
          const boxes = [...document.querySelectorAll(".modes, .orb, .stop, .ask")]
            .map((each) => each.getBoundingClientRect()).filter((box) => box.width);
          const apart = boxes.every((a, i) => boxes.every((b, j) => i === j || a.right <= b.left + 1
            || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1));
          const inside = boxes.every((box) => box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight);
          return wide && apart && inside;
        }"""
    )
    return fits


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_page_looks_right(browser: Browser, tmp_path: Path, size: str, scheme: Scheme) -> None:
    sharp = 1 if size == "desktop" else 2
    options = {
        "viewport": SIZES[size],
        "color_scheme": scheme,
        "device_scale_factor": sharp,
        "reduced_motion": "reduce",
    }
    with StubAgent() as agent, visiting(browser, agent.url, **options) as visit:
        page = visit.page
        visit.online()
        page.locator("#hint", has_text="hey jarvis").wait_for()
        page.screenshot(path=tmp_path / "empty.png")
        assert nothing_is_cut_off(visit)
        evening(agent)
        agent.say("turn", **receipt(3, "And what can I cook with lentils?", [380, 45, 540, 110, 130, 60]))
        agent.say("state", phase="speaking", turn=3)
        agent.say("saying", turn=3, text="A dal is the quickest: red lentils, onion, garlic and cumin.")
        page.locator(".bubble.agent", has_text="cumin").wait_for()
        page.screenshot(path=tmp_path / "talk.png")
        assert nothing_is_cut_off(visit)
        keep(tmp_path / "talk.png", PICTURES.get((size, scheme)))
        for tab in ("turns", "device", "settings"):
            page.locator(f"#tab-{tab}").click()
            page.locator(f"#{tab}").wait_for()
            page.screenshot(path=tmp_path / f"{tab}.png")
            assert nothing_is_cut_off(visit), tab
        assert (visit.complaints, visit.strangers) == ([], [])


def keep(picture: Path, name: str | None) -> None:
    """For the documentation, where that was asked for."""
    folder = os.environ.get("VOICE_AGENT_PICTURES")
    if folder is None or name is None:
        return
    data = picture.read_bytes()
    assert len(data) < MAX_PICTURE
    Path(folder, name).write_bytes(data)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_told_apart(scheme: Scheme) -> None:
    light, dark = (PAGE / "base.css").read_text().split("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))
    too_near = [
        (text, ground)
        for text, grounds in PAIRS.items()
        for ground in grounds
        if contrast(colours[text], colours[ground]) < READABLE
    ]
    assert too_near == []


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio."""
    dim, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    """What the Content-Security-Policy forbids, and what a page in a house without a network could not load."""
    for path in sorted(PAGE.iterdir()):
        text = path.read_text()
        assert not re.search(r"\son[a-z]+=|\sstyle=|<style|javascript:|\beval\(|innerHTML", text), path.name
        without_names = text.replace("http://www.w3.org/2000/svg", "").replace("http://localhost", "")
        assert not re.search(r"(src|href|url\(|from|import)\W{0,3}(https?:)?//", without_names), path.name
        assert len(text.splitlines()) <= 300, path.name
