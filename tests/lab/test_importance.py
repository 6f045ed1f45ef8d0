"""Importance weights between sampler and trainer: expectations by enumeration, and the optimum that training finds."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from accord.lab.enumerated import EnumWorld, draw_world
from accord.lab.exact_optimum.training import settings_of
from accord.lab.tables import TableTrainer
from accord.policy import RLOO
from accord.policy.rollout import Rollout
from accord.train import Optim

LETTERS = draw_world(3, symbols=3, length=1, prompts=1)
TEXTS = draw_world(0, symbols=2, length=3, prompts=1)
NO_CAP = 1e9


class Elsewhere(TableTrainer):
    """Samples come from a flatter table than the one that learns."""

    heat = 2.0

    def sampler_table(self, logprob_PMA: Tensor) -> Tensor:
        return (logprob_PMA / self.heat).log_softmax(-1)


class Noted:
    """An optimiser that moves nothing and keeps the gradient of the table."""

    rate = 0.0

    def __init__(self, table_PMA: Tensor) -> None:
        self.table_PMA, self.gradient_PMA = table_PMA, torch.zeros_like(table_PMA)

    def add(self, loss: Tensor) -> float:
        loss.backward()
        return float(loss.detach())

    def step(self) -> float:
        assert self.table_PMA.grad is not None
        self.gradient_PMA, self.table_PMA.grad = self.table_PMA.grad.clone(), None
        return 0.0


def settings(**changes: Any) -> RLOO:
    form: dict[str, Any] = {"prompts_per_step": 1, "group_size": 2, "kl_coef": 0.3, "max_steps": 1, **changes}
    return RLOO(missing_eos_penalty=0.0, **form)


def pairs(trainer: TableTrainer, rollout: Rollout) -> Iterator[tuple[Rollout, float]]:
    """Every pair of texts as a rollout, and how probable it is that the sampler draws it."""
    world, sampler_PMA = trainer.world, trainer.sampler_table(trainer.logits().log_softmax(-1)).detach()
    prob_N = world.logprob(sampler_PMA)[0].exp()
    for pair in product(range(len(prob_N)), repeat=2):
        trainer.text_B = torch.tensor(pair)
        node_BT, action_BT, mask_BT = (each[trainer.text_B] for each in (world.node_NT, world.action_NT, world.mask_NT))
        trainer.positions = (torch.zeros(2, dtype=torch.long), node_BT, action_BT)
        own_BT = trainer.tokens(trainer.logits().log_softmax(-1)).detach() * mask_BT
        yield (
            replace(
                rollout,
                score_B=world.reward_PN[0, trainer.text_B].float(),
                mask_BT=mask_BT,
                sampled_BT=trainer.tokens(sampler_PMA) * mask_BT,
                policy=replace(rollout.policy, logprob_BT=own_BT),
                reference_BT=trainer.tokens(world.ref_PMA.float()) * mask_BT,
            ),
            float(prob_N[pair[0]] * prob_N[pair[1]]),
        )


def expected_gradient(form: RLOO, world: EnumWorld) -> Tensor:
    """Of the update's loss, over every group that the sampler may draw, by the algorithm's own code."""
    trainer = Elsewhere(form, world, seed=0)
    generator = torch.Generator().manual_seed(1)
    trainer.table_PMA.data += torch.randn(trainer.table_PMA.shape, generator=generator) / 2  # away from the reference
    trainer.optimiser = noted = Noted(trainer.table_PMA)  # type: ignore[assignment]
    rollout = trainer.sampled(1)
    total_PMA = torch.zeros_like(trainer.table_PMA)
    for group, probability in pairs(trainer, rollout):
        form.update(trainer, group, 1)
        total_PMA += probability * noted.gradient_PMA
    return total_PMA


def true_gradient(world: EnumWorld, kl_coef: float) -> Tensor:
    """Of -(E[r] - kl_coef KL(pi || ref)) under the trainer's own table, by autograd over all texts."""
    trainer = Elsewhere(settings(), world, seed=0)
    generator = torch.Generator().manual_seed(1)
    trainer.table_PMA.data += torch.randn(trainer.table_PMA.shape, generator=generator) / 2
    logprob_PN = world.logprob(trainer.logits().log_softmax(-1))
    value_PN = world.reward_PN.float() - kl_coef * (logprob_PN - world.ref_PN.float())
    (gradient_PMA,) = torch.autograd.grad(-(logprob_PN.exp() * value_PN).sum(), trainer.table_PMA)
    return gradient_PMA


