"""Ways to learn to answer: on everything, on what is known, with refusals, from another model; and by a reward.

Supervised learning is the likelihood of given answers, what is known is told and turned into a refusal by the rule of
`policy/abstaining` (ten answers of the start, the threshold of the rewards), and RL is RLOO by the trainer's own
updates (`lab/tables`).
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from accord.lab.not_knowing.network import Answerer, constant
from accord.lab.not_knowing.world import ANSWERS, IDK, Floats, Questions, Whole, rewarded_world
from accord.lab.tables import TableTrainer
from accord.policy.abstaining import threshold
from accord.policy.losses import negative_log_likelihood
from accord.policy.rloo import RLOO
from accord.train.optimiser import Optimiser
from accord.train.seeds import seed_of

__all__ = ["PENALTIES", "known_to", "reinforced", "supervised", "taught_by_another", "with_refusals"]

PENALTIES = (0.25, 1.0, 3.0, 9.0)
TRIES = 10
QUICK = 4  # steps, to see that it runs
SUPERVISED, SUPERVISED_RATE = 60, 3e-3
REINFORCED, REINFORCED_RATE, GROUP = 150, 4e-3, 8


def known_to(start: Answerer, of: Questions, seed: int, penalty: float = 1.0) -> NDArray[np.bool_]:
    """Whether the share of right ones among ten answers of the start is above what answering needs, [P]."""
    chance_P = (start.answers(of)[:, :ANSWERS] * of.right_PA).sum(1)
    random = np.random.default_rng(seed_of(seed, "asked"))
    right_P = random.binomial(TRIES, np.clip(chance_P, 0, 1)) / TRIES
    return np.asarray(right_P > threshold(1.0, -penalty, 0.0))


def with_refusals(of: Questions, known_P: NDArray[np.bool_]) -> Whole:
    """The references, and "I don't know." for what is not known."""
    return np.where(known_P, of.reference_P, IDK)


def taught_by_another(of: Questions, seed: int) -> Whole:
    """The answers of a stronger model that knows other bridges: it answers rightly three in four of any kind."""
    random = np.random.default_rng(seed_of(seed, "teacher"))
    return np.where(random.random(len(of)) < 0.75, of.reference_P, IDK)


def supervised(start: Answerer, of: Questions, target_P: Whole, *, quick: bool = False) -> tuple[Answerer, float]:
    """Learn the likelihood of a target for each question; and -log of it before the last step, the mean, nats."""
    steps = QUICK if quick else SUPERVISED
    learner = start.learner()
    optimiser = Optimiser(constant(SUPERVISED_RATE), learner.trainable(), steps)
    row_P, wanted_P = torch.arange(len(of)), torch.from_numpy(target_P)
    loss = 0.0
    for _ in range(steps):
        logprob_P = learner.logits(of).log_softmax(-1)[row_P, wanted_P]
        loss = float(optimiser.add(negative_log_likelihood(logprob_P).mean()))
        optimiser.step()
    return learner, loss


def reinforced(
    start: Answerer, of: Questions, reward_PA: Floats, seed: int, *, memory: bool = False, quick: bool = False
) -> Iterator[Answerer]:
    """RLOO on a reward of every answer, without a KL term; the policy after each step (one that goes on changing)."""
    steps = QUICK if quick else REINFORCED
    learner = start.learner(memory=memory)
    learner.questions = of
    with torch.no_grad():
        world = rewarded_world(reward_PA, start.logits(of).log_softmax(-1))
    settings = RLOO(
        max_steps=steps, prompts_per_step=len(of), group_size=GROUP, kl_coef=0.0, optim=constant(REINFORCED_RATE)
    )
    trainer = TableTrainer(settings, world, seed=seed, network=learner)
    for step in range(1, steps + 1):
        settings.update(trainer, trainer.sampled(step), step)
        yield learner
