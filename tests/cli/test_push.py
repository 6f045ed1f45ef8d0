"""`accord push`: what a stand-in of the hub's client is handed, and what is said where the hub refuses."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import huggingface_hub
import pytest
from huggingface_hub import RepoUrl
from huggingface_hub.errors import LocalTokenNotFoundError

from accord.artefacts import MODEL, RECIPE
from accord.cli import run as accord
from accord.lm.aggregation import Aggregation
from accord.lm.loading import load
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.reward_model_files import load_reward_model
from accord.recipe import dump, parse
from accord.records import Completion, Prompt
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


REWARD = '[reward]\nkind = "bradley_terry"\nbase = "tiny"\n'
TEXTS = [("Say something.", "It is a lake."), ("Äpfel?", "Obst 🍎"), ("And?", "")]


@pytest.fixture
def rewarded(tmp_path: Path) -> Callable[..., Path]:
    """A run with a reward model whose head was not learnt but drawn: two groups of people, three members each."""

    def made(recipe: str = REWARD, **changed: Any) -> Path:
        judge = ScalarHeadModel.fresh(
            load("tiny", dtype="float32", seed=3), name="reward", seed=5, members=3, components=("ann", "bob")
        )
        settings: Any = {"aggregation": Aggregation(rule="mean", weights=(0.25, 0.75)), **changed}
        judge = replace(judge, mean_M=(0.5, -1.0, 2.0, 0.1, 0.2, 0.3), score_scale=0.7, **settings)
        with RunDirectory.create(tmp_path / "rewarded") as run:
            RECIPE.write(run, dump(parse(recipe)))
            with MODEL.write(run, stage="reward") as folder:
                judge.save(folder)
        return tmp_path / "rewarded"

    return made


def test_a_reward_model_opens_in_transformers_and_its_card_says_how_it_is_read(
    rewarded: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code of the card is executed as it stands, beside accord's own scores."""
    run = rewarded()
    assert accord(["push", str(run), "team/reward", "--stage", "reward"]) == 0
    files = Hub.repositories["team/reward"]
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md", "disclosure.json"} <= set(files)
    for name, content in files.items():
        (tmp_path / "team" / "reward" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "team" / "reward" / name).write_bytes(content)
    card = files["README.md"].decode()
    assert "pipeline_tag: text-classification" in card
    assert "- bradley_terry" in card
    assert "It was not tested on pairs that were held out." in card
    assert card.count("\n## ") > 5
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(card.split("```py\n")[1].split("```")[0], names)  # the card's own example
    judge = load_reward_model(run / "reward" / "model", name="reward", dtype="float32")
    prompts = [Prompt.ask(prompt) for prompt, _ in TEXTS]
    completions = [Completion(prompt=p.id, text=text) for p, (_, text) in zip(prompts, TEXTS, strict=True)]
    wanted = judge.score(prompts, completions).value_N
    assert [names["score"](*pair) for pair in TEXTS] == pytest.approx(wanted.tolist(), abs=1e-5)
    assert abs(names["model"].config.score_offset) > 0.1


def test_a_policy_and_its_reward_go_to_two_repositories(rewarded: Callable[..., Path]) -> None:
    run = rewarded(REWARD + '[policy]\nkind = "ppo"\nbase = "tiny"\n')
    with RunDirectory.open(run) as opened, MODEL.write(opened, stage="policy") as folder:
        load("tiny", dtype="float32").save(folder)
    assert accord(["push", str(run), "team/policy"]) == 0
    assert accord(["push", str(run), "team/reward", "--stage", "reward"]) == 0
    architectures = {
        name: json.loads(files["config.json"])["architectures"] for name, files in Hub.repositories.items()
    }
    assert architectures["team/policy"][0].endswith("ForCausalLM")
    assert architectures["team/reward"][0].endswith("ForSequenceClassification")


@pytest.mark.parametrize(
    ("recipe", "changed", "message"),
    [
        (REWARD, {"aggregation": Aggregation(rule="maxmin")}, "aggregation 'maxmin' of its components is no sum"),
        ('[reward]\nkind = "length"\ntarget = 3\n', {}, "a reward of kind 'length' learns no model of its own"),
    ],
)
def test_what_is_no_sequence_classifier_is_refused(
    rewarded: Callable[..., Path], recipe: str, changed: Any, message: str, capsys: Any
) -> None:
    run = rewarded(recipe, **changed)
    if not changed:
        with RunDirectory.open(run) as opened:
            opened.forget("reward")
    assert accord(["push", str(run), "team/reward", "--stage", "reward"]) == 2
    assert message in capsys.readouterr().err
    assert Hub.repositories == {}


def test_a_model_that_the_recipe_lacks_is_named(rewarded: Callable[..., Path], capsys: Any) -> None:
    assert accord(["push", str(rewarded()), "team/reward", "--stage", "rewrd"]) == 2
    assert "no model 'rewrd'; did you mean 'reward'?" in capsys.readouterr().err
