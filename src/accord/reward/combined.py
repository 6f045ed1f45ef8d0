"""Several rewards as one judge, every part kept as a component.

CombinedJudge   `[reward]` gives the score, and each `[rewards.NAME]` is a component of it
MixedJudge      the score is what `[combine]` makes of all of them
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import PartMoments
from accord.errors import RecipeError
from accord.interfaces import Judge, Scores
from accord.records import Completion, Prompt
from accord.reward.combine import MAIN, Combination, WeightedSum

__all__ = ["CombinedJudge", "MixedJudge", "mixed", "moments"]


@dataclass(frozen=True)
class CombinedJudge:
    """A `Judge` whose score is that of `main`, with the scores of `components` as components by name.

    Without `main` the score is their mean.
    """

    name: str
    main: Judge | None
    components: Mapping[str, Judge]

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """Raises `RecipeError` where one of them is called like a component of `main`."""
        components = {name: judge.score(prompts, completions) for name, judge in self.components.items()}
        if self.main is None:
            value_N = np.mean([component.value_N for component in components.values()], axis=0)
            return Scores(value_N, components=components)
        scores = self.main.score(prompts, completions)
        if doubled := sorted(scores.components.keys() & components.keys()):
            raise RecipeError(f"recipe.rewards.{doubled[0]}: [reward] has a component of this name; choose another")
        return replace(scores, components={**scores.components, **components})


@dataclass(frozen=True)
class MixedJudge:
    """A `Judge` whose score is what `combination` makes of its parts, with every part as a component by its name.

    `moments` are the mean and standard deviation of each part, by which it is standardised where the combination says
    so. Components of the part `reward` are components too.
    """

    name: str
    parts: Mapping[str, Judge]
    combination: Combination
    moments: Mapping[str, PartMoments]

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """Raises `RecipeError` where a part is called like a component of the part `reward`."""
        parts = {name: judge.score(prompts, completions) for name, judge in self.parts.items()}
        own = parts[MAIN].components if MAIN in parts else {}
        if doubled := sorted(own.keys() & parts.keys()):
            raise RecipeError(f"recipe.rewards.{doubled[0]}: [reward] has a component of this name; choose another")
        scores = mixed(self.combination, parts, self.moments, [len(each.text) for each in completions])
        return replace(scores, components={**own, **parts})


def moments(parts: Mapping[str, Scores], combination: Combination) -> dict[str, PartMoments]:
    """Mean and standard deviation of each part, by name.

    Raises `RecipeError` where parts are to be standardised, and one has no spread to do it by.
    """
    found: dict[str, PartMoments] = {}
    for name, scores in parts.items():
        n = len(scores.value_N)
        std = float(scores.value_N.std(ddof=1)) if n > 1 else 0.0
        rounding = 1e-12 * float(np.abs(scores.value_N).max(initial=0.0))
        if combination.standardises(name) and std <= rounding:
            raise RecipeError(
                f"recipe.combine.normalise: the reward '{name}' gives all {n} completions of the train split the same, "
                'so there is no spread to standardise it by; take normalise = "none", and a weight in its own units'
            )
        found[name] = PartMoments(mean=float(scores.value_N.mean()) if n else 0.0, std=std, n=n)
    return found


def mixed(
    combination: Combination,
    parts: Mapping[str, Scores],
    moments: Mapping[str, PartMoments],
    ends: Sequence[int],
) -> Scores:
    """What a combination makes of the scores of its parts; the parts are not among its components.

    Where parts have members, all S of them (a part without counts alike in each), so has it: member s is made of the
    members s. Its `std_N` is their spread; for a weighted sum, with the variance of parts that have a `std_N` and no
    members, taken as independent. Other combinations of parts without members have none. A weighted sum has credits
    where one of its parts has: the other parts, and what standardising adds, are earned at the end of the text, at
    `ends` (characters).
    """
    shift, unit = _scales(combination, parts, moments)
    sizes = {scores.members_NS.shape[1] for scores in parts.values() if scores.members_NS is not None}
    drawn = {name for name, scores in parts.items() if len(sizes) == 1 and scores.members_NS is not None}
    value = {name: _draws(scores, name in drawn) for name, scores in parts.items()}
    normal = {name: (value_NS - shift[name]) / unit[name] for name, value_NS in value.items()}
    n = len(ends)
    score_NS = np.broadcast_to(combination.fold(value, normal), (n, max([1, *(v.shape[1] for v in value.values())])))
    score_N = score_NS.mean(1) if n else np.zeros(0)
    weight = {name: combination.weight(name) / unit[name] for name in parts}
    linear = isinstance(combination, WeightedSum)
    variance_N = score_NS.var(1, ddof=1) if drawn and score_NS.shape[1] > 1 else None
    if linear:
        for name, scores in parts.items():
            if name not in drawn and scores.std_N is not None:
                variance_N = (0.0 if variance_N is None else variance_N) + (weight[name] * scores.std_N) ** 2
    return Scores(
        score_N,
        None if variance_N is None else np.sqrt(variance_N),
        credits=_credits(parts, weight, score_N, ends) if linear else None,
        members_NS=score_NS if drawn else None,
    )


def _scales(
    combination: Combination, parts: Mapping[str, Scores], moments: Mapping[str, PartMoments]
) -> tuple[dict[str, float], dict[str, float]]:
    """What is taken from each part, and by what it is divided."""
    by_moments = {name: moments[name] for name in parts if combination.standardises(name)}
    shift = {name: by_moments[name].mean if name in by_moments else 0.0 for name in parts}
    return shift, {name: by_moments[name].std if name in by_moments else 1.0 for name in parts}


def _draws(scores: Scores, by_members: bool) -> NDArray[np.float64]:
    """Its members, or its value as one draw, [N, S]."""
    return scores.members_NS if by_members and scores.members_NS is not None else scores.value_N[:, None]


def _credits(
    parts: Mapping[str, Scores], weight: Mapping[str, float], score_N: NDArray[np.float64], ends: Sequence[int]
) -> tuple[tuple[tuple[int, float], ...], ...] | None:
    """Where a weighted sum is earned; None where no part says so."""
    if all(scores.credits is None for scores in parts.values()):
        return None
    earned: list[list[tuple[int, float]]] = [[] for _ in ends]
    for name, scores in parts.items():
        for row, several in enumerate(scores.credits or ()):
            earned[row] += [(place, weight[name] * amount) for place, amount in several]
    rests = [
        float(score) - sum(amount for _, amount in several) for score, several in zip(score_N, earned, strict=True)
    ]
    return tuple((*several, (end, rest)) for several, end, rest in zip(earned, ends, rests, strict=True))
