"""Settings of a learnt reward that say whose rewards there are, and how they become one score."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from accord.deferred import deferred
from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.lm.aggregation import Aggregation, Rule
from accord.lm.reward_model import SHARED, ScalarHeadModel
from accord.reward.idle_settings import without_effect
from accord.reward.observations import Observation

with deferred():
    from accord.feedback import group_of
    from accord.reward.heads import Heads, unrecorded
    from accord.reward.people.unknown_groups import Start, UnknownGroups, find_groups

__all__ = ["PeopleSettings"]

MOST_GROUPS = 4
"""Unknown groups that are looked for where their number is not set."""


class PeopleSettings(BaseModel):
    """Whose rewards a model learns: one for all, a head for each group, or one for each person."""

    ensemble_size: int = Field(
        default=1, ge=1, description="heads over the decoder; their spread is the score's deviation"
    )
    group_by: str | None = Field(
        default=None, description="a head for each value of this attribute of evaluators, or of `pool`"
    )
    head_per: Literal["everybody", "group", "person", "unknown_group"] = Field(
        default="everybody",
        description="whose head: one for all, a group's (also where group_by is set), a person's, or that of a group "
        "which is found by what its people answer",
    )
    unknown_groups: int | None = Field(
        default=None, ge=2, description="how many are to be found; unset: as many as foretell held-out people best"
    )
    pooling_sd: float | None = Field(
        default=None,
        gt=0,
        description="prior deviation of heads from the one they share, log-odds; unset: groups share none, persons 1",
    )
    min_answers: int = Field(default=2, ge=1, description="persons who said less have no head of their own")
    aggregation: Rule = Field(default="mean", description="how scores of groups or persons become one")
    aggregation_quantile: float = Field(default=0.25, ge=0, le=1)
    group_weights: Literal["equal", "people"] = Field(
        default="equal", description="what a group counts in the aggregation: all alike, or by how many were heard"
    )
    components: tuple[str, ...] | None = Field(
        default=None,
        description="whose scores are kept beside the aggregate; unset: all groups, no persons; "
        "of unknown groups those that were found",
    )

    def heads(
        self, data: Dataset, observations: Sequence[Observation], *, seed: int, stage: str, start: Start | None = None
    ) -> Heads:
        """The heads that observations teach; unknown groups are found by what the model at the `start` makes of texts.

        Raises `RecipeError` where there are not two groups or persons to tell apart, or settings contradict.
        """
        if problems := self.people_problems():
            raise RecipeError(f"{stage}: {problems[0]}")
        crowds = unrecorded(data)
        if self.head_per == "unknown_group":
            assert start is not None
            return self._find(start, data, observations, seed=seed, stage=stage)
        if self.head_per == "person":
            named_ones = (each.evaluator for each in observations if each.evaluator is not None)
            counts = Counter(name for name in named_ones if name not in crowds)
            named = {name: name if count >= self.min_answers else None for name, count in counts.items()}
            why = f"head_per = 'person', min_answers = {self.min_answers}"
        elif self.group_by is not None:
            evaluators = {each.evaluator for each in observations if each.evaluator is not None}
            named = {name: group_of(data.evaluators[name], self.group_by) for name in evaluators}
            why = f"group_by = '{self.group_by}'"
        else:
            return Heads(members=self.ensemble_size, seed=seed, unrecorded=crowds)
        names = tuple(sorted({name for name in named.values() if name is not None}))
        if len(names) < 2:
            known = f"all are '{names[0]}'" if names else "no evaluator has it"
            raise RecipeError(f"{stage}: {why}, and {known}; groups need two values at least")
        if SHARED in names:
            raise RecipeError(
                f"{stage}: {why}, and one is called '{SHARED}', which is the head that all share; rename it"
            )
        if unknown := sorted(set(self.components or ()) - {*names, SHARED}):
            raise RecipeError(f"{stage}: components has '{unknown[0]}', which is none of {', '.join(names[:9])}")
        return Heads(
            members=self.ensemble_size,
            seed=seed,
            names=names,
            group_of=named,
            pooling_sd=self._sd_of_deviations,
            unrecorded=crowds,
        )

    def aggregate(self, judge: ScalarHeadModel, heads: Heads) -> None:
        """Tell a model which of its components stand in scores, and how they become one."""
        people = heads.people if self.group_weights == "people" else dict.fromkeys(heads.names, 1)
        judge.components = _by_size(heads) if isinstance(heads, UnknownGroups) else heads.names
        weights = tuple(float(name != SHARED) * people.get(name, 0) for name in heads.names)
        judge.aggregation = Aggregation(self.aggregation, weights, self.aggregation_quantile)
        judge.listed = self.components
        if self.components is None:
            judge.listed = () if self.head_per == "person" else tuple(n for n in judge.components if n != SHARED)
        elif self.head_per == "unknown_group":
            judge.listed = tuple(name for name in self.components if name in judge.components)

    def _find(
        self, start: Start, data: Dataset, observations: Sequence[Observation], *, seed: int, stage: str
    ) -> Heads:
        try:
            return find_groups(
                start,
                data,
                observations,
                groups=self.unknown_groups,
                at_most=MOST_GROUPS,
                members=self.ensemble_size,
                pooling_sd=self.pooling_sd,
                seed=seed,
            )
        except RecipeError as error:
            raise RecipeError(f"{stage}: {error}") from error

    @property
    def _sd_of_deviations(self) -> float | None:
        return 1.0 if self.pooling_sd is None and self.head_per == "person" else self.pooling_sd

    @property
    def _apart(self) -> bool:
        return self.group_by is not None or self.head_per != "everybody"

    def people_problems(self) -> list[str]:
        """Which settings of whose rewards there are contradict each other, each as `key: what is wrong`."""
        problems = []
        if self.head_per == "group" and self.group_by is None:
            problems.append("head_per: 'group' needs group_by, the attribute that says who is of which")
        if self.head_per in {"person", "unknown_group"} and self.group_by is not None:
            problems.append(f"head_per: '{self.head_per}' and group_by = '{self.group_by}'; choose one")
        if self.head_per == "unknown_group":
            at_most = self.unknown_groups or MOST_GROUPS
            possible = [*(f"group {place + 1}" for place in range(at_most)), *([SHARED] if self.pooling_sd else [])]
            unknown = [name for name in self.components or () if name not in possible]
            problems += [f"components: '{name}' is none of {', '.join(possible)}" for name in unknown]
        needed = {
            "heads of groups or persons; set group_by or head_per": (
                self._apart,
                ("pooling_sd", "aggregation", "components", "group_weights"),
            ),
            "head_per = 'unknown_group'": (self.head_per == "unknown_group", ("unknown_groups",)),
            "head_per = 'person'": (self.head_per == "person", ("min_answers",)),
            "aggregation = 'quantile'": (self.aggregation == "quantile", ("aggregation_quantile",)),
        }
        return problems + without_effect(self, needed)


def _by_size(heads: UnknownGroups) -> tuple[str, ...]:
    """The names of the components, where the largest group is the first; who is large may have changed in training."""
    order = sorted(heads.groups, key=lambda name: -heads.people[name])
    rank = {name: f"group {place + 1}" for place, name in enumerate(order)}
    return tuple(rank.get(name, name) for name in heads.names)
