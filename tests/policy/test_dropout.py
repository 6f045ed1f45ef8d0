"""Dropout is off wherever a recipe does not ask for it, and where it does, a run is still a function of its seed."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, OPTConfig, OPTForCausalLM

from accord.artefacts import METRICS, SAMPLES
from accord.interfaces import Scores
from accord.lm.adapters import LoRA
from accord.lm.loading import load
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.tiny import tiny_tokenizer
from accord.policy.constraints import Constraint
from accord.policy.materials import Materials
from accord.policy.maxmin import MaxMin
from accord.policy.registry import ALGORITHMS
from accord.policy.settings import PolicySettings
from accord.records import Completion, Sampling
from accord.reward import BradleyTerry
from accord.run import RunDirectory
from accord.train import BatchLimits, Optim
from families import COMMON, GPT2
from small_data import letters_dataset

DATA = letters_dataset(prompts=6, texts=4)
STILL = Optim(lr=1e-12, warmup_steps=0, lr_schedule="constant")
MOVING = Optim(lr=3e-3, warmup_steps=0, weight_decay=0.1)
ONLINE: dict[str, Any] = {"max_steps": 3, "prompts_per_step": 2, "group_size": 4, "sampling": Sampling(max_tokens=6)}
TWICE: dict[str, Any] = {**ONLINE, "epochs": 2, "minibatches": 2}
LORA = LoRA(rank=2, dropout=0.3)


class Lengths:
    """A judge with an opinion on what an untrained model writes, and two components."""

    name = "lengths"

    def score(self, prompts: object, completions: list[Completion]) -> Scores:
        value_N = np.array([len(each.text) + sum(each.token_ids or (0,)) % 7 for each in completions], dtype=np.float64)
        return Scores(value_N, components={"one": Scores(value_N), "other": Scores(-value_N)})


@pytest.fixture(scope="module", params=["gpt2", "opt"])
def noisy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose configuration says that a tenth, or a fifth, drops out while it is trained."""
    folder = tmp_path_factory.mktemp("noisy") / request.param
    sizes: dict[str, Any] = {"vocab_size": 258, "hidden_size": 32, "ffn_dim": 64, "word_embed_proj_dim": 32}
    sizes |= {"num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 512, "dropout": 0.2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made: Any = GPT2LMHeadModel(GPT2Config(**GPT2))
        if request.param == "opt":
            made = OPTForCausalLM(OPTConfig(**{**COMMON, "init_std": 0.2}, **sizes))
    made.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def settings_of(kind: str, **options: Any) -> PolicySettings:
    made = ALGORITHMS.get(kind)(**{"dtype": "float32", "optim": STILL, **options})
    assert isinstance(made, PolicySettings)
    return made


def trained(settings: PolicySettings, start: Path, folder: Path) -> list[Any]:
    with RunDirectory.create(folder) as run:
        return [each.metrics for each in settings.steps(Materials(data=DATA, start=start, judge=Lengths()), run)]


@pytest.mark.parametrize("lora", [None, LoRA(rank=2)], ids=["whole", "lora"])
@pytest.mark.parametrize("kind", ["ppo", "grpo", "rloo", "reinforce++", "dpo"])
def test_nothing_drops_out_unless_it_is_asked_for(kind: str, lora: LoRA | None, noisy: Path, tmp_path: Path) -> None:
    """At a rate of nothing ratios stay 1, the KL 0 and the loss of DPO log 2, at every step and update."""
    form = {"batch_size": 8} if kind == "dpo" else ONLINE if kind == "rloo" else TWICE
    for step in trained(settings_of(kind, lora=lora, **form), noisy, tmp_path / "run"):
        if kind == "dpo":
            assert step.loss == pytest.approx(math.log(2), abs=1e-5)
        else:
            assert step.clip_frac == 0
            assert step.kl == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("form", [{"dropout": True}, {"lora": LORA}, {"dropout": True, "lora": LORA}], ids=str)
def test_where_it_is_asked_for_ratios_begin_at_1_and_measures_are_without(
    form: dict[str, Any], noisy: Path, tmp_path: Path
) -> None:
    """Every pass of an update sees the masks under which its old log-probabilities were measured, and no other does."""
    for number, kind in enumerate(("ppo", "grpo")):
        for step in trained(settings_of(kind, **TWICE, **form), noisy, tmp_path / str(number)):
            assert step.clip_frac == 0
            assert step.kl == pytest.approx(0, abs=1e-4)
    (step, *_) = trained(settings_of("dpo", batch_size=8, **form), noisy, tmp_path / "dpo")
    assert (step.loss == pytest.approx(math.log(2), abs=1e-5)) == ("dropout" not in form)  # fresh adapters add nothing


@pytest.mark.parametrize("kind", ["sft", "ppo", "rloo", "pro", "dpo", "reward"])
def test_it_changes_what_is_learnt_and_is_the_same_each_time(kind: str, noisy: Path, tmp_path: Path) -> None:
    losses = []
    for number, dropout in enumerate((False, True, True)):
        form: dict[str, Any] = {"dropout": dropout, "optim": MOVING}
        folder = tmp_path / str(number)
        if kind == "reward":
            with RunDirectory.create(folder) as run:
                settings = BradleyTerry(base=str(noisy), dtype="float32", step_completions=8, **form)
                losses.append([step.metrics.grad_norm for step in settings.steps(DATA, run)])
            continue
        form |= {"batch_size": 8} if kind in ("sft", "dpo") else ONLINE
        losses.append([each.grad_norm for each in trained(settings_of(kind, **form), noisy, folder)])
    assert losses[0] != losses[1] == losses[2]


def test_both_passes_of_a_split_batch_see_one_mask(
    noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is scored without a graph first is scored the same again: its gradient is that of this very loss."""
    seen: list[tuple[list[int], Tensor]] = []
    at_end = ScalarHeadModel.at_end

    def recorded(self: ScalarHeadModel, batch: Any) -> Tensor:
        score_AM = at_end(self, batch)
        seen.append((batch.input_ids.flatten().tolist(), score_AM.detach().clone()))
        return score_AM

    monkeypatch.setattr(ScalarHeadModel, "at_end", recorded)
    settings = BradleyTerry(base=str(noisy), dtype="float32", step_completions=4, dropout=True, lora=LORA)
    monkeypatch.setattr("accord.reward.learnt.stage_batch_limits", lambda *_, **__: BatchLimits(32, 32))
    with RunDirectory.create(tmp_path / "run") as run:
        next(iter(settings.steps(DATA, run)))
    half = len(seen) // 2
    assert half >= 2
    for (ids, score_AM), (same_ids, again_AM) in zip(seen[:half], seen[half:], strict=True):
        assert ids == same_ids
        torch.testing.assert_close(score_AM, again_AM)


WITH_EVERYTHING: dict[str, dict[str, Any]] = {
    "sft": {"batch_size": 1, "epochs": 1.5, "dropout": True},
    "dpo": {"batch_size": 7, "epochs": 2, "lora": LORA},
    "kto": {"batch_size": 7, "epochs": 2, "dropout": True, "lora": LORA},
    "conditional": {"batch_size": 3, "controls": ("no", "yes"), "dropout": True},
    "context_distillation": {"batch_size": 1, "n": 2, "context": "Be brief.", "lora": LORA, "dropout": True},
    "ppo": {
        **TWICE,
        "value_warmup": 1,
        "kl_target": 0.01,
        "pretrain_coef": 0.5,
        "pretrain_batch_size": 3,
        "lora": LORA,
    },
    "grpo": {**TWICE, "dropout": True, "maxmin": MaxMin(groups=("one", "other"))},
    "rloo": {**ONLINE, "dropout": True, "lora": LORA, "constraints": (Constraint(component="length", at_most=3),)},
    "reinforce": {**ONLINE, "baseline": "prompt", "dropout": True},
    "reinforce++": {**TWICE, "lora": LORA},
    "pro": {**ONLINE, "dropout": True},
    "rrhf": {**ONLINE, "source": "policy", "dropout": True, "lora": LORA},
}


@pytest.mark.parametrize("noisy", ["gpt2"], indirect=True)
@pytest.mark.parametrize("kind", WITH_EVERYTHING)
def test_a_broken_off_stage_goes_on_to_the_same_bits_with_all_that_a_recipe_allows(
    kind: str, noisy: Path, tmp_path: Path
) -> None:
    settings = settings_of(kind, **{"optim": MOVING, "save_every": 2, **WITH_EVERYTHING[kind]})
    materials = Materials(data=DATA, start=noisy, judge=Lengths())
    with RunDirectory.create(tmp_path / "whole") as whole:
        assert len(list(settings.steps(materials, whole))) >= 3
    with RunDirectory.create(tmp_path / "broken") as run:
        list(itertools.islice(settings.steps(materials, run), 3))
    torch.manual_seed(7)  # whatever draws meanwhile
    with RunDirectory.open(tmp_path / "broken") as run:
        again, *_ = settings.steps(materials, run)
        assert again.step == 3
        for one, other in zip(METRICS.read(run, "policy"), METRICS.read(whole, "policy"), strict=True):
            assert one.model_copy(update={"seconds": None}) == other.model_copy(update={"seconds": None})
        if SAMPLES.has(run, "policy"):
            assert list(SAMPLES.read(run, "policy")) == list(SAMPLES.read(whole, "policy"))
    weights = [load(tmp_path / each / "policy/model").model.state_dict() for each in ("whole", "broken")]
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())


@pytest.mark.parametrize("value_gradient", [False, True])
def test_values_warm_up_alone(value_gradient: bool, noisy: Path, tmp_path: Path) -> None:
    """Neither weight decay nor the pretraining mix nor the gradient of the values moves the policy meanwhile."""
    form: dict[str, Any] = {**TWICE, "value_warmup": 3, "value_gradient": value_gradient, "pretrain_coef": 1.0}
    steps = trained(settings_of("ppo", optim=MOVING, kl_target=0.01, **form), noisy, tmp_path / "run")
    before, after = (load(each).model.state_dict() for each in (noisy, tmp_path / "run/policy/model"))
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())
    assert all(step.grad_norm > 0 and step.policy_loss == 0 and step.pretrain_loss is None for step in steps)
    assert {step.kl_coef for step in steps} == {0.05}
    assert steps[2].value_loss < steps[0].value_loss
