"""Ways to learn an answer, and what each does to wordings of it that it was not shown.

All start from the same table of logits, go with the same optimiser, and are stopped when the right meaning has a
probability of .8: what differs is how that is spread over its eight wordings. Losses are those of `accord.policy`; RL
is RLOO by the trainer's own updates (`lab/tables`), rewarded for the meaning whatever the words.
"""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from accord.lab.exact_optimum.training import settings_of
from accord.lab.paraphrase.points import LearningPoint
from accord.lab.paraphrase.world import PARAPHRASES, SynonymWorld
from accord.lab.tables import TableTrainer
from accord.policy.losses import direct_preference, negative_log_likelihood
from accord.train.optimiser import Optim, Optimiser
from accord.train.seeds import seed_of

__all__ = ["LEARNERS", "START", "STOP", "first_step", "learnt", "start_of"]

START = "start"
STOP = 0.8
BETA = 0.5
RATE = 0.05
PAIRS = 128  # a step and prompt
Loss = Callable[[SynonymWorld, Tensor, torch.Generator], Tensor]
"""The loss of log-probabilities of all texts [P, N]; what it draws comes from the generator."""


def _of_references(count: int) -> Loss:
    def loss(of: SynonymWorld, logprob_PN: Tensor, _: torch.Generator) -> Tensor:
        return negative_log_likelihood(of.right(logprob_PN)[:, :count]).mean()

    return loss


def _preferred_reference(of: SynonymWorld, logprob_PN: Tensor, generator: torch.Generator) -> Tensor:
    """DPO: the reference is preferred to wrong texts of the start."""
    wrong_PN = of.world.ref_PN.exp() * (of.world.reward_PN == 0)
    other_PK = torch.multinomial(wrong_PN, PAIRS, replacement=True, generator=generator)
    chosen_PK = of.right_PK[:, :1].expand_as(other_PK)
    return _preference(of, logprob_PN, chosen_PK, other_PK).mean()


def _preferred_texts(of: SynonymWorld, logprob_PN: Tensor, generator: torch.Generator) -> Tensor:
    """DPO: of two texts of the start, people prefer by Bradley and Terry; the expectation over what they say."""
    text_PK = torch.multinomial(of.world.ref_PN.exp(), 2 * PAIRS, replacement=True, generator=generator)
    first_PK, second_PK = text_PK[:, :PAIRS], text_PK[:, PAIRS:]
    reward_PN = of.world.reward_PN
    chance_PK = torch.sigmoid(reward_PN.gather(1, first_PK) - reward_PN.gather(1, second_PK))
    loss_PK = chance_PK * _preference(of, logprob_PN, first_PK, second_PK)
    return (loss_PK + (1 - chance_PK) * _preference(of, logprob_PN, second_PK, first_PK)).mean()


def _preference(of: SynonymWorld, logprob_PN: Tensor, chosen_PK: Tensor, rejected_PK: Tensor) -> Tensor:
    margin_PK, ref_PK = (
        each_PN.gather(1, chosen_PK) - each_PN.gather(1, rejected_PK) for each_PN in (logprob_PN, of.world.ref_PN)
    )
    return direct_preference(margin_PK, ref_PK, torch.zeros_like(chosen_PK, dtype=torch.bool), beta=BETA)


def _rewarded(of: SynonymWorld, logprob_PN: Tensor, _: torch.Generator) -> Tensor:
    """What RLOO descends on average: minus the expected reward, less the price of the KL."""
    kl_PN = logprob_PN - of.world.ref_PN
    return -(logprob_PN.exp() * (of.world.reward_PN - BETA * kl_PN)).sum(1).mean()


LEARNERS: Mapping[str, Loss] = {
    "sft 1": _of_references(1),
    "sft 8": _of_references(PARAPHRASES),
    "preferred reference": _preferred_reference,
    "preferred texts": _preferred_texts,
    "rl": _rewarded,
}


