"""Heads of groups that nobody named, over a language model: found, taught, kept, resumed; or refused."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.lm.reward_model import ScalarHeadModel
from accord.records import Evaluator, Pair
from accord.reward import BradleyTerry
from accord.reward.observations import of_pair
from accord.reward.people import unknown_groups
from accord.reward.people.feature_fit import FeatureFit
from accord.reward.people.group_number import GroupNumber
from accord.reward.people.unknown_groups import UnknownGroups
from accord.reward.terms.comparisons import Comparisons
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import letters_dataset

SETTINGS = BradleyTerry(
    base="tiny",
    dtype="float32",
    epochs=10,
    step_completions=16,
    save_every=4,
    optim=Optim(lr=5e-3, warmup_steps=3),
    head_lr_scale=1,
    head_per="unknown_group",
)


def society(likes: int, dislikes: int) -> Dataset:
    """The letters' pairs in turn by people who like the letter a or dislike it; nothing says who does which."""
    data = letters_dataset(prompts=30)
    people = [Evaluator(kind="simulated", pseudonym=f"{i:02}") for i in range(likes + dislikes)]

    def judged(pair: Pair, person: Evaluator) -> Pair:
        turned = int(str(person.pseudonym)) >= likes
        sides = {"chosen": pair.rejected, "rejected": pair.chosen} if turned else {}
        return pair.model_copy(update={**sides, "evaluator": person.id})

    pairs = {
        split: tuple(judged(pair, person) for pair, person in zip(some, itertools.cycle(people), strict=False))
        for split, some in data.pairs.items()
    }
    return replace(data, pairs=pairs, evaluators={each.id: each for each in people})


def correlation(judge: ScalarHeadModel, data: Dataset) -> float:
    texts = [each for each in data.completions.values() if data.split_of[each.prompt] == "held_out"]
    value_N = judge.score([data.prompts[each.prompt] for each in texts], texts).value_N
    return float(np.corrcoef(value_N, [each.text.count("a") / len(each.text) for each in texts])[0, 1])


def test_groups_their_number_and_their_rewards_are_found(tmp_path: Path) -> None:
    data = society(likes=6, dislikes=3)
    with RunDirectory.create(tmp_path / "run") as run:
        SETTINGS.model_copy(update={"group_weights": "people"}).fit(data, run)
        judge = SETTINGS.load(run)
        kept = json.loads((run.path / "reward/model/evaluators.json").read_text())
    assert judge.components == ("group 1", "group 2") or judge.components == ("group 2", "group 1")
    assert correlation(judge.for_component("group 1"), data) > 0.7
    assert correlation(judge.for_component("group 2"), data) < -0.7
    assert max(judge.aggregation.weights) == pytest.approx(6, abs=0.1)
    column = kept["groups"].index("group 2")
    for name, share_K in kept["responsibilities"].items():
        assert (share_K[column] > 0.9) == (int(str(data.evaluators[name].pseudonym)) >= 6)


def test_people_who_are_alike_get_one_head(tmp_path: Path) -> None:
    data = society(likes=9, dislikes=0)
    with RunDirectory.create(tmp_path / "run") as run:
        judge = SETTINGS.model_copy(update={"epochs": 1}).fit(data, run)
    assert judge.components == ()
    assert len(judge.mean_M) == 1


def test_a_broken_off_fit_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    data = society(likes=6, dislikes=3)
    settings = SETTINGS.model_copy(update={"unknown_groups": 2, "epochs": 2, "pooling_sd": 2.0, "ensemble_size": 2})
    with RunDirectory.create(tmp_path / "whole") as run:
        whole = settings.fit(data, run)
    with RunDirectory.create(tmp_path / "broken") as run:
        for step in settings.steps(data, run):
            if step.step == 6:
                break
    with RunDirectory.open(tmp_path / "broken") as run:
        again = settings.fit(data, run)
    assert torch.equal(whole.head.weight, again.head.weight)
    assert whole.components == again.components


