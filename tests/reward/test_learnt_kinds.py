"""Each kind of judgement alone teaches what is true, and a fit goes on to the same numbers after it was broken off."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accord.feedback import Dataset
from accord.interfaces import Judge
from accord.records import Completion
from accord.reward import REWARDS
from accord.reward.learnt import LearntReward
from accord.run import RunDirectory
from small_judgements import correlation, judged_letters

TINY = {
    "base": "tiny",
    "dtype": "float32",
    "epochs": 12,
    "step_completions": 16,
    "save_every": 5,
    "optim": {"lr": 5e-3, "warmup_steps": 3},
    "head_lr_scale": 2,
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "plackett_luce": ("ranking", {}),
    "rating_regression": ("rating", {}),
    "cumulative_rating": ("rating", {}),
    "label_logistic": ("label", {"coefficients": {"good": 1, "bad": -1}}),
    "correction": ("correction", {}),
    "demonstration": ("demonstration", {}),
    "critique": ("critique", {}),
    "joint": ("", {}),
}


def settings_of(kind: str, **changes: Any) -> LearntReward:
    made = REWARDS.get(kind).model_validate({**TINY, **CASES.get(kind, ("", {}))[1], **changes})
    assert isinstance(made, LearntReward)
    return made


def agreement(judge: Judge, data: Dataset) -> float:
    def score(texts: Sequence[Completion]) -> Sequence[float]:
        found: list[float] = judge.score([data.prompts[each.prompt] for each in texts], texts).value_N.tolist()
        return found

    return correlation(data, "held_out", score)


@pytest.mark.parametrize("kind", CASES)
def test_each_kind_of_judgement_teaches_what_is_true(kind: str, tmp_path: Path) -> None:
    said = CASES[kind][0]
    data = judged_letters(*filter(None, [said]))
    assert not any(data.pairs.values())
    with RunDirectory.create(tmp_path / "run") as run:
        steps = list(settings_of(kind).steps(data, run))
        judge = settings_of(kind).load(run)
    assert agreement(judge, data) > 0.7
    assert set(steps[0].metrics.observations or {}) <= {said} if said else True
    losses = [step.metrics.loss for step in steps]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
