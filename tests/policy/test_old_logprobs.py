"""PPO by what its policy sampled with: the numbers of a pass over all samples, without that pass."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from accord.artefacts import SAMPLES, OnlineMetrics, RolloutRow, RunReader, logprobs_of
from accord.lm.adapters import LoRA
from accord.lm.generate import generate
from accord.lm.loading import load
from accord.lm.packed import TokenizedCompletion
from accord.policy import PPO, rollout
from accord.policy.materials import Materials
from accord.policy.rollout import measure
from accord.policy.servers.settings import SamplerServer
from accord.records import Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from families import MODELS, ours
from small_data import LetterJudge, letters_dataset

DATA = letters_dataset()
FORM: dict[str, Any] = {
    "dtype": "float32",
    "max_steps": 3,
    "prompts_per_step": 2,
    "group_size": 4,
    "sampling": Sampling(max_tokens=8),
    "save_every": 1,
    "optim": Optim(lr=2e-3, warmup_steps=0, lr_schedule="constant", eps=1e-6),
}
CASES: dict[str, dict[str, Any]] = {
    "one update": {"minibatches": 1},
    "four updates": {"minibatches": 2, "epochs": 2},
    "adapters": {"minibatches": 2, "lora": LoRA(rank=2)},
    "values first": {"minibatches": 2, "value_warmup": 1, "value_gradient": True},
    "another temperature": {"minibatches": 4, "sampling": Sampling(max_tokens=8, temperature=0.7)},
}


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose log-probabilities of samples were measured by a pass of its own."""
    found: list[str] = []

    def counted(causal: Any, *given: Any, **form: Any) -> Any:
        found.append(causal.name)
        return measure(causal, *given, **form)

    monkeypatch.setattr(rollout, "measure", counted)
    return found


def made(settings: PPO, start: Path, folder: Path) -> tuple[list[OnlineMetrics], list[RolloutRow]]:
    """What each step logs, and the samples that are kept."""
    materials = Materials(data=DATA, start=start, prompts=DATA.prompts_of("train"), judge=LetterJudge())
    with RunDirectory.create(folder) as run:
        steps = [step.metrics for step in settings.steps(materials, run)]
        return steps, list(RunReader(run).rows(SAMPLES, "policy"))


@pytest.mark.parametrize("case", CASES)
def test_numbers_are_those_of_a_pass_over_all_samples(
    case: str, start: Path, tmp_path: Path, passes: list[str]
) -> None:
    fields = {**FORM, **CASES[case]}
    steps, rows = made(PPO(**fields), start, tmp_path / "sampled")
    assert passes.count("policy") == 0
    measured_steps, measured_rows = made(PPO(**fields, old_logprobs="measured"), start, tmp_path / "measured")
    assert passes.count("policy") == len(measured_steps) == len(steps) == 3
    for one, other in zip(steps, measured_steps, strict=True):
        for name, value in other.model_dump(exclude={"seconds", "entropy"}).items():
            if isinstance(value, float):
                assert getattr(one, name) == pytest.approx(value, abs=2e-5, rel=1e-3), name
    for row, measured in zip(rows, measured_rows, strict=True):
        assert row.token_ids == measured.token_ids
        assert logprobs_of(row) == pytest.approx(measured.logprobs, abs=2e-5)
        assert row.reference_logprobs == pytest.approx(measured.reference_logprobs, abs=2e-5)


def test_the_first_update_measures_its_own_samples(start: Path, tmp_path: Path) -> None:
    _, rows = made(PPO(**FORM, minibatches=4), start, tmp_path / "run")
    for step in (1, 2, 3):
        of_step = [row for row in rows if row.step == step]
        assert sum(row.logprobs is not None for row in of_step) == 2
        assert all(row.rollout_logprobs is not None for row in of_step)


def test_what_differs_is_measured_and_logged(start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sampler whose log-probabilities are off by a tenth of a nat is seen by the update that reads a part of it."""
    from accord.policy import shared_sampler

    def apart(*given: Any, **form: Any) -> Any:
        groups = generate(*given, **form)
        return [
            [each.model_copy(update={"logprobs": tuple(x - 0.1 for x in each.logprobs)}) for each in group]
            for group in groups
        ]

    monkeypatch.setattr(shared_sampler, "generate", apart)
    steps, _ = made(PPO(**FORM, minibatches=4), start, tmp_path / "run")
    assert [step.sampler_logprob_diff for step in steps] == pytest.approx([0.1] * 3, abs=1e-4)


@pytest.mark.parametrize(
    ("fields", "while_sampling"),
    [
        ({}, True),
        ({"epochs": 3}, True),
        ({"old_logprobs": "measured"}, False),
        ({"staleness": 1}, False),
        ({"importance_weights": "token"}, False),
        ({"sampler": SamplerServer(url="http://127.0.0.1:1/v1")}, False),
        ({"dropout": True, "base": "tiny"}, False),
    ],
)
def test_where_the_policy_does_not_sample_as_it_is_all_is_measured(
    fields: dict[str, Any], while_sampling: bool
) -> None:
    settings = PPO(**fields)
    assert settings.values_while_sampling is while_sampling
    assert settings.needs_old_logprobs is not while_sampling


def _read_values(family: str) -> Iterator[tuple[float, float]]:
    causal = ours(family)
    head = nn.Linear(causal.width, 1)
    prompts = [(1, 2, 3), tuple(range(9, 40)), (7,)]
    groups = generate(causal, prompts, 3, Sampling(max_tokens=12, seed=4), batch=4, head=head)
    flat = [(prompt, sample) for prompt, group in zip(prompts, groups, strict=True) for sample in group]
    answers = [TokenizedCompletion(prompt, sample.token_ids, key) for key, (prompt, sample) in enumerate(flat)]
    value_BT = measure(causal, answers, 12, 1.0, head=head).value_BT
    for row, (_, sample) in enumerate(flat):
        assert sample.values is not None
        yield from zip(sample.values, value_BT[row].tolist(), strict=False)


@pytest.mark.filterwarnings("ignore:bloom")
@pytest.mark.parametrize("family", MODELS)
def test_values_are_read_before_each_token_by_every_decoder(family: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        pairs = list(_read_values(family))
    assert len(pairs) > 40
    assert max(abs(one - other) for one, other in pairs) < 1e-4
    assert len({round(one, 3) for one, _ in pairs}) > 20


def test_without_a_head_there_are_no_values() -> None:
    ((sample,),) = generate(ours("llama"), [(1, 2)], 1, Sampling(max_tokens=4))
    assert sample.values is None


def test_of_samples_that_nobody_measured_nothing_is_said(start: Path) -> None:
    causal = load(start)
    prompts = DATA.prompts_of("train")[:2]
    made = rollout.generate_rollouts(
        causal, None, LetterJudge(), prompts, 2, Sampling(max_tokens=4, seed=1), old_logprobs=False
    )
    assert (made.sampler_logprob_diff, made.sampler_kl) == (0, 0)  # whoever asks for no measurement takes the sampler's
    assert (made.unmeasured().sampler_logprob_diff, made.unmeasured().sampler_kl) == (None, None)
    for row in made.unmeasured().rows(1, 1.0):
        assert row.logprobs is None
        assert logprobs_of(row) == row.rollout_logprobs
