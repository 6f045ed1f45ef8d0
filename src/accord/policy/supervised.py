"""What every algorithm that learns from given completions does: a loss at each of their tokens, one update a step.

An algorithm says which completions, after what, and with what loss; `Supervised.learn` is the loop. The prompt is never
a target; the end of the completion is one.

Left out: sequence packing across prompts (completions of one prompt share it instead), learning-rate finders, and
weights on single tokens of the completion.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import ClassVar, TypeVar

import torch
from pydantic import Field
from torch import Tensor

from accord.artefacts import SupervisedMetrics
from accord.artefacts.on_demand import OnDemand
from accord.lm.causal import CausalModel
from accord.lm.logprobs import token_logprobs
from accord.lm.packed import PackedBatch, TokenizedCompletion, length_of, longest, tokenized, with_shared_numbers
from accord.policy.losses import negative_log_likelihood
from accord.policy.materials import SupervisedExample
from accord.policy.settings import PolicySettings
from accord.run import RunDirectory
from accord.train import (
    Optim,
    Optimiser,
    Passes,
    StepResult,
    TrainingLoop,
    TrainingStep,
    planned_draws,
    shuffled,
    stage_batch_limits,
    stage_seed,
)
from accord.train.ranks import own_share, sum_numbers
from accord.train.sharding import shard_model

__all__ = [
    "Supervised",
    "TokenLoss",
    "ends_among_targets",
    "likelihood",
    "mean_token_weight",
    "token_weights",
    "tokenize",
]

TokenLoss = Callable[[CausalModel, PackedBatch], Tensor]
T = TypeVar("T")


def likelihood(causal: CausalModel, batch: PackedBatch) -> Tensor:
    """-log p of each completion token of a batch, [N] nats."""
    tokens = token_logprobs(causal, batch, batch.hidden(causal), entropy=False)
    return negative_log_likelihood(tokens.logprob_N)


class Supervised(PolicySettings):
    """Settings that all algorithms on given completions share."""

    renamed: ClassVar[Mapping[str, str]] = {
        "batch": "batch_size",
        "examples": "max_examples",
        "share": "max_shared_prompt",
    }

    max_examples: int | None = Field(default=None, ge=1, description="at most so many examples, drawn by the seed")
    epochs: float = Field(default=1.0, gt=0, description="passes over the examples; the last step draws what is left")
    batch_size: int = Field(default=32, ge=1, description="examples a step")
    max_shared_prompt: int = Field(
        default=8, ge=1, description="examples of one prompt drawn together, so that it is computed once"
    )
    save_every: int = Field(default=20, ge=1)
    optim: Optim = Optim(lr=2e-5)

    def train_on(
        self,
        examples: Sequence[SupervisedExample],
        run: RunDirectory,
        *,
        start: str | Path | None = None,
        stage: str = "sft",
    ) -> Iterator[TrainingStep[SupervisedMetrics]]:
        """Train on completions. Goes on from the last checkpoint of `stage` in `run`; leaves `<stage>/model`.

        Raises `RecipeError` where there is nothing to learn from, or no model to start from, `TrainingStopped` where a
        number leaves its bounds.
        """
        initial = self.resolve_start(start, examples, stage=stage, lacking="no examples to learn from")
        seed = stage_seed(run, stage)
        causal = self.open(initial, seed=seed, train=True)
        weights = list[float]()

        def drawn() -> Iterator[SupervisedExample]:
            for example in self.draw_examples(examples, seed):
                weights.append(example.weight)
                yield example

        yield from self.learn(causal, tokenize(causal, drawn()), run, initial=initial, stage=stage, weights=weights)

    def draw_examples(self, examples: Sequence[T], seed: int) -> Sequence[T]:
        """The examples in an order drawn by the seed, at most `max_examples` of them."""
        places = shuffled(len(examples), seed, "examples")[: self.max_examples]
        drawn = OnDemand(len(places), lambda number: examples[places[number]])
        return drawn if isinstance(examples, OnDemand) else list(drawn)

    def learn(
        self,
        causal: CausalModel,
        answers: Sequence[TokenizedCompletion],
        run: RunDirectory,
        *,
        initial: str | Path,
        stage: str,
        loss: TokenLoss = likelihood,
        weights: Sequence[float] | None = None,
    ) -> Iterator[TrainingStep[SupervisedMetrics]]:
        """Train `causal`, opened from `initial`, on tokens, by the mean of `loss` over those of a step's completions.

        Each token counts by its weight beside the mean weight of all: a step of what weighs little moves little.

        loss      the loss of each completion token of a batch, [N]
        weights   what every token of a completion counts, by the completion's key; unset: 1
        """
        seed = stage_seed(run, stage)
        weight_of = {answer.key: 1.0 if weights is None else weights[answer.key] for answer in answers}
        mean_weight = mean_token_weight(answers, weight_of)
        passes = Passes(_blocks(answers, self.max_shared_prompt, seed), seed, "epoch")
        draws = planned_draws(self.epochs, len(answers))
        total = ceil(draws / self.batch_size)
        shard_model(causal)
        optimiser = Optimiser(self.optim, causal.trainable(), total)
        loop = TrainingLoop(run, stage, optimiser, self, total=total, save_every=self.save_every, model=causal.model)
        limits = stage_batch_limits(self, causal, run, stage, longest=longest(answers))

        def update(step: int) -> StepResult[SupervisedMetrics]:
            batch = passes.step(step, self.batch_size, draws)
            tokens = sum(len(answer.completion) for answer in batch)
            mean_loss: float | Tensor = 0.0
            ended: float | Tensor = 0.0
            for packed in limits.pack(causal, own_share(batch, length_of)):
                with self.updating(causal):
                    loss_N = loss(causal, packed)
                weighted_N = token_weights(packed, weight_of).to(loss_N) * loss_N
                mean_loss += optimiser.add(weighted_N.sum() / (mean_weight * tokens))
                ended += ends_among_targets(packed, causal.end_ids)
            lr = optimiser.rate
            norm = optimiser.step()
            whole = sum_numbers({"loss": mean_loss, "ended": ended})
            metrics = SupervisedMetrics(
                step=step,
                loss=whole["loss"],
                tokens=tokens,
                lr=lr,
                grad_norm=norm,
                texts=len(batch),
                ended=int(whole["ended"]),
            )
            return StepResult(metrics)

        yield from loop.steps(update, lambda: self.save_model(causal, initial, run, stage=stage, seed=seed))


def tokenize(causal: CausalModel, examples: Iterable[SupervisedExample]) -> list[TokenizedCompletion]:
    """Examples as token ids, by their place as key; each completion with its end, unless it was cut off.

    They are read once, and a prompt that comes several times is rendered once.
    """
    ids_of: dict[str, tuple[int, ...]] = {}
    answers: list[TokenizedCompletion] = []
    for key, example in enumerate(examples):
        name = example.prompt.id
        if name not in ids_of:
            ids_of[name] = with_shared_numbers(causal.encode_prompt(example.prompt))
        answers.append(tokenized(causal, ids_of[name], example.completion, key))
    return answers


def mean_token_weight(answers: Iterable[TokenizedCompletion], weight_of: Mapping[int, float]) -> float:
    """The mean weight of a completion token, by the key of its completion."""
    lengths = {answer.key: len(answer.completion) for answer in answers}
    return sum(weight_of[key] * length for key, length in lengths.items()) / sum(lengths.values())


def token_weights(batch: PackedBatch, weight_of: Mapping[int, float]) -> Tensor:
    """What each completion token of a batch counts, [N], by the key of its completion."""
    weight_A = torch.tensor([weight_of[key] for key in batch.keys], device=batch.owner_N.device)
    return weight_A[batch.owner_N]


def ends_among_targets(batch: PackedBatch, ends: frozenset[int]) -> Tensor:
    """How many answers of a batch have an end token for their last target."""
    last_A = batch.input_ids.flatten()[batch.last_A]
    return torch.isin(last_A, torch.tensor(sorted(ends), device=last_A.device)).sum()


def _blocks(answers: Sequence[TokenizedCompletion], share: int, seed: int) -> list[list[TokenizedCompletion]]:
    """Up to `share` answers of one prompt together, drawn at random among those of the prompt."""
    by_prompt: dict[tuple[int, ...], list[TokenizedCompletion]] = {}
    for i in shuffled(len(answers), seed, "blocks"):
        by_prompt.setdefault(answers[i].prompt, []).append(answers[i])
    return [group[i : i + share] for group in by_prompt.values() for i in range(0, len(group), share)]
