"""How far people agree on each question, and whether groups of people see it differently."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.feedback.statistics.alpha import GroupAlpha, Metric, alpha, alpha_by_group, relative_disagreement
from accord.feedback.statistics.codings import Coding
from accord.records import Evaluator
from accord.stats import Estimate

__all__ = ["GroupAgreement", "QuestionAgreement", "closeness", "question_agreement"]

Floats = NDArray[np.float64]
POOL = "pool"
FEW = 2  # people of a group, and groups, below which nothing is within or between


@dataclass(frozen=True)
class GroupAgreement:
    """Alpha within and between the groups that an attribute (or the pool) divides people into."""

    attribute: str
    groups: tuple[str, ...]
    alpha: GroupAlpha


@dataclass(frozen=True)
class QuestionAgreement:
    """One question: alpha over everybody (None: nothing that two people answered could have differed), by groups.

    `study` is empty where none was recorded, `people` how many answered, `about` what of the answer is compared.
    """

    study: str
    kind: str
    about: str
    metric: Metric
    people: int
    alpha: Estimate | None
    groups: tuple[GroupAgreement, ...]


def question_agreement(coding: Coding, evaluators: Mapping[str, Evaluator]) -> QuestionAgreement:
    """Of one coding, by each attribute that people gave, and by the pool that they came from."""
    known = [evaluators.get(name) for name in coding.people]
    by: dict[str, list[str | None]] = {POOL: [None if one is None else one.pool for one in known]}
    for name in sorted({name for one in known if one is not None for name in one.attributes or {}}):
        by[name] = [None if one is None else (one.attributes or {}).get(name) for one in known]
    groups = [_by_group(coding, name, of_person) for name, of_person in by.items()]
    return QuestionAgreement(
        coding.study,
        coding.kind,
        coding.about,
        coding.metric,
        len(coding.people),
        alpha(coding.data, coding.metric),
        tuple(one for one in groups if one is not None),
    )


def _by_group(coding: Coding, attribute: str, of_person: Sequence[str | None]) -> GroupAgreement | None:
    names = sorted({group for group in of_person if group is not None})
    if len(names) < FEW:
        return None
    place = {group: code for code, group in enumerate(names)}
    group_P = np.array([-1 if group is None else place[group] for group in of_person], dtype=np.int64)
    by_group = alpha_by_group(coding.data, coding.metric, group_P)
    return None if by_group is None else GroupAgreement(attribute, tuple(names), by_group)


def closeness(codings: Sequence[Coding], answers: int) -> tuple[Floats, float]:
    """How near each answer lies to what the others said of the same: 1 as one, 0 as by chance; its mean is alpha.

    [N] by the number of the answer, NaN where nobody else answered; and the least that it can be. Of several values of
    one answer (options of a label, characters of spans) it is the mean.
    """
    total_N, weight_N = np.zeros(answers), np.zeros(answers)
    least = 1.0
    for coding in codings:
        relative = relative_disagreement(coding.data, coding.metric)
        if relative is None:
            continue
        rows, disagreement_M = relative
        answer_M, weight_M = coding.answer_N[rows], coding.data.weight_N[rows]
        total_N += np.bincount(answer_M, weight_M * (1 - disagreement_M), answers)
        weight_N += np.bincount(answer_M, weight_M, answers)
        least = min(least, 1 - float(disagreement_M.max()))
    mean_N = np.divide(total_N, weight_N, out=np.full(answers, np.nan), where=weight_N > 0)
    return mean_N, min(least, -1.0)
