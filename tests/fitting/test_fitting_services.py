"""Setup's choice of who answers, against a real websocket: the questions in order, and what comes out of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console
from sick_home import TOKEN, SickHome
from sick_llm import SickLlm

from agent import config_file
from agent.fitting.asking import Check, WayOn
from agent.fitting.draft import Draft
from agent.fitting.services import choose_language_model


class Scripted:
    """A person who says these things, one for each question; "" is Enter."""

    person = True

    def __init__(self, *answers: str) -> None:
        self.console = Console(record=True, quiet=True)
        self._answers = iter(answers)
        self.questions: list[str] = []

    def text(self, question: str, default: str, check: Check = lambda text: "") -> str:
        answer = self._next(question) or default
        assert check(answer) == ""
        return answer

    def secret(self, question: str) -> str:
        return self._next(question)

    def choose(self, question: str, rows: Sequence[tuple[str, str]], default: int) -> int:
        answer = self._next(question)
        return [name for name, _ in rows].index(answer) if answer else default

    def yes(self, question: str, default: bool) -> bool:
        raise AssertionError(question)

    def key(self, question: str, keys: str, default: str) -> str:
        raise AssertionError(question)

    def way_on(self, complaint: str, remedy: str) -> WayOn:
        answer = self._next(complaint)
        assert answer in ("again", "change", "leave")
        return answer  # type: ignore[return-value]

    def _next(self, question: str) -> str:
        self.questions.append(question)
        return next(self._answers)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return tmp_path / "config.toml"


def test_home_assistant_is_chosen_and_tried_out(place: Path) -> None:
    with SickHome() as home, Draft(place) as draft:
        person = Scripted("home", home.base_url, TOKEN, "Haus")
        choose_language_model(draft, person)
        profile = draft.config.llm.profiles["home"]
        assert home.asked[0].message["pipeline"] == "p-de"
    assert (profile.kind, profile.base_url, profile.agent) == ("home_assistant", home.base_url, "Haus")
    assert (profile.api_key, draft.secrets) == ("home-assistant-token", {"home-assistant-token": TOKEN})
    assert draft.config.llm.use == ("home",)
    assert TOKEN not in str(person.questions)


def test_a_wrong_token_may_be_typed_again(place: Path) -> None:
    with SickHome() as home, Draft(place) as draft:
        person = Scripted("home", home.base_url, "wrong", "", "change", "", "", TOKEN, "")
        choose_language_model(draft, person)
        assert "Home Assistant refuses the token" in person.questions
        assert draft.secrets == {"home-assistant-token": TOKEN}


def test_from_a_model_to_home_assistant_and_back(place: Path) -> None:
    with SickHome() as home, SickLlm() as llm:
        place.write_text(
            f'version = 1\n[llm]\nuse = ["x"]\n[llm.profiles.x]\nbase_url = "{llm.base_url}"\nmodel = "tiny"\n'
            "max_tokens = 9\ntemperature = 0.5\n"
        )
        with Draft(place) as draft:
            choose_language_model(draft, Scripted("home", home.base_url, TOKEN, "Home"))
            there = draft.config.llm.profiles["x"]
            choose_language_model(draft, Scripted("server", llm.base_url, "", "small"))
            back = draft.config.llm.profiles["x"]
    assert (there.kind, there.model, there.max_tokens, there.temperature) == ("home_assistant", None, 256, None)
    assert (back.kind, back.model, back.agent) == ("openai", "small", None)


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ('base_url = "http://ha:8123"', 'needs api_key, the name of a credential ("home-assistant-token")'),
        ('api_key = "token"', 'needs base_url, such as "http://homeassistant.local:8123"'),
        ('base_url = "http://ha:8123"\napi_key = "token"\nmodel = "x"\ntop_p = 0.5', "model, top_p: take it out"),
        (
            'base_url = "http://ha:8123"\napi_key = "token"\nkind = "openai"\nagent = "x"',
            "agent belongs to profiles of",
        ),
    ],
)
def test_what_is_missing_or_too_much_is_named(place: Path, profile: str, said: str) -> None:
    kind = "" if "kind" in profile else 'kind = "home_assistant"\n'
    place.write_text(f"version = 1\n[llm.profiles.house]\n{kind}{profile}\n")
    with pytest.raises(config_file.ConfigError, match=r"llm\.profiles\.house") as caught:
        config_file.load(place, {})
    assert said in str(caught.value)
