"""Optimisers against the exact optimum, and tests with teeth: each classic fault moves the result away from it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from accord.lab.enumerated import EnumWorld, draw_world
from accord.lab.exact_optimum.training import prefer, settings_of
from accord.lab.tables import TableTrainer, Tamper, train_table
from accord.policy import PPO, RLOO
from accord.policy.rollout import Rollout

WORLD = draw_world(0, symbols=3, length=3, prompts=2)
BETA = 0.5
STEPS = 400
TOLERANCE = 0.01


def small(method: str, **changes: Any) -> Any:
    settings = settings_of(method, BETA, STEPS)
    faster = settings.optim.model_copy(update={"lr": 0.1})
    return settings.model_copy(update={"prompts_per_step": 2, "group_size": 64, "optim": faster, **changes})


def gap(settings: Any, *, tamper: Tamper | None = None, world: EnumWorld = WORLD) -> float:
    policy_PN = train_table(settings, world, seed=0, tamper=tamper).texts()
    target_PN = world.token_optimum(BETA) if settings.kind == "grpo" else world.optimum(BETA)
    return world.kl(policy_PN, target_PN)


@pytest.mark.parametrize("method", ["rloo", "reinforce", "reinforce++", "ppo", "grpo"])
def test_it_finds_the_optimum(method: str) -> None:
    assert WORLD.kl(WORLD.ref_PN, WORLD.optimum(BETA)) > 10 * TOLERANCE  # there is something to find
    assert gap(small(method)) < TOLERANCE


def test_dpo_finds_the_optimum() -> None:
    policy_PN = prefer(WORLD, BETA, seed=0, steps=STEPS, lr=0.1)
    assert WORLD.kl(policy_PN, WORLD.optimum(BETA)) < TOLERANCE


def test_grpo_finds_its_own_optimum_and_not_that_of_the_others() -> None:
    policy_PN = train_table(small("grpo"), WORLD, seed=0).texts()
    assert WORLD.kl(policy_PN, WORLD.optimum(BETA)) > TOLERANCE


def optimal_table(world: EnumWorld) -> torch.Tensor:
    """Log-probabilities of pi* for each token after each prefix, by soft values from the ends of texts back."""
    value_PM = torch.zeros(world.ref_PMA.shape[:2], dtype=torch.float64)
    table_PMA = torch.empty_like(world.ref_PMA)
    for node in reversed(range(value_PM.shape[1])):
        worth_PA = world.reward_PN[:, world.text_MA[node].clamp(min=0)]
        quality_PA = torch.where(world.text_MA[node] >= 0, worth_PA, value_PM[:, world.child_MA[node].clamp(min=0)])
        tilted_PA = world.ref_PMA[:, node] + quality_PA / BETA
        value_PM[:, node] = BETA * tilted_PA.logsumexp(1)
        table_PMA[:, node] = tilted_PA.log_softmax(1)
    return table_PMA


def test_whole_returns_and_a_baseline_of_each_prompt_leave_no_noise_at_the_optimum() -> None:
    noise = {}
    for to_go in (True, False):
        settings = small("reinforce", to_go=to_go)
        trainer = TableTrainer(settings, WORLD, seed=0)
        trainer.table_PMA.data = optimal_table(WORLD).float()
        rollout = trainer.sampled(1)
        noise[to_go] = float(settings.advantages(rollout, rollout.score_B, {}).abs().max())
    assert noise[False] < 1e-5
    assert noise[True] > 0.1


def measured(rollout: Rollout, mask_BT: torch.Tensor, policy_BT: torch.Tensor, reference_BT: torch.Tensor) -> Rollout:
    """The rollout as a trainer with this mask would see it."""
    policy = replace(rollout.policy, logprob_BT=policy_BT * mask_BT)
    return replace(rollout, mask_BT=mask_BT, policy=policy, reference_BT=reference_BT * mask_BT)


def unmasked(trainer: TableTrainer, rollout: Rollout) -> Rollout:
    """Padding counts as text."""
    policy_BT = trainer.tokens(trainer.table_PMA.detach().log_softmax(-1))
    reference_BT = trainer.tokens(trainer.world.ref_PMA.float())
    return measured(rollout, torch.ones_like(rollout.mask_BT), policy_BT, reference_BT)


def endless(trainer: TableTrainer, rollout: Rollout) -> Rollout:
    """The token that ends a text is forgotten (a text of nothing else keeps it: there must be something)."""
    ends_BT = rollout.mask_BT & (trainer.positions[2] == trainer.world.end)
    ends_BT[:, 0] = False
    return measured(rollout, rollout.mask_BT & ~ends_BT, rollout.policy.logprob_BT, rollout.reference_BT)


def stale(trainer: TableTrainer, rollout: Rollout) -> Rollout:
    """The reference follows the policy."""
    return replace(rollout, reference_BT=rollout.policy.logprob_BT.clone())


@pytest.mark.parametrize("method", ["rloo", "reinforce", "ppo"])
@pytest.mark.parametrize("tamper", [unmasked, endless, stale])
def test_a_fault_in_the_rollout_shows(method: str, tamper: Tamper) -> None:
    assert gap(small(method), tamper=tamper) > 2 * TOLERANCE


def turned(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """The sign of the KL is wrong."""
    return lambda *args, kl_coef, **kwargs: function(*args, kl_coef=-kl_coef, **kwargs)


def shifted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Advantages stand one token late."""

    def late(*args: Any, **kwargs: Any) -> Any:
        advantage_BT, return_BT = function(*args, **kwargs)
        return advantage_BT.roll(1, 1), return_BT

    return late


