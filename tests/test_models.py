"""Which model is opened, what is said when there is none, and how damage is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent import models
from agent.models import ModelDamaged, ModelMissing


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICE_AGENT_MODELS", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, *files: str) -> Path:
    """An installed model with a manifest."""
    base = folder / name
    digests = {}
    for file in files:
        (base / file).parent.mkdir(parents=True, exist_ok=True)
        (base / file).write_text(f"{name}/{file}")
        digests[file] = models.digest_of(base / file, "sha256")
    (base / models.MANIFEST).write_text(json.dumps({"files": digests}))
    return base


def test_catalogue_is_consistent() -> None:
    entries = models.catalogue()
    assert len({(model.name, model.kind) for model in entries}) == len(entries)
    for model in entries:
        assert bool(model.bundled) != bool(model.files), model.name
        assert model.licence
        assert model.size > 0, model.name
        assert model.opens.endswith(models.SUFFIX[model.kind])
        for file in model.files:
            assert bool(file.package) != file.url.startswith("https://")
            if model.verified:
                assert len(file.sha256) == 64, model.name


def test_names_that_the_documentation_uses() -> None:
    for name in ("en_US-joe-medium", "smollm2-135m", "vosk-small-ko", "vosk-small-en-us", "moonshine-tiny-en"):
        assert models.find(name), name
    assert models.find("hey_jarvis", "wake-openwakeword") != models.find("hey_jarvis", "wake-microwakeword")


def test_bundled_models_are_there_and_whole() -> None:
    bundled = [model for model in models.catalogue() if model.bundled]
    assert bundled
    for model in bundled:
        path = models.require(model.kind, "en", model.name)
        assert models.verify(path) > 0, model.name


def test_nothing_installed_names_the_command(folder: Path) -> None:
    with pytest.raises(ModelMissing, match="voice-agent models install vosk-small-ko"):
        models.require("asr-vosk", "ko")


def test_best_of_the_language(folder: Path) -> None:
    put(folder, "de_DE-thorsten-medium", "de_DE-thorsten-medium.onnx")
    put(folder, "en_GB-alba-medium", "en_GB-alba-medium.onnx")
    assert models.require("tts-piper", "de").name == "de_DE-thorsten-medium.onnx"
    assert models.require("tts-piper", "de-AT").name == "de_DE-thorsten-medium.onnx"
    assert models.require("tts-piper", "en-GB").name == "en_GB-alba-medium.onnx"
    with pytest.raises(ModelMissing):
        models.require("tts-piper", "fr")


def test_language_unknown_to_the_catalogue(folder: Path) -> None:
    with pytest.raises(ModelMissing, match="give a path"):
        models.require("asr-vosk", "la")


def test_by_name_and_by_path(folder: Path) -> None:
    base = put(folder, "vosk-small-ko", "am/final.mdl")
    assert models.require("asr-vosk", "en", "vosk-small-ko") == base
    assert models.require("asr-vosk", "en", str(base)) == base


def test_own_model_of_the_operator(folder: Path) -> None:
    (folder / "grandma").mkdir()
    (folder / "grandma/grandma.onnx").touch()
    assert models.require("tts-piper", "en", "grandma") == folder / "grandma/grandma.onnx"
    assert models.require("asr-vosk", "en", "grandma") == folder / "grandma"
    assert models.verify(folder / "grandma/grandma.onnx") == 0


@pytest.mark.parametrize("name", ["..", ".", "../elsewhere", ""])
def test_no_name_leaves_the_folder(folder: Path, name: str) -> None:
    assert models.installed(name) is None


def test_half_a_model_is_not_installed(folder: Path) -> None:
    (folder / "en_US-joe-medium").mkdir()
    assert models.installed("en_US-joe-medium") is None


def test_bundled_model_whose_package_is_absent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelMissing, match="pip install moonshine-voice"):
        models.require("asr-moonshine", "en")
    with pytest.raises(ModelMissing, match="pip install openwakeword"):
        models.require("wake-openwakeword", "en", "hey_jarvis")


def test_mistyped_name(folder: Path) -> None:
    with pytest.raises(ModelMissing, match='did you mean "hey_jarvis"'):
        models.require("wake-openwakeword", "en", "hey_jarvi")


def test_wrong_kind(folder: Path) -> None:
    with pytest.raises(ModelMissing, match="of kind llm-gguf"):
        models.require("tts-piper", "en", "smollm2-135m")


@pytest.mark.parametrize("name", [f"/{'x' * 300}/hey.onnx", "~nobody-of-this-name/hey.onnx", "x" * 300])
def test_what_cannot_even_be_looked_for_is_missing(name: str) -> None:
    """As below /home, which the service cannot see: a bad configuration, and no reason to die of."""
    with pytest.raises(ModelMissing, match=r"is out of reach: .*; put it below"):
        models.require("wake-openwakeword", "en", name)


def test_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"no model at .*own\.onnx"):
        models.require("wake-openwakeword", "en", str(tmp_path / "own.onnx"))


def test_changed_file(folder: Path) -> None:
    base = put(folder, "vosk-small-ko", "am/final.mdl", "README")
    assert models.verify(base) == 2
    (base / "am/final.mdl").write_text("changed")
    with pytest.raises(ModelDamaged, match=r"final\.mdl is damaged.*install --force vosk-small-ko"):
        models.verify(base)


def test_lost_file(folder: Path) -> None:
    base = put(folder, "en_US-joe-medium", "en_US-joe-medium.onnx", "en_US-joe-medium.onnx.json")
    (base / "en_US-joe-medium.onnx.json").unlink()
    with pytest.raises(ModelDamaged, match=r"onnx\.json is missing"):
        models.verify(base / "en_US-joe-medium.onnx")


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"files": 3}', "\udc80"])
def test_damaged_manifest(folder: Path, manifest: str) -> None:
    base = put(folder, "vosk-small-ko", "README")
    (base / models.MANIFEST).write_bytes(manifest.encode(errors="surrogateescape"))
    with pytest.raises(ModelDamaged, match="manifest"):
        models.verify(base)


def test_remembered_digests_notice_a_change(folder: Path, tmp_path: Path) -> None:
    base = put(folder, "vosk-small-ko", "README")
    remembered = tmp_path / "state/digests.json"
    assert models.verify(base, remembered) == 1
    assert models.verify(base, remembered) == 1
    (base / "README").write_text("vosk-small-ko/readme")
    with pytest.raises(ModelDamaged):
        models.verify(base, remembered)


def test_remembered_digests_are_used(folder: Path, tmp_path: Path) -> None:
    base = put(folder, "vosk-small-ko", "README")
    remembered = tmp_path / "digests.json"
    models.verify(base, remembered)
    lies = {key: "0" * 64 for key in json.loads(remembered.read_text())}
    remembered.write_text(json.dumps(lies))
    with pytest.raises(ModelDamaged):
        models.verify(base, remembered)


@pytest.mark.parametrize("content", ["", "[1]", '{"x": '])
def test_lost_memory_of_digests_does_no_harm(folder: Path, tmp_path: Path, content: str) -> None:
    base = put(folder, "vosk-small-ko", "README")
    (tmp_path / "digests.json").write_text(content)
    assert models.verify(base, tmp_path / "digests.json") == 1


def test_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICE_AGENT_MODELS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    expected = models.SYSTEM_FOLDER if models.SYSTEM_FOLDER.is_dir() else tmp_path / "voice-agent/models"
    assert models.folder() == expected
