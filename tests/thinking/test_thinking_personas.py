"""Several personas: each asks its own models, with its own prompt and in its own conversation."""

from __future__ import annotations

from typing import Any

from conftest import QUICK
from sick_home import TOKEN, SickHome, says
from sick_llm import SickLlm, answer, closed_port, status

from agent.commands import AskLlm
from agent.config import LlmProfile
from agent.events import Health, LlmFailed, ReplyDone


def ask(rig: Any, turn: int, persona: str = "") -> str:
    """The code of its end."""
    rig.thinker.do(AskLlm(turn, "Hi?", persona=persona))
    end = rig.wait(lambda e: isinstance(e, ReplyDone | LlmFailed) and e.turn == turn)
    return end.code if isinstance(end, LlmFailed) else "done"


def profile(url: str, **settings: Any) -> LlmProfile:
    return LlmProfile(base_url=url, **{**QUICK, **settings})


def test_each_persona_asks_its_profiles_in_its_order_with_its_prompt(profiles_rig):
    with SickLlm(answer("Jarvis.")) as a, SickLlm(answer("Nari.")) as b:
        personas = {"nari": {"prompt": "You are Nari.", "llm": ["b", "a"]}, "mute": {"llm": []}, "same": {}}
        r = profiles_rig({"a": profile(a.base_url), "b": profile(b.base_url)}, personas=personas)
        said = [(ask(r, turn, name), r.text(turn)) for turn, name in enumerate(("", "nari", "same", "gone"), 1)]
        assert said == [("done", "Jarvis."), ("done", "Nari."), ("done", "Jarvis."), ("done", "Jarvis.")]
        assert ask(r, 5, "mute") == "none_configured"
        prompts = [seen.body["messages"][0]["content"] for seen in (*a.requests, *b.requests)]
        assert prompts == ["Be brief.", "Be brief.", "Be brief.", "You are Nari."]


def test_what_is_asked_of_one_persona_is_never_sent_to_the_models_of_another(profiles_rig):
    with SickLlm(status(503)) as cloud, SickLlm(answer("Here.")) as home:
        personas = {"nari": {"llm": ["home"]}}
        r = profiles_rig({"cloud": profile(cloud.base_url), "home": profile(home.base_url)}, personas=personas)
        assert ask(r, 1, "nari") == "done"
        assert cloud.requests == []


def test_a_persona_alone_may_have_a_language_model(profiles_rig):
    with SickLlm(answer("Nari.")) as b:
        r = profiles_rig({}, personas={"nari": {"llm": ["b"]}}, more={"b": profile(b.base_url)})
        r.wait_health("ok")
        assert ask(r, 1) == "none_configured"
        assert (ask(r, 2, "nari"), r.text(2)) == ("done", "Nari.")


def test_health_is_that_of_who_talks_most(profiles_rig):
    gone = profile(f"http://127.0.0.1:{closed_port()}/v1")
    with SickLlm(answer("Yes.")) as a:
        both = {"a": profile(a.base_url)}
        r = profiles_rig(both, personas={"nari": {"llm": ["b"]}}, more={"b": gone})
        assert r.wait_health("degraded").startswith("b: ")
        assert ask(r, 1, "nari") == "unreachable"
        assert ask(r, 2) == "done"
        r = profiles_rig(both, personas={"nari": {"llm": ["b"]}}, more={"b": gone}, persona="nari")
        assert r.wait_health("failed").startswith("b: ")
        assert not [event for event in r.events if isinstance(event, Health) and event.status == "ok"]


def test_home_assistant_has_a_conversation_with_each_persona(profiles_rig, tmp_path, monkeypatch):
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with SickHome(says("A.", conversation="c-1"), says("B.", conversation="c-2"), says("A.", conversation="c-1")) as h:
        home = LlmProfile(kind="home_assistant", base_url=h.base_url, api_key="token", **QUICK)
        r = profiles_rig({"home": home}, personas={"nari": {"language": "ko"}})
        assert [ask(r, turn, name) for turn, name in ((1, ""), (2, "nari"), (3, ""), (4, "nari"))] == ["done"] * 4
        assert [asked.message.get("conversation_id") for asked in h.asked] == [None, None, "c-1", "c-2"]