def first_step(learner: str, of: SynonymWorld, seed: int) -> tuple[float, float]:
    """What the first small step does to right answers that are no reference, by exact gradients.

    The share whose log-probability falls, and its mean change over the mean size of the change of all eight, from -1
    to 1.
    """
    table_PMA = nn.Parameter(of.world.ref_PMA.clone())

    def right(table_PMA: Tensor) -> Tensor:
        return of.right(of.world.logprob(table_PMA.log_softmax(-1)))

    generator = torch.Generator().manual_seed(seed_of(seed, "first"))
    loss = LEARNERS[learner](of, of.world.logprob(table_PMA.log_softmax(-1)), generator)
    (gradient_PMA,) = torch.autograd.grad(loss, table_PMA)
    moved_PK: Tensor = torch.func.jvp(right, (table_PMA.detach(),), (-gradient_PMA,))[1]
    unseen_PK = moved_PK[:, 1:]
    return float((unseen_PK < 0).double().mean()), float((unseen_PK.mean(1) / moved_PK.abs().mean(1)).mean())


def learnt(learner: str, of: SynonymWorld, seed: int, *, steps: int) -> LearningPoint:
    """Learn until the right meaning has a probability of .8, `steps` steps at most."""
    policies = _by_rl(of, seed, steps) if learner == "rl" else _by_loss(LEARNERS[learner], of, seed, steps)
    start_PK = of.right(of.world.ref_PN)
    taken, after_PK = 0, start_PK
    for logprob_PN in policies:
        taken, after_PK = taken + 1, of.right(logprob_PN)
        if _right(after_PK) >= STOP:
            break
    falling, first_unseen = (None, None) if learner == "sft 8" else first_step(learner, of, seed)
    return LearningPoint(
        learner=learner,
        falling=falling,
        first_unseen=first_unseen,
        right=_right(after_PK),
        unseen=None if learner == "sft 8" else float((after_PK - start_PK)[:, 1:].mean()),
        paraphrases=_effective(after_PK),
        steps=taken,
    )


def start_of(of: SynonymWorld) -> LearningPoint:
    """The start itself."""
    start_PK = of.right(of.world.ref_PN)
    return LearningPoint(learner=START, right=_right(start_PK), paraphrases=_effective(start_PK), steps=0)


def _right(logprob_PK: Tensor) -> float:
    """The probability of the right meaning, the mean over prompts."""
    return float(logprob_PK.exp().sum(1).mean())


def _effective(logprob_PK: Tensor) -> float:
    """The effective number of right answers, the mean over prompts."""
    among_PK = logprob_PK.log_softmax(1)
    return float(torch.exp(-(among_PK.exp() * among_PK).sum(1)).mean())


def _by_loss(loss: Loss, of: SynonymWorld, seed: int, steps: int) -> Iterator[Tensor]:
    """The log-probability of every text after each step, [P, N]."""
    table_PMA = nn.Parameter(of.world.ref_PMA.clone())
    optimiser = Optimiser(_optim(), [table_PMA], steps)
    for step in range(steps):
        generator = torch.Generator().manual_seed(seed_of(seed, "learnt", step))
        optimiser.add(loss(of, of.world.logprob(table_PMA.log_softmax(-1)), generator))
        optimiser.step()
        yield of.world.logprob(table_PMA.detach().log_softmax(-1))


def _by_rl(of: SynonymWorld, seed: int, steps: int) -> Iterator[Tensor]:
    settings = settings_of("rloo", BETA, steps).model_copy(update={"optim": _optim()})
    trainer = TableTrainer(settings, of.world, seed=seed)
    for step in range(1, steps + 1):
        rollout = trainer.sampled(step)
        settings.update(trainer, rollout, step)
        yield trainer.texts()


def _optim() -> Optim:
    """The same for all: Adam at a constant rate, gradients unclipped."""
    return Optim(
        lr=RATE, warmup_steps=0, lr_schedule="constant", final_lr_ratio=1.0, betas=(0.9, 0.999), max_grad_norm=1e9
    )
