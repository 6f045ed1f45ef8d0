"""Direct preference optimisation: the policy learns from pairs, without a reward model and without sampling.

Chosen and rejected share their prompt's computation; ties are half a preference each way.

Left out: the variants of the loss (IPO, KTO, length normalisation), and a reference that moves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.lm.causal import CausalModel
from accord.lm.optim import Optim, Optimiser
from accord.lm.packed import Answer, PackedBatch, longest, pack
from accord.lm.plan import Batches
from accord.lm.score import token_logprobs
from accord.lm.settings import ModelSettings
from accord.lm.training import Progress, seed_of, shuffled
from accord.policy.losses import direct_preference
from accord.records import Pair
from accord.run import RunDirectory

__all__ = ["DPO", "DPOStep"]


@dataclass(frozen=True)
class DPOStep:
    """One step. `margin` is beta times the mean gap of chosen and rejected log-ratios; ties stay out of `accuracy`."""

    step: int
    total: int
    loss: float
    accuracy: float | None
    margin: float
    lr: float
    grad_norm: float
    seconds: float


class DPO(ModelSettings):
    """Settings of DPO (Rafailov et al. 2023)."""

    kind: Literal["dpo"] = "dpo"
    beta: float = Field(default=0.1, gt=0)
    pairs: int | None = Field(default=None, ge=1, description="at most so many pairs, drawn by the seed")
    epochs: float = Field(default=1.0, gt=0)
    batch: int = Field(default=32, ge=1, description="pairs a step")
    save_every: int = Field(default=10, ge=1)
    optim: Optim = Optim(lr=5e-6)

    def steps(
        self,
        data: Dataset,
        run: RunDirectory,
        *,
        start: str | Path | None = None,
        split: str = "train",
        stage: str = "policy",
    ) -> Iterator[DPOStep]:
        """The training loop. Goes on from the last checkpoint of `stage` in `run`; leaves `<stage>/model`.

        `start` is the policy's beginning and its reference. Raises `RecipeError` where there are no pairs or no model
        to start from, `TrainingStopped` where a number leaves its bounds.
        """
        begin = self.base or start
        available = data.pairs[split]
        if not available or begin is None:
            raise RecipeError(f"{stage}: {'no model to start from' if available else f'no pairs in {split}'}")
        seed = seed_of(run.seed, stage)
        policy = self.open(begin, seed=seed, train=True)
        reference = self.reference(policy, begin, seed=seed)
        policy.name = stage
        chosen = [available[i] for i in shuffled(len(available), seed, "pairs")[: self.pairs]]
        total = max(1, ceil(self.epochs * len(chosen) / self.batch))
        optimiser = Optimiser(self.optim, policy.trainable(), total)
        progress = Progress(run, stage, optimiser, save_every=self.save_every)
        room = max(longest(_answers(policy, data, [pair])) for pair in chosen) if self.memory_gb else 0
        batches = self.batches(policy, room, run, stage=stage)
        policy.model.train()
        with progress.guarded():
            for step in range(progress.start + 1, total + 1):
                drawn = _drawn(chosen, step - 1, self.batch, seed)
                made = self._step(policy, reference, optimiser, data, drawn, batches, step, total)
                progress.done(step, [{name: value for name, value in vars(made).items() if name != "total"}])
                yield made
        with run.write_folder(f"{stage}/model", stage=stage) as folder:
            policy.save(folder)
        progress.finish()

    def _step(
        self,
        policy: CausalModel,
        reference: CausalModel,
        optimiser: Optimiser,
        data: Dataset,
        pairs: list[Pair],
        batches: Batches,
        step: int,
        total: int,
    ) -> DPOStep:
        began = monotonic()
        loss, right, decided, gap = 0.0, 0, 0, 0.0
        for some in _together(policy, data, pairs, batches):
            answers = _answers(policy, data, some)
            with torch.no_grad():
                reference_P = _margins(reference, answers, len(some), batches)
            margin_P = _margins(policy, answers, len(some), batches)
            tie_P = torch.tensor([pair.tie for pair in some], device=margin_P.device)
            loss_P = direct_preference(margin_P, reference_P, tie_P, beta=self.beta)
            loss += optimiser.add(loss_P.sum() / len(pairs))
            gap_P = (self.beta * (margin_P - reference_P)).detach()
            gap += float(gap_P.sum()) / len(pairs)
            right += int(((gap_P > 0) & ~tie_P).sum())
            decided += int((~tie_P).sum())
        rate = optimiser.rate
        norm = optimiser.step()
        accuracy = right / decided if decided else None
        return DPOStep(step, total, loss, accuracy, gap, rate, norm, round(monotonic() - began, 3))


def _drawn(pairs: list[Pair], step: int, size: int, seed: int) -> list[Pair]:
    first = step * size
    epochs = range(first // len(pairs), (first + size - 1) // len(pairs) + 1)
    stream = [pairs[i] for epoch in epochs for i in shuffled(len(pairs), seed, "epoch", epoch)]
    offset = first - epochs.start * len(pairs)
    return stream[offset : offset + size]


def _answers(causal: CausalModel, data: Dataset, pairs: list[Pair]) -> list[Answer]:
    """Chosen and rejected of each pair, with keys 2 i and 2 i + 1."""
    answers = []
    for number, pair in enumerate(pairs):
        prompt = tuple(causal.encode_prompt(data.prompts[pair.prompt]))
        for side, name in enumerate((pair.chosen, pair.rejected)):
            completion = tuple(causal.encode_completion(data.completions[name].text))
            answers.append(Answer(prompt, completion, 2 * number + side))
    return answers


def _together(causal: CausalModel, data: Dataset, pairs: list[Pair], batches: Batches) -> Iterator[list[Pair]]:
    """Pairs whose margins are held at once: both sides of a pair, and as many pairs as a batch has room for."""
    held: list[Pair] = []
    places = 0
    for pair in pairs:
        answers = _answers(causal, data, [pair])
        size = len(answers[0].prompt) + sum(len(answer.completion) for answer in answers)
        if held and places + size > batches.batch_tokens:
            yield held
            held, places = [], 0
        held.append(pair)
        places += size
    yield held


def _margins(causal: CausalModel, answers: list[Answer], count: int, batches: Batches) -> Tensor:
    """Log-probability of the chosen minus that of the rejected, [P]."""
    total_A = torch.zeros(2 * count, device=causal.device)
    for batch in pack(causal, answers, **vars(batches)):
        logprob_N = token_logprobs(causal, batch, batch.hidden(causal), entropy=False).logprob_N
        total_A = total_A.index_add(0, _owners(batch), logprob_N)
    return total_A[0::2] - total_A[1::2]


def _owners(batch: PackedBatch) -> Tensor:
    return torch.tensor(batch.keys, device=batch.owner_N.device)[batch.owner_N]
