"""What every algorithm that learns from pairs does in a step: both sides' log-probabilities, a loss, one update.

An algorithm is its settings and two functions of the sides: what a pair costs (`loss`), and by how much the policy
tells chosen from rejected (`margin`). Chosen and rejected share their prompt's computation; a pair counts
by its weight.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from accord.artefacts import PairMetrics
from accord.feedback import Dataset
from accord.lm.causal import CausalModel
from accord.lm.frozen_prefix import forget_prefix, share_prefix
from accord.lm.logprobs import token_logprobs
from accord.lm.packed import TokenizedCompletion, length_of, longest, tokenized
from accord.policy.budget import SampleBudget
from accord.policy.materials import Material, Materials
from accord.policy.settings import PolicySettings
from accord.records import Pair
from accord.run import RunDirectory
from accord.train import (
    BatchLimits,
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
from accord.train.ranks import own_share, shares_steps, sum_numbers, sum_tensor
from accord.train.sharding import shard_model, with_idle

__all__ = ["PairLogprobs", "Pairwise"]


class PairLogprobs(NamedTuple):
    """P pairs: log-probabilities summed over tokens under policy and reference (NaN without one), and tokens.

    tie_P        true where neither was preferred
    kl_baseline  mean of log pi - log ref of answers under prompts that are not theirs, not below 0; 0 if not needed
    """

    chosen_P: Tensor
    rejected_P: Tensor
    chosen_reference_P: Tensor
    rejected_reference_P: Tensor
    chosen_tokens_P: Tensor
    rejected_tokens_P: Tensor
    tie_P: Tensor
    kl_baseline: float = 0.0


class Pairwise(PolicySettings):
    """Settings that all algorithms on pairs share."""

    anchor = "beta"
    lab_defaults: ClassVar[Mapping[str, Any] | None] = {}
    renamed: ClassVar[Mapping[str, str]] = {"batch": "batch_size", "pairs": "max_pairs"}

    max_pairs: int | None = Field(default=None, ge=1, description="at most so many pairs, drawn by the seed")
    epochs: float = Field(default=1.0, gt=0, description="passes over the pairs; the last step draws what is left")
    batch_size: int = Field(default=32, ge=1, description="pairs a step")
    save_every: int = Field(default=10, ge=1)
    optim: Optim = Optim(lr=5e-6)

    @property
    def needs_reference(self) -> bool:
        """Whether a reference is needed."""
        return True

    @property
    def needs_kl_baseline(self) -> bool:
        """Whether `PairLogprobs.kl_baseline` is needed."""
        return False

    @abstractmethod
    def loss(self, sides: PairLogprobs) -> Tensor:
        """The loss of every pair, [P]."""

    @abstractmethod
    def margin(self, sides: PairLogprobs) -> Tensor:
        """By how much each chosen answer stands above the rejected one, [P]."""

    @property
    def needs(self) -> frozenset[Material]:
        """Pairs."""
        return frozenset({"pairs"})

    @classmethod
    def within(cls, budget: SampleBudget) -> dict[str, Any]:
        """A pair is two texts."""
        return {"batch_size": budget.texts_per_step // 2}

    @shares_steps
    def steps(
        self, materials: Materials, run: RunDirectory, *, stage: str = "policy"
    ) -> Iterator[TrainingStep[PairMetrics]]:
        """Train on the pairs of the train split; the initial policy is the reference where `needs_reference`."""
        data = materials.data
        available = data.pairs["train"]
        begin = self.resolve_start(materials.start, available, stage=stage, lacking="no pairs to learn from")
        seed = stage_seed(run, stage)
        policy = self.open(begin, seed=seed, train=True)
        shard_model(policy)
        reference = self.reference(policy, begin, seed=seed) if self.needs_reference else None
        if reference is not None:
            shard_model(reference)
        share_prefix(policy, reference)
        policy.name = stage
        chosen = [available[i] for i in shuffled(len(available), seed, "pairs")[: self.max_pairs]]
        passes, draws = Passes([[pair] for pair in chosen], seed, "epoch"), planned_draws(self.epochs, len(chosen))
        total = ceil(draws / self.batch_size)
        optimiser = Optimiser(self.optim, policy.trainable(), total)
        loop = TrainingLoop(run, stage, optimiser, self, total=total, save_every=self.save_every, model=policy.model)
        planned = self.memory_gb is not None or policy.device.type != "cpu"
        room = max(longest(_answers(policy, data, [pair])) for pair in chosen) if planned else 0
        scorer = _Scorer(self, policy, reference, data, stage_batch_limits(self, policy, run, stage, longest=room))

        mean_weight = sum(pair.weight for pair in chosen) / len(chosen)

        def update(step: int) -> StepResult[PairMetrics]:
            pairs = passes.step(step, self.batch_size, draws)
            return StepResult(self._update(scorer, optimiser, pairs, step, mean_weight))

        yield from loop.steps(update, lambda: self.save_model(policy, begin, run, stage=stage, seed=seed))

    def _update(
        self, scorer: "_Scorer", optimiser: Optimiser, pairs: list[Pair], step: int, mean_weight: float
    ) -> PairMetrics:
        kl_baseline = scorer.kl_baseline(pairs) if self.needs_kl_baseline else 0.0
        weight = mean_weight * len(pairs)
        loss: float | Tensor = 0.0
        right: float | Tensor = 0.0
        gap: float | Tensor = 0.0
        decided = 0
        batches = list(scorer.together(own_share(pairs, scorer.length)))
        for some, answers in with_idle(scorer.policy, batches, ([], [])):
            sides = scorer.sides(some, answers, kl_baseline)
            weight_P = torch.tensor([pair.weight for pair in some], device=sides.tie_P.device)
            loss += optimiser.add((weight_P * self.loss(sides)).sum() / weight)
            margin_P = self.margin(sides).detach()
            gap += margin_P.sum().double() / len(pairs)
            right += ((margin_P > 0) & ~sides.tie_P).sum()
            decided += sum(not pair.tie for pair in some)
        lr = optimiser.rate
        norm = optimiser.step()
        whole = sum_numbers({"loss": loss, "right": right, "decided": decided, "gap": gap})
        return PairMetrics(
            step=step,
            loss=whole["loss"],
            accuracy=whole["right"] / whole["decided"] if whole["decided"] else None,
            margin=whole["gap"],
            lr=lr,
            grad_norm=norm,
        )


@dataclass(frozen=True)
class _Scorer:
    """Log-probabilities of both sides of pairs under the policy and its reference."""

    settings: Pairwise
    policy: CausalModel
    reference: CausalModel | None
    data: Dataset
    limits: BatchLimits

    def together(self, pairs: list[Pair]) -> Iterator[tuple[list[Pair], list[TokenizedCompletion]]]:
        """Pairs that are held at once, with both their answers: as many as a batch has room for."""
        batch: list[Pair] = []
        answers: list[TokenizedCompletion] = []
        places = 0
        for pair in pairs:
            both = _answers(self.policy, self.data, [pair])
            size = len(both[0].prompt) + sum(len(answer.completion) for answer in both)
            if batch and places + size > self.limits.batch_tokens:
                yield batch, answers
                batch, answers, places = [], [], 0
            answers += [replace(answer, key=len(answers) + answer.key) for answer in both]
            batch.append(pair)
            places += size
        if batch:
            yield batch, answers

    def length(self, pair: Pair) -> int:
        """How many tokens the two answers of a pair are, with their prompt before each."""
        return sum(map(length_of, _answers(self.policy, self.data, [pair])))

    def sides(self, pairs: list[Pair], answers: list[TokenizedCompletion], kl_baseline: float) -> PairLogprobs:
        """Both sides of each pair, by their answers in this order, those of the policy with a graph."""
        forget_prefix(self.policy)
        known_A = self._reference_totals(answers)
        with self.settings.updating(self.policy):
            total_A = self._totals(self.policy, answers)
        tokens_A = torch.tensor([float(len(answer.completion)) for answer in answers], device=total_A.device)
        tie_P = torch.tensor([pair.tie for pair in pairs], dtype=torch.bool, device=total_A.device)
        return PairLogprobs(
            chosen_P=total_A[0::2],
            rejected_P=total_A[1::2],
            chosen_reference_P=known_A[0::2],
            rejected_reference_P=known_A[1::2],
            chosen_tokens_P=tokens_A[0::2],
            rejected_tokens_P=tokens_A[1::2],
            tie_P=tie_P,
            kl_baseline=kl_baseline,
        )

    @torch.no_grad()
    def kl_baseline(self, pairs: list[Pair]) -> float:
        """The mean of log pi - log ref of answers under another pair's prompt, not below 0; 0 for a single prompt."""
        answers = _answers(self.policy, self.data, pairs)
        prompts = [answer.prompt for answer in answers]
        moved: list[TokenizedCompletion] = []
        for place, answer in enumerate(answers):
            room = self.policy.context - len(answer.completion)
            others = [each for each in prompts[place:] + prompts[:place] if each != answer.prompt and len(each) <= room]
            if others:
                moved.append(TokenizedCompletion(others[0], answer.completion, len(moved)))
        if not moved:
            return 0.0
        own = [replace(answer, key=key) for key, answer in enumerate(own_share(moved, length_of))]
        forget_prefix(self.policy)
        total = sum_tensor((self._totals(self.policy, own) - self._reference_totals(own)).sum())
        return max(0.0, float(total / len(moved)))

    @torch.no_grad()
    def _reference_totals(self, answers: list[TokenizedCompletion]) -> Tensor:
        if self.reference is None:
            return torch.full((len(answers),), torch.nan, device=self.policy.device)
        return self._totals(self.reference, answers)

    def _totals(self, causal: CausalModel, answers: list[TokenizedCompletion]) -> Tensor:
        """The log-probability of each answer, summed over its tokens, [A]."""
        total_A = torch.zeros(len(answers), device=causal.device)
        for batch in self.limits.pack(causal, answers):
            logprob_N = token_logprobs(causal, batch, batch.hidden(causal), entropy=False).logprob_N
            owner_N = torch.tensor(batch.keys, dtype=torch.long, device=batch.owner_N.device)[batch.owner_N]
            total_A = total_A.index_add(0, owner_N, logprob_N)
        return total_A


def _answers(causal: CausalModel, data: Dataset, pairs: list[Pair]) -> list[TokenizedCompletion]:
    """Chosen and rejected of each pair, with keys 2 i and 2 i + 1."""
    answers = []
    for number, pair in enumerate(pairs):
        prompt = causal.encode_prompt(data.prompts[pair.prompt])
        for side, name in enumerate((pair.chosen, pair.rejected)):
            answers.append(tokenized(causal, prompt, data.completions[name], 2 * number + side))
    return answers