def distance(left: Tensor, right: Tensor) -> float:
    return float((left - right).norm() / right.norm())


@pytest.mark.parametrize(
    ("world", "weights", "least", "most"),
    [
        (LETTERS, "token", 0.0, 1e-5),
        (LETTERS, "sequence", 0.0, 1e-5),
        (LETTERS, "none", 0.1, 9.0),
        (TEXTS, "sequence", 0.0, 1e-5),
        (TEXTS, "token", 0.01, 0.5),  # prefixes stay the sampler's
        (TEXTS, "none", 0.2, 9.0),
    ],
    ids=["a letter, token", "a letter, sequence", "a letter, none", "texts, sequence", "texts, token", "texts, none"],
)
def test_the_expected_gradient_is_the_trainers(world: EnumWorld, weights: Any, least: float, most: float) -> None:
    """By enumeration of all groups: with weights it is the true one though another table draws, without it is not."""
    true_PMA = true_gradient(world, 0.3)
    wrong = distance(expected_gradient(settings(importance_weights=weights, importance_cap=NO_CAP), world), true_PMA)
    assert least <= wrong <= most
    if weights == "token":
        assert wrong < distance(
            expected_gradient(settings(importance_weights="none"), world), true_gradient(world, 0.3)
        )


def test_the_cap_takes_what_it_says() -> None:
    """Of single letters: the mean ratio is 1, and what is cut off is what exceeds the cap."""
    form = settings(importance_weights="token", importance_cap=1.1, group_size=4000)
    trainer = Elsewhere(form, LETTERS, seed=0)
    numbers = form.update(trainer, trainer.sampled(1), 1)
    policy_A = LETTERS.ref_PMA[0, 0].exp()
    sampler_A = trainer.sampler_table(LETTERS.ref_PMA)[0, 0].exp()
    over = float(sampler_A[policy_A / sampler_A > 1.1].sum())
    assert 0 < over < 1
    assert numbers["importance_ratio"] == pytest.approx(1, abs=0.05)
    assert numbers["importance_truncated"] == pytest.approx(over, abs=0.03)


@pytest.mark.parametrize("method", ["rloo", "reinforce", "grpo", "ppo", "reinforce++"])
def test_weights_of_a_sampler_that_is_the_policy_change_nothing(method: str) -> None:
    tables = []
    for weights in (None, "none", "token", "sequence"):
        form = settings_of(method, 0.5, 3).model_copy(update={"importance_weights": weights, "group_size": 16})
        form = form.model_copy(update={"prompts_per_step": 1, "optim": Optim(lr=0.1, warmup_steps=0)})
        trainer = TableTrainer(form, TEXTS, seed=0)
        for step in (1, 2, 3):
            numbers = form.update(trainer, trainer.sampled(step), step)
        assert ("importance_ratio" in numbers) == (weights in ("token", "sequence"))
        tables.append(trainer.table_PMA.detach())
    assert all(torch.equal(tables[0], other) for other in tables[1:])


@pytest.mark.parametrize(("weights", "found"), [("sequence", True), ("none", False)])
def test_training_on_another_samplers_texts_finds_the_optimum_by_weights(weights: Any, found: bool) -> None:
    """Of GRPO: that of RLOO is where every text returns the same, which it is whoever draws them."""
    form = settings_of("grpo", 0.5, 150)
    changes: dict[str, Any] = {"optim": form.optim.model_copy(update={"lr": 0.1}), "importance_weights": weights}
    form = form.model_copy(update={"prompts_per_step": 1, "group_size": 64, "importance_cap": NO_CAP, **changes})
    trainer = Elsewhere(form, TEXTS, seed=0)
    for step in range(1, 151):
        form.update(trainer, trainer.sampled(step), step)
    gap = TEXTS.kl(trainer.texts(), TEXTS.token_optimum(0.5))
    assert (gap < 0.01) == found, gap
