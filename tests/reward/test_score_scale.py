"""The unit of scores: of opposed groups, of a single text, of texts that hardly differ, of a sum."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from accord.feedback import Dataset
from accord.lm.aggregation import Aggregation, Rule
from accord.lm.loading import load
from accord.lm.reward_model import ScalarHeadModel
from accord.reward.kinds.distributional import Distributional
from accord.reward.learnt import normalise
from accord.run import RunDirectory
from small_data import letters_dataset


@pytest.fixture(scope="module")
def data() -> Dataset:
    return letters_dataset(prompts=3)


def opposed_heads(aggregation: Aggregation, *, apart: float = 0.01) -> ScalarHeadModel:
    """Two components, of which one is nearly minus the other."""
    judge = ScalarHeadModel.fresh(load("tiny", seed=1), name="judge", seed=3, components=("x", "y"))
    with torch.no_grad():
        judge.head.weight[1] = -judge.head.weight[0] + apart * judge.head.weight[1]
    judge.aggregation = aggregation
    return judge


@pytest.mark.parametrize("rule", ["mean", "maxmin", "quantile", "borda", "nash"])
def test_groups_that_want_opposite_things_have_scores_of_unit_size(rule: Rule, data: Dataset) -> None:
    judge = opposed_heads(Aggregation(rule))
    names = list(data.completions)
    normalise(judge, data, names)
    completions = [data.completions[name] for name in names]
    scores = judge.score([data.prompts[each.prompt] for each in completions], completions)
    widths = [scores.components[name].value_N.std() for name in ("x", "y")]
    assert np.mean(np.square(widths)) == pytest.approx(1)
    assert np.abs(scores.value_N).max() < 20


def test_a_component_that_counts_nothing_does_not_set_the_unit(data: Dataset) -> None:
    judge = opposed_heads(Aggregation("mean", (0.0, 2.0)))
    with torch.no_grad():
        judge.head.weight[0] *= 100
    names = list(data.completions)
    normalise(judge, data, names)
    completions = [data.completions[name] for name in names]
    scores = judge.score([data.prompts[each.prompt] for each in completions], completions)
    assert scores.value_N.std() == pytest.approx(1)


def test_a_sum_has_the_unit_of_the_sum(data: Dataset) -> None:
    judge = opposed_heads(Aggregation("sum", (2.0, -1.0)))
    names = list(data.completions)
    normalise(judge, data, names)
    completions = [data.completions[name] for name in names]
    scores = judge.score([data.prompts[each.prompt] for each in completions], completions)
    assert scores.value_N.std() == pytest.approx(1)


def test_texts_that_do_not_differ_set_no_unit(data: Dataset, tmp_path: Path) -> None:
    judge = opposed_heads(Aggregation("mean", (1.0, 0.0)))
    normalise(judge, data, list(data.completions)[:1])
    assert judge.score_scale == 1.0
    with torch.no_grad():
        judge.head.weight *= 1e-5
    normalise(judge, data, list(data.completions))
    assert judge.score_scale == 1.0
    settings = Distributional(base="tiny", dtype="float32", epochs=1)
    pair = data.pairs["train"][0]
    same = pair.model_copy(update={"rejected": pair.chosen, "tie": True})
    alike = replace(data, pairs={**data.pairs, "train": (same,)})
    with RunDirectory.create(tmp_path / "run") as run:
        assert settings.fit(alike, run).score_scale == 1.0
