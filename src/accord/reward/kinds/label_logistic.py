"""Rewards learnt from labels: an output of the head for each option, and a weighted sum of them."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from accord.deferred import deferred
from accord.errors import RecipeError, nearest
from accord.feedback import PAIR_KINDS, Dataset
from accord.lm.aggregation import Aggregation
from accord.reward.learnt import LearntReward, normalise
from accord.reward.observations import Observation, completions_of
from accord.reward.terms.reading import Reading, read_labels

with deferred():
    from accord.lm.reward_model import ScalarHeadModel
    from accord.reward.coefficients import fit_coefficients
    from accord.reward.heads import Heads, ObjectiveHeads, unrecorded
    from accord.reward.people.unknown_groups import Start
    from accord.reward.terms.base import Term
    from accord.reward.terms.labels import LabelOutputs, options_of

__all__ = ["LabelLogistic"]


class LabelLogistic(LearntReward):
    """Settings of a logistic model of labels. Its components are the log-odds that each option holds.

    The reward is their sum by `coefficients`; an option that is not named has 0. Fitted ones make the pairs of the same
    split likeliest (`fit_coefficients`, prior deviation 1), and are fitted after the outputs.
    """

    objective: ClassVar[str] = (
        "logistic: P(option k holds) = F(r_k), F(x) = 1 / (1 + exp(-x)), summed over the options offered; the "
        "reward is the sum of coefficient_k r_k"
    )

    learns_from: ClassVar[frozenset[str]] = frozenset({"label"})

    not_taken: ClassVar[frozenset[str]] = frozenset(
        {
            "pooling_sd",
            "aggregation",
            "aggregation_quantile",
            "group_weights",
            "unknown_groups",
            "min_answers",
            "doubt",
        }
    )

    kind: Literal["label_logistic"] = "label_logistic"
    coefficients: dict[str, FiniteFloat] | Literal["fitted"] = Field(
        description="what each option counts, such as { helpful = 1, harmful = -1 }; fitted: what makes pairs likeliest"
    )

    @property
    def reads(self) -> frozenset[str]:
        """Labels; and what gives pairs, where coefficients are fitted."""
        return self.learns_from | (PAIR_KINDS if self.coefficients == "fitted" else frozenset())

    @model_validator(mode="after")
    def _no_groups(self) -> Self:
        if self.group_by is not None or self.head_per != "everybody":
            raise ValueError("group_by and head_per are for outputs of people; a label's outputs are its options")
        if isinstance(self.coefficients, Mapping) and not any(self.coefficients.values()):
            raise ValueError("coefficients are all 0, which makes every reward 0")
        return self

    def terms(self, data: Dataset) -> Sequence[Term]:
        """The labels."""
        return [LabelOutputs(options_of(data), members=self.ensemble_size)]

    def readings(self, data: Dataset, split: str) -> Mapping[str, Reading]:
        """What its term reads."""
        return {"label": read_labels(data, split)}

    def heads(
        self, data: Dataset, observations: Sequence[Observation], *, seed: int, stage: str, start: Start | None = None
    ) -> Heads:
        """An output for each option. Raises `RecipeError` where a coefficient is of none, or has nothing to fit it."""
        options = options_of(data)
        if self.coefficients == "fitted":
            if not any(data.pairs.values()):
                raise RecipeError(
                    f"{stage}: coefficients = 'fitted' needs comparisons, rankings or ratings; state them instead, for "
                    f"{', '.join(options)}"
                )
        else:
            for name in self.coefficients:
                if name not in options:
                    raise RecipeError(f"{stage}: coefficients.{name}: no such option{nearest(name, list(options))}")
        return ObjectiveHeads(members=self.ensemble_size, seed=seed, names=options, unrecorded=unrecorded(data))

    def aggregate(self, judge: ScalarHeadModel, heads: Heads) -> None:
        """By the coefficients; fitted ones are those of `finish`."""
        stated = self.coefficients if isinstance(self.coefficients, dict) else dict.fromkeys(judge.components, 1.0)
        judge.aggregation = Aggregation("sum", tuple(stated.get(name, 0.0) for name in judge.components))
        judge.listed = self.components

    def finish(
        self, judge: ScalarHeadModel, heads: Heads, data: Dataset, observations: Sequence[Observation], *, split: str
    ) -> None:
        """Coefficients, then place and scale."""
        self.aggregate(judge, heads)
        if self.coefficients == "fitted":
            judge.aggregation = Aggregation("sum", _fitted(judge, data, split))
        normalise(judge, data, completions_of(observations))


def _fitted(judge: ScalarHeadModel, data: Dataset, split: str) -> tuple[float, ...]:
    """By the pairs of the split. Raises `RecipeError` where it has none."""
    pairs = data.pairs.get(split, ())
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.chosen, pair.rejected)))
    if not names:
        raise RecipeError(f"{judge.name}: the split '{split}' has no pairs to fit coefficients from; state them")
    completions = [data.completions[name] for name in names]
    raw_NM = judge.raw([data.prompts[completion.prompt] for completion in completions], completions)
    raw_NK = raw_NM.reshape(len(names), len(judge.components), judge.members).mean(2)
    place = {name: row for row, name in enumerate(names)}
    chosen_P, rejected_P = ([place[getattr(pair, side)] for pair in pairs] for side in ("chosen", "rejected"))
    found_K = fit_coefficients(
        raw_NK[chosen_P] - raw_NK[rejected_P],
        np.array([pair.tie for pair in pairs]),
        np.array([pair.weight for pair in pairs]),
        prior_std=1.0,
    )
    return tuple(found_K.tolist())
