"""What online training does with what should not happen: a defined result, or a stop that keeps the last good step."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from accord.errors import ModelError, TrainingStopped
from accord.interfaces import Scores
from accord.lm.loading import load
from accord.policy import GRPO, PPO, REINFORCE, RLOO, ReinforcePP
from accord.policy.materials import Materials
from accord.records import Completion, Prompt, Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import letters_dataset

PROMPTS = letters_dataset().prompts_of("train")
COMMON: dict[str, Any] = {
    "base": "tiny",
    "dtype": "float32",
    "max_steps": 4,
    "prompts_per_step": 2,
    "group_size": 4,
    "sampling": Sampling(max_tokens=6),
    "kl_coef": 0.0,
    "missing_eos_penalty": 0.0,
    "save_every": 1,
    "optim": Optim(lr=1e-3, warmup_steps=0, lr_schedule="constant"),
}
ALGORITHMS = [PPO(**COMMON, kl_target=0.0), GRPO(**COMMON), RLOO(**COMMON), REINFORCE(**COMMON), ReinforcePP(**COMMON)]


class Indifferent:
    """Every text is worth the same."""

    name = "indifferent"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        return Scores(np.full(len(completions), 0.7))


class Failing(Indifferent):
    """From the third call on, one score is not a number."""

    name = "failing"
    calls = 0

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        self.calls += 1
        value_N = np.linspace(0, 1, len(completions))
        if self.calls >= 3:
            value_N[1] = np.nan
        return Scores(value_N)


class Short(Indifferent):
    """One score too few."""

    name = "short"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        return Scores(np.zeros(len(completions) - 1))


@pytest.mark.parametrize("settings", ALGORITHMS, ids=lambda each: each.kind)
def test_equal_rewards_move_nothing(settings: Any, tmp_path: Path) -> None:
    if settings.kind == "ppo":  # its values are still to be learnt, and until then differ from the returns
        settings = settings.model_copy(update={"gae_lambda": 1.0, "max_steps": 1})
    with RunDirectory.create(tmp_path / "run") as run:
        made = list(settings.steps(Materials(prompts=PROMPTS, judge=Indifferent()), run))
        after = load(run.verified("policy/model")).model.state_dict()
    assert all(step.metrics.frac_zero_std == 1.0 for step in made)
    before = load("tiny", seed=_seed(run)).model.state_dict()
    assert all(torch.allclose(after[name], value, atol=1e-6) for name, value in before.items())


def _seed(run: RunDirectory) -> int:
    from accord.train.seeds import seed_of

    return seed_of(run.seed, "policy")


@pytest.mark.parametrize("settings", ALGORITHMS, ids=lambda each: each.kind)
def test_a_score_that_is_no_number_stops_and_keeps_the_last_step(settings: Any, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        with pytest.raises(TrainingStopped, match=r"the judge 'failing' did not score the samples: scores \[1\]"):
            list(settings.steps(Materials(prompts=PROMPTS, judge=Failing()), run))
        kept = run.last_checkpoint("policy")
        assert kept is not None
        assert kept.step == 2
    assert TrainingStopped.exit_status == 3


def test_a_policy_that_leaves_its_reference_stops_and_keeps_the_last_step(tmp_path: Path) -> None:
    class Vowels(Indifferent):
        def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
            return Scores(np.array([each.text.count("a") for each in completions], dtype=float))

    fast = {**COMMON, "max_steps": 40, "save_every": 100, "max_kl": 1.0, "optim": Optim(lr=2e-2, warmup_steps=0)}
    with RunDirectory.create(tmp_path / "run") as run:
        with pytest.raises(TrainingStopped, match=r"became [\d.]+ nats .* above max_kl = 1; lower optim.lr"):
            list(RLOO(**fast).steps(Materials(prompts=PROMPTS, judge=Vowels()), run))
        kept = run.last_checkpoint("policy")
        rows = (tmp_path / "run/policy/metrics.jsonl").read_text().splitlines()
    assert kept is not None
    assert kept.step == len(rows) > 0


def test_a_reference_of_other_tokens_is_refused() -> None:
    from accord.lab.essay import EssayWorld
    from accord.policy import generate_rollouts

    other = EssayWorld(0).untrained(seed=0)
    with pytest.raises(ModelError, match=r"essay: its tokenizer is not that of tiny .* tokens differ, such as"):
        generate_rollouts(load("tiny"), other, Indifferent(), PROMPTS, 1, Sampling(max_tokens=4))


def test_a_judge_that_leaves_one_out_stops_the_training(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run, pytest.raises(TrainingStopped, match="7 scores for 8 samples"):
        list(RLOO(**COMMON).steps(Materials(prompts=PROMPTS, judge=Short()), run))


def test_a_policy_that_never_stops_is_told_by_its_stop_rate(tmp_path: Path) -> None:
    settings = RLOO(**{**COMMON, "sampling": Sampling(max_tokens=1), "missing_eos_penalty": 2.0, "max_steps": 1})
    with RunDirectory.create(tmp_path / "run") as run:
        (made,) = list(settings.steps(Materials(prompts=PROMPTS, judge=Indifferent()), run))
        rows = run.read_jsonl("policy/samples.jsonl")
    ended = sum(row["finish_reason"] == "eos" for row in rows) / len(rows)
    assert made.metrics.stop_rate == pytest.approx(ended)
    assert made.metrics.reward == pytest.approx(0.7)  # the penalty is not the judge's


def test_a_prompt_that_leaves_no_room_is_named(tmp_path: Path) -> None:
    settings = RLOO(**{**COMMON, "sampling": Sampling(max_tokens=510)})
    with (
        RunDirectory.create(tmp_path / "run") as run,
        pytest.raises(ModelError, match=r"prompt 0: .*shorten the prompt"),
    ):
        list(settings.steps(Materials(prompts=PROMPTS, judge=Indifferent()), run))


def test_no_positive_advantage_in_a_group_still_teaches(tmp_path: Path) -> None:
    """All scores of a group below zero: what counts is the difference within it."""

    class Harsh(Indifferent):
        def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
            return Scores(-5.0 - np.arange(len(completions)) % 4)

    with RunDirectory.create(tmp_path / "run") as run:
        made = list(GRPO(**COMMON).steps(Materials(prompts=PROMPTS, judge=Harsh()), run))
    assert all(step.metrics.grad_norm > 0 and step.metrics.frac_zero_std == 0 for step in made)
