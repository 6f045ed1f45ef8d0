"""A learnt reward that goes on from an earlier one begins where that ended, heads and members and all."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from accord.artefacts import MODEL
from accord.errors import ModelError, RecipeError
from accord.feedback import Dataset
from accord.lm.reward_model_files import read_head
from accord.reward import BradleyTerry
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import letters_dataset

SETTINGS: dict[str, Any] = {
    "base": "tiny",
    "dtype": "float32",
    "epochs": 1,
    "step_completions": 16,
    "optim": Optim(lr=5e-3, warmup_steps=0),
}
STILL = Optim(lr=1e-12, warmup_steps=0)


def grouped(data: Dataset, groups: tuple[str, ...]) -> Dataset:
    """The evaluators are of these groups in turn."""
    people = {
        name: each.model_copy(update={"attributes": {"team": groups[i // 3 % len(groups)]}})
        for i, (name, each) in enumerate(data.evaluators.items())
    }
    renamed = {name: each.id for name, each in people.items()}
    pairs = {
        split: tuple(pair.model_copy(update={"evaluator": renamed[pair.evaluator]}) for pair in side if pair.evaluator)
        for split, side in data.pairs.items()
    }
    return Dataset(**{**vars(data), "evaluators": {each.id: each for each in people.values()}, "pairs": pairs})


def fit(folder: Path, data: Dataset, **settings: Any) -> tuple[Path, Any]:
    """A reward fitted in a new run, and where its model lies."""
    reward = BradleyTerry(**{**SETTINGS, **settings})
    with RunDirectory.create(folder, seed=len(folder.name)) as run:
        judge = reward.fit(data, run)
        return MODEL.verified(run, "reward"), judge


FORMS: list[dict[str, Any]] = [
    {},
    {"ensemble_size": 3},
    {"ensemble_size": 2, "ensemble": "adapters", "ensemble_layers": 1, "ensemble_rank": 2},
    {"group_by": "team"},
    {"group_by": "team", "pooling_sd": 0.5, "ensemble_size": 2},
    {"ties": "davidson"},
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(form) or "plain")
def test_without_learning_it_is_the_earlier_one(tmp_path: Path, form: dict[str, Any]) -> None:
    data = grouped(letters_dataset(), ("red", "blue"))
    folder, earlier = fit(tmp_path / "first", data, **form)
    _, later = fit(tmp_path / "second", data, **form, go_on_from=str(folder), optim=STILL, term_lr=1e-12)
    prompts = [data.prompts[each.prompt] for each in data.completions.values()]
    texts = list(data.completions.values())
    assert later.raw(prompts, texts) == pytest.approx(earlier.raw(prompts, texts), abs=1e-4)
    _, new = fit(tmp_path / "another", data, **form, optim=STILL, term_lr=1e-12)
    assert np.abs(new.raw(prompts, texts) - earlier.raw(prompts, texts)).max() > 0.01


def test_a_new_group_begins_at_the_mean_of_those_there_were(tmp_path: Path) -> None:
    data = letters_dataset()
    folder, _ = fit(tmp_path / "first", grouped(data, ("red", "blue")), group_by="team")
    more = grouped(data, ("red", "blue", "green"))
    again, _ = fit(tmp_path / "second", more, group_by="team", go_on_from=str(folder), optim=STILL)
    saved, head = read_head(folder), read_head(again)
    assert head.components == ("blue", "green", "red")
    assert torch.allclose(head.weight_MD[[0, 2]], saved.weight_MD, atol=1e-6)
    assert torch.allclose(head.weight_MD[1], saved.weight_MD.mean(0), atol=1e-6)


def test_the_prior_lies_about_new_heads_or_about_the_earlier_ones(tmp_path: Path) -> None:
    """With a narrow prior, few answers move a head to where its prior lies."""
    data = letters_dataset()
    folder, _ = fit(tmp_path / "first", data, head_prior_std="flat")
    form: dict[str, Any] = {"go_on_from": str(folder), "head_prior_std": 1e-3, "trained_layers": 1, "epochs": 20}
    earlier = read_head(folder).weight_MD
    about_new, _ = fit(tmp_path / "new", data, **form)
    about_start, _ = fit(tmp_path / "start", data, **form, prior_about="earlier")
    assert (read_head(about_start).weight_MD - earlier).norm() < 0.2 * (read_head(about_new).weight_MD - earlier).norm()


@pytest.mark.parametrize(
    ("first", "second"),
    [({}, {"ensemble_size": 2}), ({"ensemble_size": 2}, {"ensemble_size": 2, "ensemble": "adapters"})],
)
def test_another_form_is_refused(tmp_path: Path, first: dict[str, Any], second: dict[str, Any]) -> None:
    data = letters_dataset()
    folder, _ = fit(tmp_path / "first", data, **first)
    with pytest.raises(ModelError, match="begin anew"):
        fit(tmp_path / "second", data, **second, go_on_from=str(folder), ensemble_layers=1)


def test_what_is_no_reward_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        fit(tmp_path / "second", letters_dataset(), go_on_from=str(tmp_path))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"prior_about": "earlier"}, "prior_about: 'earlier' is about a reward model to go on from"),
        ({"go_on_from": "x", "head_per": "unknown_group"}, "go_on_from: groups that are found are found anew"),
    ],
)
def test_settings_that_contradict_are_named(tmp_path: Path, settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(RecipeError, match=problem):
        fit(tmp_path / "first", letters_dataset(), **settings)
