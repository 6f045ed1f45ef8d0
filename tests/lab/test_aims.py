"""Dense rewards, constraints and groups, held against what is exactly best in the enumerated world."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from accord.errors import TrainingStopped
from accord.lab.enumerated import EnumWorld, draw_world
from accord.lab.exact_optimum.training import settings_of
from accord.lab.tables import TableTrainer, train_table
from accord.policy.constraints import Constraint
from accord.policy.maxmin import MaxMin
from accord.policy.rollout import Rollout, TokenStats

BETA, STEPS, TOLERANCE = 0.5, 400, 0.01
OTHER_REWARD_PN = draw_world(1, symbols=3, length=3, prompts=2).reward_PN
PLAIN = draw_world(0, symbols=3, length=3, prompts=2)
WORLD = replace(PLAIN, components={"own": PLAIN.reward_PN, "other": OTHER_REWARD_PN})


def small(method: str, **changes: Any) -> Any:
    settings = settings_of(method, BETA, STEPS)
    faster = settings.optim.model_copy(update={"lr": 0.1})
    return settings.model_copy(update={"prompts_per_step": 2, "group_size": 64, "optim": faster, **changes})


def under(*weighted: tuple[float, Tensor]) -> EnumWorld:
    """The world with a weighted sum of rewards."""
    return replace(WORLD, reward_PN=sum((w * r for w, r in weighted), torch.zeros_like(WORLD.reward_PN)))


def expected(logprob_PN: Tensor, reward_PN: Tensor) -> float:
    return float((logprob_PN.exp() * reward_PN).sum(1).mean())


@pytest.mark.parametrize("method", ["reinforce", "reinforce++", "rloo", "ppo"])
def test_dense_rewards_leave_the_optimum_where_it_is(method: str) -> None:
    settings = {"to_go": True} if method == "reinforce" else {}
    policy_PN = train_table(small(method, dense=True, **settings), WORLD, seed=0).texts()
    assert WORLD.kl(policy_PN, WORLD.optimum(BETA)) < TOLERANCE


@pytest.mark.parametrize("dense", [False, True])
def test_rloo_follows_the_gradient_of_the_objective_without_bias(dense: bool) -> None:
    """All pairs of texts that a group of two can be, by their probabilities, against the gradient of J itself."""
    world = draw_world(3, symbols=2, length=3, prompts=1)
    generator = torch.Generator().manual_seed(1)
    table_PMA = torch.randn(world.ref_PMA.shape, generator=generator, dtype=torch.float64).requires_grad_()
    policy_PMA = table_PMA.log_softmax(-1)
    text_N = world.logprob(policy_PMA)[0]
    objective = (text_N.exp() * (world.reward_PN[0] - BETA * (text_N - world.ref_PN[0]))).sum()
    (wanted_PMA,) = torch.autograd.grad(objective, table_PMA, retain_graph=True)

    count = len(text_N)
    first_X, second_X = (each.flatten() for each in torch.meshgrid(*[torch.arange(count)] * 2, indexing="ij"))
    text_B = torch.stack([first_X, second_X], 1).flatten()
    nodes, actions, mask_BT = (each[text_B] for each in (world.node_NT, world.action_NT, world.mask_NT))
    logprob_BT = policy_PMA[0, nodes, actions] * mask_BT
    settings = small("rloo", dense=dense, group_size=2, kl_coef=BETA)
    zero_BT = torch.zeros_like(logprob_BT)
    rollout = Rollout(
        prompts=(),
        completions=(),
        samples=(),
        answers=(),
        score_B=world.reward_PN[0, text_B],
        mask_BT=mask_BT,
        sampled_BT=logprob_BT.detach(),
        policy=TokenStats(logprob_BT.detach(), zero_BT, zero_BT),
        reference_BT=world.ref_PMA[0, nodes, actions] * mask_BT,
        dense_BT=world.dense()[0, text_B] if dense else None,
    )
    advantage_BT = settings.advantages(rollout, rollout.score_B, {})
    pair_X = (text_N[first_X] + text_N[second_X]).exp().detach()
    estimate_X = (advantage_BT * logprob_BT).sum(1).view(-1, 2).mean(1)
    (found_PMA,) = torch.autograd.grad((pair_X * estimate_X).sum(), table_PMA)
    torch.testing.assert_close(found_PMA, wanted_PMA, atol=1e-9, rtol=1e-7)
    assert float(wanted_PMA.norm()) > 0.1


def test_dense_rewards_tell_more_of_what_was_good() -> None:
    """The gradient's noise, from the same samples of the start: smaller where rewards stand where they are earned."""
    noise = {}
    for dense in (False, True):
        settings = small("reinforce", dense=dense, to_go=True)
        gradients = []
        for seed in range(40):
            trainer = TableTrainer(settings, WORLD, seed=seed)
            rollout = trainer.sampled(1)
            advantage_BT = settings.advantages(rollout, rollout.score_B, {})
            for index, logprob_N, _ in trainer.forward(rollout, list(range(len(rollout.answers)))):
                (gradient,) = torch.autograd.grad((advantage_BT[index] * logprob_N).mean(), trainer.table_PMA)
                gradients.append(gradient)
        noise[dense] = float(torch.stack(gradients).var(0).sum())
    assert noise[True] < 0.8 * noise[False]


