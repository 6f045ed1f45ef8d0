"""What a likelihood reads of an act of judgement, and which observations are scored and learnt from together."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from accord.records import Pair
from accord.train import planned_draws, shuffled

__all__ = ["Observation", "completions_of", "group_observations", "join_groups", "of_pair", "plan_steps"]


@dataclass(frozen=True)
class Observation:
    """Something that was said of completions of one prompt, as one factor of a likelihood.

    completions   the ids of those whose scores the likelihood reads, each once
    content       what its likelihood needs beside them: a pair, tiers, a value
    evaluator     who said it; with `session` what was sampled together
    weight        what it counts, beside 1
    """

    prompt: str
    completions: tuple[str, ...]
    content: Any
    evaluator: str | None = None
    session: str | None = None
    weight: float = 1.0
    feedback_ids: tuple[str, ...] = ()

    def weighing(self, factor: float) -> "Observation":
        """The same, its weight times a factor."""
        return self if factor == 1.0 else replace(self, weight=self.weight * factor)


def of_pair(pair: Pair) -> Observation:
    """A pair as an observation of its chosen and its rejected completion."""
    sides = (pair.chosen, pair.rejected)
    return Observation(pair.prompt, sides, pair, pair.evaluator, pair.session, pair.weight, pair.feedback_ids)


def completions_of(observations: Iterable[Observation]) -> list[str]:
    """The completions that observations are about, by id, in order of appearance."""
    return list(dict.fromkeys(name for observation in observations for name in observation.completions))


def group_observations(observations: Sequence[Observation], limit: int) -> list[list[Observation]]:
    """Observations of one prompt and session together, cut where a group would score more than `limit` completions.

    An observation of more than that is a group of its own.
    """
    groups: list[list[Observation]] = []
    for _, of_unit in groupby(sorted(observations, key=_unit), key=_unit):
        scored: set[str] = set()
        for observation in of_unit:
            if not scored or len(scored.union(observation.completions)) > limit:
                groups.append([])
                scored = set()
            groups[-1].append(observation)
            scored.update(observation.completions)
    return groups


def join_groups(
    groups: Sequence[Sequence[Observation]], fits: Callable[[Sequence[str]], bool]
) -> list[list[Observation]]:
    """Groups one after the other, those together whose completions fit one batch: the same sum, in fewer passes.

    What fills several batches is read twice (`accord.reward.batched_scores`): a group joins none that it would do that
    to. Ratings of a text a prompt are read in batches, and not one by one.
    """
    joined: list[list[Observation]] = []
    for group in groups:
        if joined and fits(completions_of([*joined[-1], *group])):
            joined[-1] += group
        else:
            joined.append(list(group))
    return joined


def plan_steps(
    groups: Sequence[Sequence[Observation]], *, epochs: float, step_completions: int, seed: int
) -> list[list[int]]:
    """The groups of each step, by index: whole groups, shuffled anew for each pass, until `epochs` passes are planned.

    A step has at most `step_completions` completions, or one group that has more.
    """
    sizes = [len(completions_of(group)) for group in groups]
    budget = planned_draws(epochs, sum(sizes))
    steps: list[list[int]] = [[]]
    planned, in_step, epoch = 0, 0, 0
    while planned < budget:
        for index in shuffled(len(groups), seed, "epoch", epoch):
            if steps[-1] and in_step + sizes[index] > step_completions:
                steps.append([])
                in_step = 0
            steps[-1].append(index)
            in_step += sizes[index]
            planned += sizes[index]
            if planned >= budget:
                break
        epoch += 1
    return steps


def _unit(observation: Observation) -> tuple[str, str]:
    return observation.prompt, observation.session or ""
