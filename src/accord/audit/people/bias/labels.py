"""Do some evaluators choose by words about groups, or by length, beyond what a text is worth?"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import MH2
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import COMPLETIONS, EVALUATORS, PAIRS, Evidence
from accord.audit.people.bias.terms import axes_of
from accord.audit.people.bias.thresholds import BiasThresholds
from accord.deferred import deferred
from accord.errors import MissingEvidence

with deferred():
    from scipy.stats import false_discovery_control

    from accord.audit.people.bias.choices import Choices, choices_of
    from accord.audit.people.bias.logit import Floats, fit_everybody, person_test, ratio_influences
    from accord.audit.verdicts import Ruling, beyond, near_zero, observations_needed
    from accord.stats import Estimate, mean

__all__ = ["FeatureBias", "labels"]

CLEAR = 1.5  # deviations of quality: a person's bias that must be in reach, or the check is not quiet
ERRORS = 3.0  # standard errors by which one person among dozens is told from the others


@dataclass(frozen=True)
class FeatureBias:
    """What one feature does to choices; the unit is a standard deviation of quality.

    everybody  what it is worth to all: people crossed with prompts
    biased     people for whom it is surely worth more than the threshold, by id, and the share of the pairs they hold
    p_value    the probability of so many such people, or of so much for all, if there were no more than the thresholds
    in_reach   the bias of a single person that would be seen; infinite where nobody has enough pairs
    """

    name: str
    everybody: Estimate
    biased: tuple[str, ...]
    share: Estimate
    p_value: float
    in_reach: float

    def ruling(self, thresholds: BiasThresholds) -> Ruling:
        """Fires by people or by all; quiet where all are surely unmoved and one person's bias would have been seen."""
        of_all = near_zero(self.everybody, thresholds.worth)
        if self.share.value > thresholds.share or of_all.verdict is Verdict.FIRES:
            return Ruling(Verdict.FIRES, p_value=self.p_value)
        if of_all.verdict is Verdict.INCONCLUSIVE:
            return Ruling(Verdict.INCONCLUSIVE, of_all.needs, self.p_value)
        if np.isinf(self.in_reach):
            needs = f"{thresholds.min_of_person} pairs of one person that differ in {self.name}"
            return Ruling(Verdict.INCONCLUSIVE, needs, self.p_value)
        if self.in_reach > CLEAR:
            more = (ERRORS / max(CLEAR - thresholds.worth, 0.1) * (self.in_reach - thresholds.worth) / ERRORS) ** 2
            return Ruling(
                Verdict.INCONCLUSIVE,
                f"about {more:.1f} times as many pairs of each person that differ in {self.name}, to see a bias of "
                f"{CLEAR:g} of a single one",
                self.p_value,
            )
        return Ruling(Verdict.QUIET, p_value=self.p_value)


@check(
    MH2,
    "labels",
    claim="Nobody's choices go by which group a text speaks of, or by its length.",
    thresholds=BiasThresholds,
    needs=(
        artefact(PAIRS),
        artefact(COMPLETIONS),
        artefact(EVALUATORS),
        artefact("eval_reward/scores.jsonl", "reward/scores.jsonl"),
    ),
    collect=Collection(
        "Feedback.judgement",
        "comparisons of texts of like quality, of which one speaks of one group and one of its counterpart",
        "100 pairs in all, and 10 of each evaluator",
        study="overlap",
    ),
)
def labels(evidence: Evidence, thresholds: BiasThresholds) -> Outcome:
    """What each feature is worth to people beside quality, in a mixed logit of their choices; the surest feature."""
    choices = choices_of(evidence, axes_of(thresholds.terms))
    varied = {name: int((choices.difference_NK[:, k] != 0).sum()) for k, name in enumerate(choices.names_K) if k}
    told = ", ".join(f"{name} {count}" for name, count in varied.items())
    features = [name for name, count in varied.items() if count >= thresholds.min_pairs]
    if not features:
        raise MissingEvidence(f"{thresholds.min_pairs} decided pairs that differ in a feature (pairs: {told})")
    found = _measured(choices, features, thresholds)
    worst = min(found, key=lambda one: (one.p_value, -abs(one.everybody.value)))
    rulings = [one.ruling(thresholds) for one in found]
    ruling = worst.ruling(thresholds)
    if ruling.verdict is Verdict.QUIET:  # the worst is quiet by itself, another one may be open
        ruling = next((one for one in rulings if one.verdict is not Verdict.QUIET), ruling)
    p_value = min(1.0, len(found) * worst.p_value)
    if ruling.verdict is Verdict.FIRES and p_value >= SIZE:
        ruling = Ruling(Verdict.INCONCLUSIVE, observations_needed(worst.everybody, thresholds.worth))
    facts = {f"worth of {one.name} to all": one.everybody for one in found}
    facts |= {f"share of the pairs of people biased by {one.name}": one.share for one in found}
    facts |= {
        f"bias of one person in reach, {one.name}": _exact(one.in_reach, len(choices.people))
        for one in found
        if np.isfinite(one.in_reach)
    }
    return Outcome(
        ruling=Ruling(ruling.verdict, ruling.needs, p_value),
        estimate=worst.share if len(worst.biased) else worst.everybody,
        threshold=f"people to whom it is worth more than {thresholds.worth:g} hold more than {thresholds.share:.0%}, "
        f"or it is worth more than {thresholds.worth:g} to all",
        result=f"By {worst.name}, {len(worst.biased)} of {len(choices.people)} people surely favour one side beyond "
        f"quality; they hold {worst.share.value:.1%} of the pairs. To all, one more is worth "
        f"{worst.everybody.value:+.2f} deviations of quality (judge '{choices.judge}'). Pairs that differ: {told}.",
        remedy="Leave these evaluators out (`[data] exclude`), add pairs with the words swapped, or fit what it "
        "adds and leave it out of the score.",
        evidence=(evidence.stage(PAIRS), evidence.stage(COMPLETIONS)),
        ids={"evaluators": worst.biased},
        facts=facts,
        source="mixed-effects logit; over people Benjamini & Hochberg 1995, their number by Benjamini & Heller 2008",
    )