def test_too_few_answers_are_refused(tmp_path: Path) -> None:
    data = letters_dataset(prompts=12)
    with (
        RunDirectory.create(tmp_path / "run") as run,
        pytest.raises(RecipeError, match="reward: unknown groups need 4 evaluators with 20 answers"),
    ):
        SETTINGS.fit(replace(data, pairs={**data.pairs, "train": data.pairs["train"][:60]}), run)


def test_answers_move_responsibilities_by_bayes() -> None:
    heads = UnknownGroups(["e-1", "e-2"], [2, 4], np.zeros((2, 2)))
    pair = Pair(prompt="p", chosen="c", rejected="d", evaluator="e-1")
    said = [of_pair(pair), of_pair(pair)]
    heads.note(said, torch.tensor([0, 0, 1, 1]), torch.tensor([0.1, 0.9, 0.2, 1.2]))
    odds = np.exp(-0.3) / np.exp(-2.1)  # all that e-1 answered was read, so the sums are those of the step
    share = odds / (1 + odds)
    assert heads.shares(said[0]) == pytest.approx({0: share, 1: 1 - share})
    assert heads.shares(of_pair(pair.model_copy(update={"evaluator": "e-2"}))) == pytest.approx(
        {0: heads.state["shares"][0], 1: heads.state["shares"][1]}, abs=0.15
    )
    unknown = heads.shares(of_pair(pair.model_copy(update={"evaluator": None})))
    assert list(unknown.values()) == pytest.approx([(share + 1.5) / 4, (1 - share + 1.5) / 4])


def test_weights_count_in_both_steps() -> None:
    """A copy of an answer and an answer of double weight are the same, for parameters and for who belongs where."""
    pair = Pair(prompt="p", chosen="c", rejected="d", evaluator="e-1")
    once, other = of_pair(pair), of_pair(pair.model_copy(update={"chosen": "d", "rejected": "c"}))
    double = of_pair(pair.model_copy(update={"weight": 2.0}))
    found = []
    for said in ([once, of_pair(pair), other], [double, other]):
        terms = torch.nn.ModuleDict({"comparison": Comparisons()})
        fit = FeatureFit(torch.tensor([[1.0], [-1.0]]), terms, {id(each): "comparison" for each in said}, said)
        (weight_DK, _), loglik_OK = fit(np.ones((len(said), 1)), None)
        found.append((weight_DK.item(), loglik_OK.sum()))
    assert found[0] == pytest.approx(found[1], rel=1e-3)


def test_a_group_that_gains_nothing_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People who are alike, of whom two groups are said to have been found."""
    chosen = GroupNumber(2, (0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
    monkeypatch.setattr(unknown_groups, "choose_groups", lambda *_, **__: chosen)
    data = society(likes=9, dislikes=0)
    settings = SETTINGS.model_copy(update={"epochs": 0.2, "components": ("group 1",)})
    with RunDirectory.create(tmp_path / "run") as run, caplog.at_level("WARNING", logger="accord"):
        judge = settings.fit(data, run)
        kept = json.loads((run.path / "reward/model/evaluators.json").read_text())
    assert judge.components == ()
    (group,) = kept["no_head_of_their_own"]
    assert group["gain"] <= group["error"]
    assert kept["groups"] == []
    assert "has no head of its own" in caplog.text
    text = next(iter(data.completions.values()))
    assert judge.score([data.prompts[text.prompt]], [text]).components == {}  # "group 1" is not there to be listed


def test_scaled_rewards_are_weights_times_the_factor() -> None:
    pair = Pair(prompt="p", chosen="c", rejected="d", weight=2.0, evaluator="e-1")
    said = [of_pair(pair)]
    terms = torch.nn.ModuleDict({"comparison": Comparisons()})
    fit = FeatureFit(torch.tensor([[1.0], [-1.0]]), terms, {id(said[0]): "comparison"}, said)
    found_OK = fit.scaled((torch.tensor([[0.7, -0.2]]), terms), 0.5)
    assert found_OK[0] == pytest.approx(-2 * np.log1p(np.exp(-2 * 0.5 * np.array([0.7, -0.2]))))