@pytest.mark.parametrize("method", ["reinforce", "ppo", "reinforce++"])
def test_a_kl_of_the_wrong_sign_shows(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from accord.policy import advantages

    module = {"reinforce++": "reinforce_pp"}.get(method, method)
    monkeypatch.setattr(f"accord.policy.{module}.kl_penalised", turned(advantages.kl_penalised))
    assert gap(small(method)) > 2 * TOLERANCE


def test_an_advantage_one_token_late_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    from accord.policy import advantages

    monkeypatch.setattr("accord.policy.ppo.gae", shifted(advantages.gae))
    assert gap(small("ppo")) > 2 * TOLERANCE
    monkeypatch.setattr(
        "accord.policy.reinforce.returns_to_go",
        lambda *args: advantages.returns_to_go(*args).roll(1, 1),
    )
    assert gap(small("reinforce")) > 2 * TOLERANCE


def test_a_table_writes_what_its_probabilities_say() -> None:
    """Chi-square of 8,192 texts over the 40 of the world, and log-probabilities to the digit."""
    trainer = TableTrainer(small("rloo", group_size=4096), WORLD, seed=1)
    rollout = trainer.sampled(1)
    wanted_PN = trainer.texts().exp()
    prompt_B, _, action_BT = trainer.positions
    number_B = trainer.text_B
    for row in range(50):
        mask_T, text = rollout.mask_BT[row], int(number_B[row])
        assert mask_T.tolist() == WORLD.mask_NT[text].tolist()
        assert action_BT[row][mask_T].tolist() == WORLD.action_NT[text][mask_T].tolist()
    for prompt in range(2):
        count_N = torch.bincount(number_B[prompt_B == prompt], minlength=wanted_PN.shape[1])
        expected_N = 4096 * wanted_PN[prompt]
        assert float(((count_N - expected_N) ** 2 / expected_N).sum()) < 75  # 39 degrees of freedom
    drawn_B = rollout.policy.logprob_BT.sum(1)
    assert drawn_B.tolist() == pytest.approx(wanted_PN.log()[prompt_B, number_B].tolist(), abs=1e-5)
    assert rollout.score_B.tolist() == pytest.approx(WORLD.reward_PN[prompt_B, number_B].tolist(), abs=1e-5)


def test_one_world_is_one_number_of_prompts() -> None:
    with pytest.raises(ValueError, match="8 prompts a step, but the world has 2"):
        TableTrainer(RLOO(), WORLD, seed=0)
    assert isinstance(small("ppo"), PPO)