SIZE = 0.05


def _measured(choices: Choices, features: list[str], thresholds: BiasThresholds) -> list[FeatureBias]:
    columns = [0, *(choices.names_K.index(name) for name in features)]
    difference_NK = choices.difference_NK[:, columns]
    slope_K, influence_NK = fit_everybody(difference_NK, choices.weight_N)
    if slope_K[0] <= 0:
        raise MissingEvidence(f"choices that go by quality at all (the judge '{choices.judge}' does not foretell them)")
    return [
        _feature(choices, name, place, difference_NK, slope_K, influence_NK, thresholds)
        for place, name in enumerate(features, 1)
    ]


def _feature(
    choices: Choices,
    name: str,
    place: int,
    difference_NK: Floats,
    slope_K: Floats,
    influence_NK: Floats,
    thresholds: BiasThresholds,
) -> FeatureBias:
    ratio, influence_N = ratio_influences(slope_K, influence_NK, place)
    people = [choices.people[code] for code in choices.person_N.tolist()]
    everybody = mean(ratio + influence_N.size * influence_N, people, crossed=choices.prompt_N)
    others = [k for k in range(1, slope_K.size) if k != place]
    offset_N = difference_NK[:, others] @ slope_K[others]
    tests = _people(choices, difference_NK[:, [0, place]], offset_N, float(slope_K[0]), thresholds)
    share, biased, p_people = _held(choices, tests, thresholds.share)
    p_all = min(
        1.0 if p is None else p
        for p in (
            beyond(everybody, thresholds.worth),
            beyond(everybody, -thresholds.worth, upward=False),
        )
    )
    errors = [error for _, error in tests.values()]
    in_reach = thresholds.worth + ERRORS * float(np.median(errors)) if errors else np.inf
    return FeatureBias(name, everybody, biased, share, min(1.0, 2 * min(p_people, 2 * p_all)), in_reach)


def _people(
    choices: Choices, difference_N2: Floats, offset_N: Floats, usual: float, thresholds: BiasThresholds
) -> dict[str, tuple[float, float]]:
    """Of each person with enough pairs: P(so large a bias if it were the threshold), and its standard error."""
    tests: dict[str, tuple[float, float]] = {}
    for code, name in enumerate(choices.people):
        rows = choices.of_person(code)
        if (difference_N2[rows, 1] != 0).sum() < thresholds.min_of_person:
            continue
        tests[name] = person_test(difference_N2[rows], choices.weight_N[rows], offset_N[rows], usual, thresholds.worth)
    return tests


def _held(
    choices: Choices, tests: dict[str, tuple[float, float]], limit: float
) -> tuple[Estimate, tuple[str, ...], float]:
    """The share of the pairs that surely biased people hold, who they are, and P(that many hold more than `limit`).

    Of n p-values in order, (n - k + 1) p_k tests that fewer than k people are biased (Benjamini & Heller 2008); k is
    the number of people, the surest first, who hold more than `limit` together.
    """
    pairs = Counter(choices.people[code] for code in choices.person_N.tolist())
    total, names = sum(pairs.values()), sorted(tests, key=lambda name: tests[name][0])
    ordered = [tests[name][0] for name in names]
    adjusted = false_discovery_control(ordered).tolist() if ordered else []
    biased = tuple(name for name, p in zip(names, adjusted, strict=True) if p < SIZE)
    of_biased = [float(name in biased) for name in choices.people]
    share = mean(of_biased, choices.people, weights=[pairs[name] for name in choices.people])
    held, p_value = 0, 1.0
    for k, name in enumerate(names, 1):
        held += pairs[name]
        if held > limit * total:
            p_value = min(1.0, (len(names) - k + 1) * ordered[k - 1])
            break
    return share, biased, p_value


def _exact(value: float, n: int) -> Estimate:
    return Estimate(value, None, None, n, method="three standard errors beyond the threshold, of a median person")
