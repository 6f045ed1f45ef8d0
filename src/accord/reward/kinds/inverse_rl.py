"""A reward under which the policy that people demonstrate would be the best: maximum-entropy inverse RL.

    p(y|x) = start(y|x) exp(r(x, y)) / Z(x)

is what the demonstrators are taken to draw from: the optimum of E[r] - KL(p || start) (Ziebart et al. 2008; Korbak et
al. 2022, arXiv 2205.11275). So a policy that is trained on r with a `kl_coef` of 1 / `score_scale` comes to write as
they do, and r says what of it the start did not do yet. Z(x) is a sum over all texts, for which samples of the start
stand.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator

from accord.deferred import deferred
from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.records import Prompt, Sampling
from accord.reward.learnt import LearntReward
from accord.reward.terms.choices import Partition
from accord.run import RunDirectory
from accord.train import stage_seed

with deferred():
    from torch import nn

    from accord.artefacts import CANDIDATES, RewardMetrics, WrittenCandidate
    from accord.lm.generate import generate
    from accord.reward.terms.base import Term
    from accord.reward.terms.inverse import InverseDemonstrations
    from accord.train import TrainingStep

__all__ = ["InverseRL"]

log = logging.getLogger("accord.reward")
MOST_CUT = 0.2  # of the samples, beyond which lengths are no longer the start's own


class InverseRL(LearntReward):
    """Settings of maximum-entropy inverse RL."""

    objective: ClassVar[str] = (
        "maximum-entropy inverse reinforcement learning: demonstrations are drawn from start(y|x) exp(r(x, "
        "y)) / Z(x); the loss is log Z - r, samples of the start standing for Z"
    )

    learns_from: ClassVar[frozenset[str]] = frozenset({"demonstration"})

    kind: Literal["inverse_rl"] = "inverse_rl"
    start: str = Field(description="whose samples stand for the partition function: what the policy is to start from")
    samples: int = Field(default=8, ge=1, description="of the start, to each prompt that was demonstrated")
    partition: Partition = Field(
        default="samples", description="log Z(x) by the `samples`, or `learnt` as a parameter of each prompt"
    )
    sampling: Sampling = Sampling(max_tokens=64)

    @field_validator("sampling")
    @classmethod
    def _whole(cls, sampling: Sampling) -> Sampling:
        if not sampling.whole or sampling.temperature != 1:
            raise ValueError("the samples stand for the start itself: leave top_p and top_k out, and temperature at 1")
        return sampling

    def anchored(self, folder: Path) -> Self:
        """The same with the start's folder made absolute, where it is one."""
        settings = super().anchored(folder)
        return settings.model_copy(update={"start": str(folder / self.start)} if (folder / self.start).is_dir() else {})

    def terms(self, data: Dataset) -> Sequence[Term]:
        """The demonstrations beside the start's samples. Raises `RecipeError` where these were not drawn yet."""
        if not isinstance(data, _Sampled):
            raise RecipeError("the start's samples are drawn when the stage is run; fit by `steps` or `fit`")
        return [InverseDemonstrations(data.texts, self.partition)]

    def steps(
        self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward"
    ) -> Iterator[TrainingStep[RewardMetrics]]:
        """Sample the start, once, and fit. What it wrote is kept in `<stage>/candidates.jsonl`."""
        asked = list(dict.fromkeys(entry.feedback.prompt for entry in data.demonstrations(split)))
        if asked and not CANDIDATES.has(run, stage):
            prompts = [data.prompts[name] for name in asked]
            CANDIDATES.write(run, self._written(prompts, stage_seed(run, stage)), stage=stage)
        written = _candidates(run, stage) if asked else []
        if (cut := sum(row.finish_reason == "length" for row in written)) > MOST_CUT * len(written):
            log.warning(
                "%s: %d of the start's %d samples were cut off at %d tokens; demonstrations that are longer are told "
                "from them by their length: raise sampling.max_tokens",
                stage,
                cut,
                len(written),
                self.sampling.max_tokens,
            )
        yield from super().steps(_sampled(data, written), run, split=split, stage=stage)

    def load_terms(self, data: Dataset, run: RunDirectory, *, stage: str = "reward") -> nn.ModuleDict:
        """As of every kind, beside the start's samples that the run keeps."""
        return super().load_terms(_sampled(data, _candidates(run, stage)), run, stage=stage)

    def _written(self, prompts: Sequence[Prompt], seed: int) -> Iterator[WrittenCandidate]:
        writer = self.open(self.start, seed=seed)
        sampling = self.sampling.model_copy(update={"seed": seed})
        groups = generate(writer, [writer.encode_prompt(prompt) for prompt in prompts], self.samples, sampling)
        for number, (prompt, group) in enumerate(zip(prompts, groups, strict=True)):
            for index, each in enumerate(group):
                yield WrittenCandidate(
                    group=number,
                    index=index,
                    prompt=prompt.id,
                    text=writer.completion(prompt, each, sampling).text,
                    token_ids=each.token_ids,
                    finish_reason=each.finish_reason,
                )


@dataclass(frozen=True)
class _Sampled(Dataset):
    """A data set with what the start wrote to its prompts."""

    texts: dict[str, list[str]] = field(default_factory=dict)


def _candidates(run: RunDirectory, stage: str) -> list[WrittenCandidate]:
    """What the start wrote, from the run."""
    return [row for row in CANDIDATES.read(run, stage) if isinstance(row, WrittenCandidate)]


def _sampled(data: Dataset, written: Sequence[WrittenCandidate]) -> _Sampled:
    texts: dict[str, list[str]] = {}
    for row in written:
        texts.setdefault(row.prompt, []).append(row.text)
    return _Sampled(**{each.name: getattr(data, each.name) for each in fields(Dataset)}, texts=texts)
