"""Do those who answered stand for the population that was named?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import MH1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, TRAIN_PAIRS, Evidence
from accord.audit.people.representation.thresholds import RepresentationThresholds
from accord.deferred import deferred
from accord.feedback.statistics.raking import effective_size
from accord.run import MANIFEST

with deferred():
    from scipy.special import betainc

    from accord.audit.people.representation.people import answers_by_person, composition_of
    from accord.audit.verdicts import Ruling, at_most, observations_needed
    from accord.feedback.provenance import group_of
    from accord.feedback.quality.composition import AttributeShares, GroupShare
    from accord.stats import Estimate, rate

__all__ = ["PEOPLE", "distance_between", "representation"]

PEOPLE = Collection(
    "Evaluator.attributes",
    "the group of each evaluator by every attribute of the population",
    "of at least 60 people; some 250 to be sure that they are within .1 of the population",
    study="attributes",
)
SETS = 5  # groups up to which every set of them is looked at


@dataclass(frozen=True)
class _Distance:
    """How far the answers are from the population by one attribute, and P(so far if they were as near as `limit`)."""

    attribute: AttributeShares
    estimate: Estimate
    p_value: float


@check(
    MH1,
    "composition",
    claim="Those who answered stand for the population that was named.",
    thresholds=RepresentationThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
    collect=PEOPLE,
)
def representation(evidence: Evidence, thresholds: RepresentationThresholds) -> Outcome:
    """Total variation between the groups' shares of the answers and of the population, the worst attribute.

    People are what was sampled. It fires as well where a group has surely less than `ratio` of its share.
    """
    answers = answers_by_person(evidence, thresholds)
    attributes = composition_of(evidence, answers).attributes
    distances = [_distance(evidence, answers, one, thresholds.distance) for one in attributes]
    worst = max(distances, key=lambda one: (one.estimate.low or 0.0, one.estimate.value))
    groups = [group for one in attributes for group in one.groups if group.target > 0]
    size = effective_size(list(answers.values()))
    short = {group.group: min(1.0, len(groups) * _p_short(group, thresholds.ratio, size)) for group in groups}
    ruling = _ruling(worst.estimate, groups, min(len(distances) * worst.p_value, 1.0), min(short.values()), thresholds)
    few = [
        f"{group.group} ({group.of_answers.value / group.target:.2f})" for group in groups if short[group.group] < SURE
    ]
    facts = {f"answers of {group.group}, of its share": _ratio(group) for group in groups}
    facts["distance of the people"] = worst.attribute.distance_of_people
    if evidence.holds(TRAIN_PAIRS):
        facts |= _weighted(evidence, worst.attribute)
    return Outcome(
        ruling=ruling,
        estimate=worst.estimate,
        threshold=f"a distance above {thresholds.distance:g}, or less than {thresholds.ratio:g} of a group's share",
        result=f"By {worst.attribute.attribute}, the answers of {len(answers)} people are {worst.estimate.value:.2f} "
        "(total variation) from the population"
        + (f"; surely too few are from: {', '.join(few)} of the share." if few else ".")
        + (f" {worst.attribute.not_said} people gave no group." if worst.attribute.not_said else ""),
        remedy="Weigh answers to the population's shares (`[data] raking = true`), and recruit by quota: "
        + _wanted(worst.attribute),
        evidence=(MANIFEST, evidence.stage(EVALUATORS)),
        facts=facts,
        source="total variation with intervals over people (Korn & Graubard 1998), all sets of groups at once "
        "(Bonferroni); representation ratios",
    )


SURE = 0.025


def _distance(evidence: Evidence, answers: Mapping[str, int], attribute: AttributeShares, limit: float) -> _Distance:
    """The distance with a lower end from the largest excess of a set of groups, which is what total variation is.

    Each set's share of the answers is a rate over people; the interval holds for all sets at once.
    """
    target = {group.group: group.target for group in attribute.groups}
    people = [(group_of(evidence.evaluators[name], attribute.attribute), n) for name, n in answers.items()]
    members = [(group, n) for group, n in people if group in target]
    sets = _sets(list(target))
    tests = 2 * len(sets)
    low, p_value = attribute.distance_of_answers.low or 0.0, 1.0
    size = effective_size([n for _, n in members])
    for some in sets:
        inside = [group in some for group, _ in members]
        share = rate(inside, range(len(inside)), weights=[n for _, n in members], level=1 - 0.05 / len(sets))
        if share.low is None or share.high is None:
            continue
        wanted = sum(target[name] for name in some)
        low = max(low, share.low - wanted, wanted - share.high)
        p_value = min(p_value, tests * _p_more(share.value, wanted + limit, size))
        p_value = min(p_value, tests * _p_more(1 - share.value, 1 - wanted + limit, size))
    distance = attribute.distance_of_answers
    if distance.low is None:
        return _Distance(attribute, distance, 1.0)
    method = "from the intervals of all sets of groups, which hold together; it holds more often"
    return _Distance(attribute, replace(distance, low=low, method=method), p_value)


def _sets(groups: list[str]) -> list[tuple[str, ...]]:
    """Sets of groups, each or its complement once; single groups alone where there are many."""
    if len(groups) > SETS:
        return [(group,) for group in groups]
    first, others = groups[0], groups[1:]
    return [(first, *some) for size in range(len(others)) for some in combinations(others, size)]


def _p_more(share: float, limit: float, size: float) -> float:
    """P(a share at least so large of `size` people, if it were `limit`): the binomial tail, of any size above 0."""
    return 1.0 if share <= limit else float(betainc(share * size, (1 - share) * size + 1, limit))


def _p_short(group: GroupShare, ratio: float, size: float) -> float:
    """P(so few answers of a group, if it had `ratio` of its share)."""
    return _p_more(1 - group.of_answers.value, 1 - ratio * group.target, size)


def _ruling(
    distance: Estimate, groups: list[GroupShare], p_far: float, p_short: float, thresholds: RepresentationThresholds
) -> Ruling:
    """Fires by the distance or by a group's ratio; quiet where both are surely as they should be."""
    far = at_most(distance, thresholds.distance)
    p_value = min(1.0, 2 * min(p_far, p_short))
    if far.verdict is Verdict.FIRES or p_short < SURE:
        return Ruling(Verdict.FIRES, p_value=p_value)
    if far.verdict is not Verdict.QUIET:
        return Ruling(Verdict.INCONCLUSIVE, far.needs, p_value)
    unsure = [group for group in groups if (group.of_answers.low or 0.0) < thresholds.ratio * group.target]
    if not unsure:
        return Ruling(Verdict.QUIET, p_value=p_value)
    group = min(unsure, key=lambda one: one.target)
    needs = observations_needed(group.of_answers, thresholds.ratio * group.target)
    return Ruling(Verdict.INCONCLUSIVE, f"to know the share of {group.group}, {needs}", p_value)


