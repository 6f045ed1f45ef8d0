"""`accord push`: what a stand-in of the hub's client is handed, and what is said where the hub refuses."""

import json
from pathlib import Path
from typing import Any, ClassVar

import huggingface_hub
import pytest
from huggingface_hub import RepoUrl
from huggingface_hub.errors import LocalTokenNotFoundError

from accord.artefacts import MODEL, RECIPE
from accord.cli import run as accord
from accord.lm.loading import load
from accord.recipe import dump, parse
from accord.run import RunDirectory


class Hub:
    """Keeps what it is handed, in memory."""

    repositories: ClassVar[dict[str, dict[str, bytes]]] = {}
    private: ClassVar[dict[str, bool]] = {}
    refuses: Exception | None = None

    def create_repo(self, name: str, *, private: bool, exist_ok: bool) -> RepoUrl:
        if Hub.refuses is not None:
            raise Hub.refuses
        assert exist_ok
        Hub.private.setdefault(name, private)
        return RepoUrl(f"https://hub.invalid/{name}", endpoint="https://hub.invalid")

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> None:
        Hub.repositories[repo_id] = {
            str(file.relative_to(folder_path)): file.read_bytes() for file in sorted(folder_path.rglob("*"))
        }


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> None:
    Hub.repositories, Hub.private, Hub.refuses = {}, {}, None
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    settings = parse('[policy]\nkind = "dpo"\nbase = "tiny"\n')
    with RunDirectory.create(tmp_path / "run") as run:
        RECIPE.write(run, dump(settings))
        with MODEL.write(run, stage="policy") as folder:
            load("tiny", dtype="float32").save(folder)
    return tmp_path / "run"


def test_the_model_its_card_and_the_disclosure_are_handed_over(trained: Path, tmp_path: Path, capsys: Any) -> None:
    assert accord(["push", str(trained), "team/model"]) == 0
    assert "https://hub.invalid/team/model" in capsys.readouterr().out
    files = Hub.repositories["team/model"]
    assert Hub.private == {"team/model": True}
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md", "disclosure.json"} <= set(files)
    card = files["README.md"].decode()
    assert card.startswith("---\n")
    assert "- dpo" in card
    assert json.loads(files["disclosure.json"])["redacted"] is True
    copy = tmp_path / "copy"
    for name, content in files.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(content)
    before, after = (load(folder, dtype="float32") for folder in (trained / "policy" / "model", copy))
    assert {name: tensor.sum().item() for name, tensor in before.model.state_dict().items()} == {
        name: tensor.sum().item() for name, tensor in after.model.state_dict().items()
    }


def test_a_new_repository_is_public_where_that_is_said(trained: Path) -> None:
    assert accord(["push", str(trained), "team/open", "--public"]) == 0
    assert Hub.private == {"team/open": False}


def test_a_hub_that_refuses_is_named_with_its_reason(trained: Path, capsys: Any) -> None:
    Hub.refuses = LocalTokenNotFoundError("Token is required, but no token found.\nMore of it.")
    assert accord(["push", str(trained), "team/model"]) == 2
    said = capsys.readouterr().err
    assert "team/model: the hub did not take it (Token is required, but no token found.)" in said
    assert "hf auth login" in said


def test_a_stage_without_a_model_is_named(trained: Path, capsys: Any) -> None:
    assert accord(["push", str(trained), "team/model", "--stage", "sft"]) == 2
    assert "the stage 'sft' has left no model" in capsys.readouterr().err
    assert Hub.repositories == {}


def test_an_altered_model_is_not_uploaded(trained: Path, capsys: Any) -> None:
    (trained / "policy" / "model" / "config.json").write_text("{}")
    assert accord(["push", str(trained), "team/model"]) == 2
    assert Hub.repositories == {}
    assert "config.json" in capsys.readouterr().err
