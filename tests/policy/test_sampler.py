"""A sampler that lives elsewhere: the trainer is given it, and learns the same from it as from its own policy."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from accord.artefacts import SAMPLES, OnlineMetrics
from accord.interfaces import Sampler
from accord.lm.causal import CausalModel
from accord.lm.generate import LocalSampler
from accord.policy import RLOO
from accord.policy.online import OnlineTrainer, build_trainer
from accord.records import Sample, Sampling
from accord.run import RunDirectory
from accord.train import Optim, TrainingStep
from small_data import LetterJudge, letters_dataset

PROMPTS = letters_dataset().prompts_of("train")
SETTINGS = RLOO(
    base="tiny",
    dtype="float32",
    max_steps=4,
    prompts_per_step=2,
    group_size=4,
    sampling=Sampling(max_tokens=8),
    optim=Optim(lr=1e-2, warmup_steps=0),
)


class Elsewhere:
    """Samples from a copy of the policy, whose weights it is sent before every `every`th call."""

    def __init__(self, policy: CausalModel, every: int) -> None:
        self.policy, self.every, self.calls = policy, every, 0
        self.copy = copy.deepcopy(policy)

    def sample(self, prompts: Sequence[Sequence[int]], n: int, sampling: Sampling) -> list[list[Sample]]:
        if self.calls % self.every == 0:
            self.copy.model.load_state_dict(self.policy.model.state_dict())
        self.calls += 1
        return LocalSampler(self.copy).sample(prompts, n, sampling)


def trained(run: RunDirectory, every: int | None) -> list[TrainingStep[OnlineMetrics]]:
    """The steps with samples drawn here (None) or elsewhere."""
    parts: dict[str, Any] = vars(build_trainer(SETTINGS, PROMPTS, LetterJudge(), run, start=None, stage="policy"))
    sampler: Sampler = parts.pop("sampler") if every is None else Elsewhere(parts["policy"], every)
    assert isinstance(sampler, Sampler)
    names = ("policy", "reference", "judge", "loop", "limits", "start", "head")
    trainer = OnlineTrainer(SETTINGS, PROMPTS, sampler=sampler, **{name: parts[name] for name in names})
    return list(trainer.steps(SETTINGS.update))


def test_where_samples_are_drawn_changes_nothing(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "here") as here, RunDirectory.create(tmp_path / "there") as there:
        steps = {run.path.name: trained(run, every) for run, every in ((here, None), (there, 1))}
        assert list(SAMPLES.read(here, "policy")) == list(SAMPLES.read(there, "policy"))
    losses = {name: [step.metrics.policy_loss for step in made] for name, made in steps.items()}
    assert losses["here"] == losses["there"]


def test_a_sampler_that_lags_behind_shows_in_the_ratio(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        ratios = [step.metrics.ratio for step in trained(run, every=3)]
    assert ratios[0] == pytest.approx(1, abs=1e-4)
    assert ratios[3] == pytest.approx(1, abs=1e-4)
    assert ratios[2] is not None
    assert abs(ratios[2] - 1) > 1e-3  # the first step had nothing to learn from: all its texts scored alike