def _ratio(group: GroupShare) -> Estimate:
    share = group.of_answers
    low, high = (None if end is None else end / group.target for end in (share.low, share.high))
    return replace(share, value=share.value / group.target, low=low, high=high)


def _weighted(evidence: Evidence, attribute: AttributeShares) -> dict[str, Estimate]:
    """How far the training pairs are from the population with the weights that they have."""
    target = {group.group: group.target for group in attribute.groups}
    groups = {name: group_of(one, attribute.attribute) for name, one in evidence.evaluators.items()}
    rows = [(groups.get(pair.evaluator or ""), pair.weight) for pair in evidence.pairs("train")]
    known = [(group, weight) for group, weight in rows if group in target]
    if not known:
        return {}
    value = distance_between([str(group) for group, _ in known], target, [weight for _, weight in known])
    estimate = Estimate(value, value, value, len(known), method="a number of these pairs, not of a sample")
    return {"distance of the training pairs, as they are weighed": estimate}


def distance_between(groups: list[str], target: Mapping[str, float], weights: list[float]) -> float:
    """Total variation of the weighted shares of `groups` [N] from a target, 0..1."""
    total = float(np.sum(weights))
    share = {name: sum(w for group, w in zip(groups, weights, strict=True) if group == name) / total for name in target}
    return sum(abs(share[name] - target[name]) for name in target) / 2


def _wanted(attribute: AttributeShares) -> str:
    """How many people of each group that is short would bring the people to the population's shares."""
    people = {group.group: group.people for group in attribute.groups}
    whole = max((people[group.group] / group.target for group in attribute.groups if group.target > 0), default=0.0)
    more = {group.group: round(whole * group.target) - people[group.group] for group in attribute.groups}
    listed = ", ".join(f"{count} more of {name}" for name, count in more.items() if count > 0)
    return f"{listed}." if listed else "nobody more by this attribute."
