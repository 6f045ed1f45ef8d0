"""A sampler that lives elsewhere: the trainer is given it, and learns the same from it as from its own policy."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from accord.artefacts import METRICS, SAMPLES, OnlineMetrics
from accord.interfaces import Sampler, Scores
from accord.lm.causal import CausalModel
from accord.lm.generate import LocalSampler
from accord.lm.loading import load
from accord.policy import GRPO, PPO, PRO, REINFORCE, RLOO, GroupSoup, ReinforcePP
from accord.policy.materials import Materials
from accord.policy.online_trainer import OnlineTrainer, build_trainer
from accord.policy.rollout import generate_rollouts
from accord.recipe import Evaluate
from accord.records import Completion, Sample, Sampling
from accord.reward import BradleyTerry
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


def test_a_sampler_that_lags_behind_shows(tmp_path: Path) -> None:
    """The first step had nothing to learn from, all its texts scored alike; the second moved the weights."""
    with RunDirectory.create(tmp_path / "run") as run:
        metrics = [step.metrics for step in trained(run, every=3)]
    for fresh in (metrics[0], metrics[3]):
        assert fresh.sampler_logprob_diff == pytest.approx(0, abs=1e-4)
        assert fresh.sampler_kl == pytest.approx(0, abs=1e-6)
    assert metrics[2].sampler_logprob_diff is not None
    assert metrics[2].sampler_kl is not None
    assert metrics[2].sampler_logprob_diff > 1e-2
    assert metrics[2].sampler_kl > 1e-4


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
def test_kl_and_entropy_are_those_of_the_distribution_that_is_drawn_from(temperature: float) -> None:
    """Texts of one token, so that both are known by enumeration, at the temperature at which tokens are drawn."""
    policy, reference = load("tiny", seed=1), load("tiny", seed=2)
    sampling = Sampling(max_tokens=1, temperature=temperature, seed=5)
    rollout = generate_rollouts(policy, reference, LetterJudge(), PROMPTS[:1], 4000, sampling)
    ids = torch.tensor([policy.encode_prompt(PROMPTS[0])])
    with torch.no_grad():
        logp_V, ref_V = ((each.model(ids).logits[0, -1] / temperature).log_softmax(-1) for each in (policy, reference))
    kl, entropy = float((logp_V.exp() * (logp_V - ref_V)).sum()), -float((logp_V.exp() * logp_V).sum())
    error = float(rollout.kl_B.std()) / 4000**0.5
    assert float(rollout.kl_B.mean()) == pytest.approx(kl, abs=4 * error)
    assert rollout.entropy == pytest.approx(entropy, rel=1e-4)


def test_the_kl_of_a_wrong_sampler_is_estimated_without_bias() -> None:
    """k3 on what the sampler drew, against the enumeration; the mean ratio would be 1."""
    policy, other = load("tiny", seed=1), load("tiny", seed=2)
    sampler = LocalSampler(other)
    rollout = generate_rollouts(
        policy, None, LetterJudge(), PROMPTS[:1], 4000, Sampling(max_tokens=1, seed=3), sampler=sampler
    )
    ids = torch.tensor([policy.encode_prompt(PROMPTS[0])])
    with torch.no_grad():
        logp_V, logq_V = (each.model(ids).logits[0, -1].log_softmax(-1) for each in (policy, other))
    assert rollout.sampler_kl == pytest.approx(float((logq_V.exp() * (logq_V - logp_V)).sum()), rel=0.1)
    wanted = float((logq_V.exp() * (logq_V - logp_V).abs()).sum())
    assert rollout.sampler_logprob_diff == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize("form", [{"top_p": 0.9}, {"top_k": 3}, {"temperature": 0.0}], ids=str)
def test_a_policy_learns_from_its_whole_distribution_alone(form: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="from its whole distribution"):
        RLOO(sampling=Sampling(**form))
    with pytest.raises(ValidationError, match="from the whole distribution"):
        Evaluate(judge=BradleyTerry(), sampling=Sampling(**form))
    assert PRO(sampling=Sampling(**form)).sampling == Sampling(**form)  # the start's texts are ranked, not weighed
    with pytest.raises(ValidationError, match="from its whole distribution"):
        PRO(source="policy", sampling=Sampling(**form))


def test_updates_without_a_text_are_refused() -> None:
    with pytest.raises(ValidationError, match="minibatches = 3 of the 2 texts of a step"):
        PPO(prompts_per_step=1, group_size=2, minibatches=3)


@pytest.mark.parametrize("kind", [PPO, REINFORCE, ReinforcePP])
def test_a_step_of_one_text_has_no_deviation(kind: Any, tmp_path: Path) -> None:
    """What one sample does not say is null: neither NaN nor 0."""
    form: dict[str, Any] = {"prompts_per_step": 1, "group_size": 1, "minibatches": 1, "max_steps": 2}
    settings = kind(base="tiny", dtype="float32", sampling=Sampling(max_tokens=3), **form)
    with RunDirectory.create(tmp_path / "run") as run:
        steps = [step.metrics for step in settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge()), run)]
        assert list(METRICS.read(run, "policy")) == steps
    assert all(step.reward_std is None and step.kl_se is None and step.kl is not None for step in steps)


@pytest.mark.parametrize(
    "settings",
    [
        GRPO(kl_coef=0.0, missing_eos_penalty=0.0),
        GRPO(kl_coef=0.0, missing_eos_penalty=0.0, epochs=2, scale=False),
        RLOO(kl_coef=0.0, missing_eos_penalty=0.0),
        REINFORCE(kl_coef=0.0, missing_eos_penalty=0.0),
        REINFORCE(kl_coef=0.0, missing_eos_penalty=0.0, baseline="prompt"),
        ReinforcePP(kl_coef=0.0, missing_eos_penalty=0.0),
        PRO(missing_eos_penalty=0.0),
        GroupSoup(kl_coef=0.0, missing_eos_penalty=0.0, components=("one", "other")),
    ],
    ids=lambda settings: settings.kind,
)
def test_equal_scores_move_nothing(settings: Any, tmp_path: Path) -> None:
    """Ten scores of .1, whose mean is not .1 in float32, weight decay or not: every weight keeps its bits."""
    load("tiny").save(tmp_path / "start")
    form = {"base": str(tmp_path / "start"), "dtype": "float32", "sampling": Sampling(max_tokens=5), "group_size": 10}
    optim = Optim(lr=1e-2, warmup_steps=0, weight_decay=0.1)
    with RunDirectory.create(tmp_path / "run") as run:
        settings = settings.model_copy(update={**form, "max_steps": 3, "prompts_per_step": 2, "optim": optim})
        list(settings.steps(Materials(prompts=PROMPTS, judge=Constant()), run))
        after = load(run.verified("policy/model")).model.state_dict()
    before = load(tmp_path / "start").model.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())


class Constant:
    """Everything is worth .1, as a whole and in both of its components."""

    name = "constant"

    def score(self, prompts: object, completions: list[Completion]) -> Scores:
        value_N = np.full(len(completions), 0.1)
        return Scores(value_N, components={"one": Scores(value_N), "other": Scores(value_N)})
