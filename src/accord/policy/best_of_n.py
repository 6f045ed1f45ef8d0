"""Best of n: draw n, keep the best by a judge. As a measure of a judge, as a bound, and as training data.

What best of n would reach is estimated for every n at once from one pool of samples, without bias (Nakano et al. 2021,
arXiv 2112.09332, appendix I); its KL to what it draws from is at most log n - (n - 1) / n (Beirami et al. 2024, arXiv
2401.01879). `BestOfN` distils it: the start writes, the judge chooses, and the policy learns the chosen by supervised
fine-tuning (rejection sampling; Dong et al. 2023, arXiv 2304.06767).

Left out: several rounds of writing and learning; run the stage again from its own result.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import log
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from accord.deferred import deferred
from accord.interfaces import Judge, Sampler
from accord.policy.budget import SampleBudget
from accord.policy.caution import Cautious
from accord.policy.supervised import Supervised
from accord.policy.writers import SeveralWriters, WithWriters, open_writers
from accord.records import Completion, Prompt, Sampling
from accord.run import RunDirectory
from accord.train import shuffled, stage_seed

with deferred():
    from scipy.special import gammaln, logsumexp

    from accord.artefacts import CANDIDATES, BestOfNCandidate, SupervisedMetrics
    from accord.lm.generate import LocalSampler
    from accord.policy.materials import Material, Materials, SupervisedExample
    from accord.train import TrainingStep

__all__ = ["BestOfN", "best_of", "best_of_kl", "soft_best_of"]

Floats = NDArray[np.float64]


def best_of(score_N: Floats, value_N: Floats, n: int) -> float:
    """The mean `value` of the best of n by `score`, over every choice of n of these N answers, from one pool.

    The answer that stands k-th from below is the best of C(k-1, n-1) of the C(N, n) choices; answers of equal score
    share their weights. Unbiased for best of n of whatever the pool was drawn from. Raises ValueError unless
    1 <= n <= N and both arrays are of length N.
    """
    size = len(score_N)
    if len(value_N) != size or not 1 <= n <= size:
        raise ValueError(f"best of {n} among {size} scores and {len(value_N)} values")
    below_N = np.arange(size, dtype=np.float64)
    ways_N = gammaln(below_N + 1) - gammaln(n) - gammaln(np.maximum(below_N - n + 1, 0) + 1)
    all_ways = gammaln(size + 1) - gammaln(n + 1) - gammaln(size - n + 1)
    weight_N = np.where(below_N >= n - 1, np.exp(ways_N - all_ways), 0.0)
    _, kind_N = np.unique(score_N, return_inverse=True)
    order_N = np.argsort(score_N, kind="stable")
    count_K = np.bincount(kind_N)
    share_K = np.bincount(kind_N[order_N], weight_N) / count_K
    return float(share_K[kind_N] @ value_N)


def best_of_kl(n: int) -> float:
    """KL of best of n to what it draws from, in nats: log n - (n - 1) / n.

    Exact where no two answers score alike; otherwise an upper bound (Beirami et al. 2024).
    """
    if n < 1:
        raise ValueError(f"best of {n}")
    return log(n) - (n - 1) / n


def soft_best_of(score_N: Floats, value_N: Floats, n: int, temperature: float, *, seed: int = 0) -> float:
    """The mean `value` where one of n is drawn by exp(score / temperature) (Verdun et al. 2025, arXiv 2505.03156).

    Averaged over 1,000 choices of n of the pool; at temperature 0 it is `best_of`. Raises ValueError as that does.
    """
    if temperature == 0:
        return best_of(score_N, value_N, n)
    size = len(score_N)
    if len(value_N) != size or not 1 <= n <= size or temperature < 0:
        raise ValueError(f"soft best of {n} at {temperature} among {size} scores and {len(value_N)} values")
    random = np.random.default_rng(seed)
    chosen_CK = np.argsort(random.random((1000, size)), axis=1)[:, :n]
    weight_CK = score_N[chosen_CK] / temperature
    weight_CK = np.exp(weight_CK - logsumexp(weight_CK, axis=1, keepdims=True))
    return float((weight_CK * value_N[chosen_CK]).sum(1).mean())


class BestOfN(WithWriters, Cautious, Supervised):
    """Settings of best-of-n distillation: those of supervised fine-tuning, and who writes how much."""

    sentence = "Best-of-n distillation then trained the policy on the best of its start's samples by that reward model"
    lab_defaults: ClassVar[Mapping[str, Any] | None] = {}

    kind: Literal["best_of_n"] = "best_of_n"
    n: int = Field(default=8, ge=2, description="samples of which the best is learnt")
    repeats: int = Field(default=1, ge=1, description="how often each prompt is answered")
    texts: int | None = Field(
        default=None,
        ge=1,
        description="write about so many: fewer prompts, drawn by the seed, or more repeats; unset: n of each",
    )
    sampling: Sampling = Sampling(max_tokens=48)

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.n <= len(self.writers):
            raise ValueError(f"n = {self.n} leaves some of the start and its writers none to write")
        return self

    @property
    def needs(self) -> frozenset[Material]:
        """Prompts, and a judge of the samples."""
        return frozenset({"prompts", "judge"})

    @classmethod
    def within(cls, budget: SampleBudget) -> dict[str, Any]:
        """The best of each group is read as often as makes up the number."""
        return {
            "n": budget.group,
            "texts": budget.texts,
            "epochs": budget.group,
            "batch_size": budget.texts_per_step,
            "sampling": budget.sampling,
        }

    def steps(
        self, materials: Materials, run: RunDirectory, *, stage: str = "policy"
    ) -> Iterator[TrainingStep[SupervisedMetrics]]:
        """Write, choose and learn. What was written is kept in `<stage>/candidates.jsonl`, with what was chosen.

        Raises `RecipeError` where there are no prompts or no model to start from.
        """
        prompts = materials.prompts
        initial = self.resolve_start(materials.start, prompts, stage=stage, lacking="no prompts to answer")
        if not CANDIDATES.has(run, stage):
            asked = self._asked(prompts, run.seed)
            written = self._written(asked, materials.judge, initial, stage_seed(run, stage))
            CANDIDATES.write(run, written, stage=stage)
        by_id = {prompt.id: prompt for prompt in prompts}
        chosen = [
            SupervisedExample(
                by_id[row.prompt],
                Completion(prompt=row.prompt, text=row.text, token_ids=row.token_ids, finish_reason=row.finish_reason),
            )
            for row in CANDIDATES.read(run, stage)
            if isinstance(row, BestOfNCandidate) and row.chosen
        ]
        yield from self.train_on(chosen, run, start=initial, stage=stage)

    def _asked(self, prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
        """Each prompt as often as it is answered with n samples."""
        repeats = self.repeats
        if self.texts is not None:
            prompts = [prompts[i] for i in shuffled(len(prompts), seed, "asked")[: max(1, self.texts // self.n)]]
            repeats = max(1, self.texts // (len(prompts) * self.n))
        return [prompt for prompt in prompts for _ in range(repeats)]

    def _written(
        self, asked: Sequence[Prompt], judge: Judge, initial: str | Path, seed: int
    ) -> Iterator[BestOfNCandidate]:
        """Every sample with its score, the best of each n marked; one that did not end itself is never chosen first."""
        writer = self.open(initial, seed=seed)
        sampling = self.sampling.model_copy(update={"seed": seed})
        sampler: Sampler = LocalSampler(writer)
        if self.writers:
            sampler = SeveralWriters(writer, sampler, open_writers(self.writers, self), asked)
        groups = sampler.sample([writer.encode_prompt(prompt) for prompt in asked], self.n, sampling)
        repeated = [prompt for prompt, group in zip(asked, groups, strict=True) for _ in group]
        drawn = [each for group in groups for each in group]
        texts = [writer.completion(prompt, each, sampling) for prompt, each in zip(repeated, drawn, strict=True)]
        scores = judge.score(repeated, texts)  # all at once: people are asked once
        low_end_N = self.low_end(scores, f"the judge '{judge.name}'")
        for number, (prompt, group) in enumerate(zip(asked, groups, strict=True)):
            first = number * self.n
            score_n = low_end_N[first : first + self.n]
            ended_n = np.array([each.finish_reason != "length" for each in group])
            best = int(np.lexsort((score_n, ended_n))[-1])
            for index, each in enumerate(group):
                row = first + index
                yield BestOfNCandidate(
                    group=number,
                    index=index,
                    prompt=prompt.id,
                    text=texts[row].text,
                    token_ids=each.token_ids,
                    finish_reason=each.finish_reason,
                    reward=float(scores.value_N[row]),
                    reward_std=None if scores.std_N is None else float(scores.std_N[row]),
                    cautious_reward=float(score_n[index]) if self.is_cautious else None,
                    chosen=index == best,
                    writer=each.writer,
                )