def test_a_dense_reward_a_token_late_shows() -> None:
    def late(_: TableTrainer, rollout: Any) -> Any:
        return replace(rollout, dense_BT=rollout.dense_BT.roll(1, 1))

    settings = small("reinforce", dense=True, to_go=True)
    policy_PN = train_table(settings, WORLD, seed=0, tamper=late).texts()
    assert WORLD.kl(policy_PN, WORLD.optimum(BETA)) > 2 * TOLERANCE


def exactly_constrained(at_least: float) -> tuple[float, Tensor]:
    """The multiplier at which the optimum's mean of `other` is the limit, by bisection, and that optimum."""
    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        best_PN = under((1.0, PLAIN.reward_PN), (middle, OTHER_REWARD_PN)).optimum(BETA)
        low, high = (middle, high) if expected(best_PN, OTHER_REWARD_PN) < at_least else (low, middle)
    return low, under((1.0, PLAIN.reward_PN), (low, OTHER_REWARD_PN)).optimum(BETA)


@pytest.mark.parametrize("method", ["rloo", "ppo"])
def test_a_constraint_is_met_at_the_least_price(method: str) -> None:
    limit = 0.9
    multiplier, optimum_PN = exactly_constrained(limit)
    free_PN = WORLD.optimum(BETA)
    assert expected(free_PN, OTHER_REWARD_PN) < limit - 0.2
    assert WORLD.kl(free_PN, optimum_PN) > 10 * TOLERANCE
    constraint = Constraint(component="other", at_least=limit, rate=0.05)
    trainer = train_table(small(method, constraints=(constraint,)), WORLD, seed=0)
    policy_PN = trainer.texts()
    assert WORLD.kl(policy_PN, optimum_PN) < 2 * TOLERANCE
    assert expected(policy_PN, OTHER_REWARD_PN) == pytest.approx(limit, abs=0.1)
    assert trainer.state["multipliers"]["other"] == pytest.approx(multiplier, rel=0.25)


def test_an_upper_limit_is_the_lower_one_of_its_negative() -> None:
    below = Constraint(component="other", at_most=-0.5)
    above = Constraint(component="other", at_least=0.5)
    part_B = torch.tensor([1.0, -2.0])
    assert below.surplus(-part_B).tolist() == above.surplus(part_B).tolist() == [0.5, -2.5]


def test_a_constraint_that_is_met_costs_nothing() -> None:
    constraint = Constraint(component="other", at_least=-5.0)
    trainer = train_table(small("rloo", constraints=(constraint,)), WORLD, seed=0)
    assert trainer.state["multipliers"] == {"other": 0.0}
    assert WORLD.kl(trainer.texts(), WORLD.optimum(BETA)) < TOLERANCE


def exactly_fair() -> tuple[float, Tensor]:
    """The weight of `own` at the saddle: the least over w of beta E log Z, which is convex in w."""
    weights = torch.linspace(0, 1, 1001).tolist()

    def best(weight: float) -> float:
        world = under((weight, PLAIN.reward_PN), (1 - weight, OTHER_REWARD_PN))
        return world.objective(world.optimum(BETA), BETA)

    weight = min(weights, key=best)
    return weight, under((weight, PLAIN.reward_PN), (1 - weight, OTHER_REWARD_PN)).optimum(BETA)


@pytest.mark.parametrize("method", ["rloo", "reinforce"])
def test_the_worst_served_group_is_served_best(method: str) -> None:
    weight, optimum_PN = exactly_fair()
    assert 0.05 < weight < 0.95  # neither group alone decides
    trainer = train_table(small(method, maxmin=MaxMin(groups=("own", "other"), rate=0.05)), WORLD, seed=0)
    policy_PN = trainer.texts()
    assert WORLD.kl(policy_PN, optimum_PN) < 2 * TOLERANCE
    assert trainer.state["groups"]["own"] == pytest.approx(weight, abs=0.1)
    worst = min(expected(policy_PN, PLAIN.reward_PN), expected(policy_PN, OTHER_REWARD_PN))
    own_PN = WORLD.optimum(BETA)
    assert worst > min(expected(own_PN, PLAIN.reward_PN), expected(own_PN, OTHER_REWARD_PN)) + 0.1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"constraints": (Constraint(component="tone", at_least=0.0),)}, "no component 'tone' .* other, own"),
        ({"maxmin": MaxMin(groups=("own", "tone"))}, "no component 'tone' .* group of maxmin; other, own"),
    ],
)
def test_a_part_that_is_not_there_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingStopped, match=message):
        train_table(small("rloo", **settings), WORLD, seed=0)


def test_a_constraint_has_one_limit() -> None:
    with pytest.raises(ValueError, match="needs at_least or at_most, and not both"):
        Constraint(component="other")
