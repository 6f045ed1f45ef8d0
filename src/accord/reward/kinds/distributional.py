"""Distributional preference learning: how people's utilities of a text are spread, and their mean or a quantile."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from accord.deferred import deferred
from accord.feedback import PAIR_KINDS, Dataset
from accord.lm.aggregation import Aggregation
from accord.reward.learnt import LearntReward, sample_of, unit_of
from accord.reward.observations import Observation, completions_of
from accord.reward.terms.choices import Distribution, output_names
from accord.reward.terms.reading import Reading, read_pairs
from accord.run import RunDirectory

with deferred():
    from accord.lm.reward_model import ScalarHeadModel
    from accord.reward.heads import Heads, ObjectiveHeads, unrecorded
    from accord.reward.people.distribution import DistributionalModel, distributional, utilities
    from accord.reward.people.unknown_groups import Start
    from accord.reward.terms.base import Term
    from accord.reward.terms.utilities import Utilities

__all__ = ["Distributional"]


class Distributional(LearntReward):
    """Settings of a reward with a distribution of utility (Siththaranjan et al. 2024, arXiv 2312.08358)."""

    objective: ClassVar[str] = (
        "distributional preference learning: a text has a distribution of utility, from which each answer "
        "draws anew; P(a is preferred to b) = P(u_a > u_b), which is N((m_a - m_b) / sqrt(v_a + v_b)) of "
        "normal ones"
    )

    learns_from: ClassVar[frozenset[str]] = PAIR_KINDS

    not_taken: ClassVar[frozenset[str]] = frozenset(
        {
            "pooling_sd",
            "aggregation",
            "aggregation_quantile",
            "components",
            "group_weights",
            "unknown_groups",
            "min_answers",
            "ensemble",
            "doubt",
        }
    )

    kind: Literal["distributional"] = "distributional"
    distribution: Distribution = Field(default="normal", description="`normal`, or `categorical` over ten levels")
    utility_quantile: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="score by this quantile of people's utilities; unset: their mean",
    )

    @model_validator(mode="after")
    def _no_groups(self) -> Self:
        if self.group_by is not None or self.head_per != "everybody":
            raise ValueError("group_by and head_per name who differs; distributional is for where nobody can")
        return self

    def terms(self, data: Dataset) -> Sequence[Term]:
        """The pairs."""
        return [Utilities(self.distribution, members=self.ensemble_size)]

    def readings(self, data: Dataset, split: str) -> Mapping[str, Reading]:
        """What its term reads."""
        return {"comparison": read_pairs(data, split)}

    def heads(
        self, data: Dataset, observations: Sequence[Observation], *, seed: int, stage: str, start: Start | None = None
    ) -> Heads:
        """The outputs that describe a distribution."""
        return ObjectiveHeads(
            members=self.ensemble_size, seed=seed, names=output_names(self.distribution), unrecorded=unrecorded(data)
        )

    def finish(
        self, judge: ScalarHeadModel, heads: Heads, data: Dataset, observations: Sequence[Observation], *, split: str
    ) -> None:
        """Mean utilities get mean 0 and standard deviation 1 on what was compared: only their ratios are known."""
        raw_NM = judge.raw(*sample_of(data, completions_of(observations)))
        mean_N = utilities(raw_NM, judge.members, self.distribution)[0].mean(1)
        judge.mean_M = (float(mean_N.mean()),) * raw_NM.shape[1]
        judge.score_scale = unit_of(float(mean_N.std()))
        judge.aggregation = Aggregation()

    def load(self, run: RunDirectory, *, stage: str = "reward") -> DistributionalModel:
        """The judge that `fit` left in the run, its digest checked."""
        return distributional(super().load(run, stage=stage), self.distribution, self.utility_quantile)
