"""Soups of reward models keep their heads, and what does not mix is refused."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from accord.errors import ArtefactError, ModelError
from accord.lm.adapters import LoRA
from accord.lm.aggregation import Aggregation
from accord.lm.loading import load
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.reward_model_files import load_reward_model
from accord.policy import soup as policy_soup
from accord.recipe import parse
from accord.reward import BradleyTerry, Soup, soup
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import letters_dataset

DATA = letters_dataset(prompts=12)
SETTINGS = BradleyTerry(
    base="tiny", dtype="float32", epochs=8, step_completions=16, optim=Optim(lr=5e-3, warmup_steps=3), head_lr_scale=1
)
ASKED = [each for each in DATA.completions.values() if DATA.split_of[each.prompt] == "held_out"]
PROMPTS = [DATA.prompts[each.prompt] for each in ASKED]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What reward models that are to be averaged have in common."""
    folder = tmp_path_factory.mktemp("start") / "model"
    load("tiny", seed=5).save(folder)
    return folder


@pytest.fixture(scope="module")
def runs(start: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs with a reward each, one of them of adapters."""
    made = []
    for seed, lora in ((1, None), (2, LoRA(rank=4))):
        with RunDirectory.create(tmp_path_factory.mktemp("runs") / f"seed-{seed}", seed=seed) as run:
            SETTINGS.model_copy(update={"base": str(start), "lora": lora}).fit(DATA, run)
            made.append(run.path)
    return made


def folders(runs: list[Path]) -> list[Path]:
    return [run / "reward/model" for run in runs]


def test_decoder_and_head_are_the_weighted_sums(runs: list[Path]) -> None:
    one, other = (load_reward_model(each, name="r", dtype="float32", merge=True) for each in folders(runs))
    mixed = soup(folders(runs), [0.25, 0.75])
    for name, value in mixed.causal.model.state_dict().items():
        expected = 0.25 * one.causal.model.state_dict()[name] + 0.75 * other.causal.model.state_dict()[name]
        np.testing.assert_allclose(value.numpy(), expected.numpy(), atol=1e-6)
    for name, value in mixed.head.state_dict().items():
        expected = 0.25 * one.head.state_dict()[name] + 0.75 * other.head.state_dict()[name]
        np.testing.assert_allclose(value.numpy(), expected.numpy(), atol=1e-6)
    assert mixed.mean_M == pytest.approx(0.25 * np.array(one.mean_M) + 0.75 * np.array(other.mean_M))


def test_a_soup_of_one_model_twice_scores_as_that_model(runs: list[Path]) -> None:
    alone = load_reward_model(folders(runs)[0], name="alone", dtype="float32")
    twice = soup([folders(runs)[0]] * 2)
    assert twice.score(PROMPTS, ASKED).value_N == pytest.approx(alone.score(PROMPTS, ASKED).value_N, abs=1e-5)


def test_the_kind_places_and_scales_its_scores_and_is_kept_in_the_run(runs: list[Path], tmp_path: Path) -> None:
    settings = Soup(models=tuple(map(str, runs)), dtype="float32")
    assert settings.problems() == []
    with RunDirectory.create(tmp_path / "run") as run:
        list(settings.steps(DATA, run))
        judge = settings.load(run)
        assert {name for name in run.manifest.inputs if name.startswith("reward: model")} == {
            "reward: model 1",
            "reward: model 2",
        }
    learnt = [each for each in DATA.completions.values() if DATA.split_of[each.prompt] == "train"]
    value_N = judge.score([DATA.prompts[each.prompt] for each in learnt], learnt).value_N
    assert value_N.mean() == pytest.approx(0, abs=1e-3)
    assert value_N.std() == pytest.approx(1, abs=1e-3)
    order = np.corrcoef(judge.score(PROMPTS, ASKED).value_N, [each.text.count("a") / len(each.text) for each in ASKED])
    assert order[0, 1] > 0.7
    with RunDirectory.create(tmp_path / "empty") as run, pytest.raises(ArtefactError):
        settings.load(run)


def test_what_does_not_mix_is_refused(runs: list[Path], start: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="together 1"):
        soup(folders(runs), [0.5, 0.6])
    with pytest.raises(ModelError, match="0 models"):
        soup([])
    with pytest.raises(ModelError, match="not a reward model"):
        soup([folders(runs)[0], start])
    groups = replace(load_reward_model(folders(runs)[0], name="r", dtype="float32"))
    model = ScalarHeadModel.fresh(groups.causal, name="groups", components=("x", "y"))
    model.save(tmp_path / "groups")
    with pytest.raises(ModelError, match=r"components x, y with 1 members, and .* has no components"):
        soup([folders(runs)[0], tmp_path / "groups"])


def test_a_soup_of_policies_does_not_drop_a_head_in_silence(runs: list[Path]) -> None:
    with pytest.raises(ModelError, match=r"a reward model, whose head would be lost; accord\.reward\.soup"):
        policy_soup(folders(runs), [0.5, 0.5])


def test_the_recipe_names_what_is_missing(tmp_path: Path) -> None:
    settings = parse('[reward]\nkind = "soup"\nmodels = ["one", "other"]').reward
    assert isinstance(settings, Soup)
    anchored = settings.anchored(tmp_path)
    assert anchored.models == (str(tmp_path / "one"), str(tmp_path / "other"))
    assert anchored.problems() == [
        f"models: {tmp_path / name} holds no reward model, nor a run with one" for name in ("one", "other")
    ]
    three = settings.model_copy(update={"weights": (0.2, 0.3, 0.5)})
    assert three.problems() == ["weights: 3 for 2 models; give one each"]


def test_weights_that_are_no_numbers_and_other_templates_are_refused(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="together 1"):
        soup(folders(runs), [float("nan"), 1.0])
    with pytest.raises(ValidationError):
        Soup(models=("a", "b"), weights=(float("nan"), 0.5))
    shutil.copytree(folders(runs)[1], tmp_path / "other")
    other = load_reward_model(tmp_path / "other", name="other", dtype="float32", merge=True)
    other.causal.tokenizer.chat_template = "{{ messages[0].content }}"
    shutil.rmtree(tmp_path / "other")
    other.save(tmp_path / "other")
    with pytest.raises(ModelError, match="its chat template is not that of"):
        soup([folders(runs)[0], tmp_path / "other"])


def test_rules_of_components_and_doubt_do_not_depend_on_who_comes_first(runs: list[Path], tmp_path: Path) -> None:
    causal = load_reward_model(folders(runs)[0], name="r", dtype="float32").causal
    places = []
    for number, weights in enumerate(((0.9, 0.1), (0.1, 0.9))):
        model = ScalarHeadModel.fresh(causal, name="r", components=("x", "y"))
        replace(model, aggregation=Aggregation("mean", weights)).save(tmp_path / str(number))
        places.append(tmp_path / str(number))
    with pytest.raises(ModelError, match=r"by mean of 0\.1, 0\.9, and .* by mean of 0\.9, 0\.1"):
        soup(places)
    assert soup([folders(runs)[0]] * 2).posterior is None
