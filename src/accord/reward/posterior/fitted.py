"""The posterior of a fitted reward model's head, from all that was said."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.lm.head_posterior import HeadPosterior
from accord.lm.reward_model import ScalarHeadModel
from accord.records import Completion
from accord.reward.heads import Heads
from accord.reward.observations import Observation, completions_of
from accord.reward.posterior.laplace import HeadPrecision, score_curvature

__all__ = ["check_heads", "head_posterior"]

TOGETHER = 120  # completions read at once

Group = Sequence[Observation]


def check_heads(heads: Heads, *, stage: str) -> None:
    """Raises `RecipeError` where the heads' posteriors are not independent of each other."""
    if heads.pooling_sd is not None or type(heads) is not Heads:
        raise RecipeError(
            f'{stage}: doubt = "laplace" takes each head for itself, and these are pooled or read together; use '
            'ensemble_size = 5 with doubt = "none"'
        )


def head_posterior(
    judge: ScalarHeadModel,
    heads: Heads,
    data: Dataset,
    groups: Sequence[Group],
    nll: Callable[[Tensor, Group], Tensor],
    *,
    prior_std: float | None,
    placed: Sequence[Completion],
) -> HeadPosterior:
    """By last-layer Laplace (`accord.reward.posterior.laplace`), of scores less their mean over `placed`.

    `nll` is the likelihood that was fitted: of a group's scores [A, M], those of its completions in their order. Every
    completion is read once more for each group that it stands in.
    """
    precision = HeadPrecision(heads.count, judge.causal.width, prior_std=prior_std)
    for some in _chunks(groups):
        names = completions_of(observation for group in some for observation in group)
        completions = [data.completions[name] for name in names]
        feature_AD = torch.tensor(judge.states([data.prompts[each.prompt] for each in completions], completions))
        row_of = {name: row for row, name in enumerate(names)}
        with torch.no_grad():
            score_AM = judge.head(feature_AD.to(judge.head.weight))
        for group in some:
            rows = [row_of[name] for name in completions_of(group)]
            # Fitting takes the mean over members, of which each has a whole likelihood of its own.
            curvature_MAA = score_curvature(
                lambda score_aM, group=group: heads.members * nll(score_aM, group),  # type: ignore[misc]
                score_AM[rows],
            )
            precision.add(feature_AD[rows], curvature_MAA)
    centre_RD = judge.states([data.prompts[each.prompt] for each in placed], placed)
    return precision.posterior(torch.tensor(centre_RD.mean(0)))


def _chunks(groups: Sequence[Group]) -> Iterator[list[Group]]:
    """Groups in their order, those that are read at once together."""
    some: list[Group] = []
    read = 0
    for group in groups:
        some.append(group)
        read += len(completions_of(group))
        if read >= TOGETHER:
            yield some
            some, read = [], 0
    if some:
        yield some
