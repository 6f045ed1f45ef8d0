"""X8: whether anything changed while the deployment was recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Verdict
from accord.audit.challenges import X8
from accord.audit.checks import RECORDINGS, Outcome, check
from accord.audit.collection.prompt_distances import text_key
from accord.audit.deployment.asked_prompts import asked_prompts
from accord.audit.deployment.recorded import RECORDED_ANSWERS, Recorded, recorded_of, scores_of
from accord.audit.deployment.refusals import refusal_shares
from accord.audit.deployment.thresholds import DeploymentThresholds
from accord.audit.evidence import DEPLOYMENT_PROMPTS, PROMPTS, Evidence
from accord.audit.verdicts import Ruling, near_zero
from accord.errors import MissingEvidence
from accord.stats import Estimate, difference_of, mean

__all__ = ["Series", "change_between_halves", "changes_at", "period", "rule_on_all"]

Floats = NDArray[np.float64]
LEVEL = 0.05


@dataclass(frozen=True)
class Series:
    """A number of each recorded answer, [N], in the order of time, with who asked and when (seconds since 1970)."""

    value_N: Floats
    units: Sequence[str]
    time_N: Floats


@check(
    X8,
    "period",
    claim="Nothing changed while the deployment was recorded.",
    thresholds=DeploymentThresholds,
    needs=(RECORDINGS,),
    collect=RECORDED_ANSWERS,
)
def period(evidence: Evidence, thresholds: DeploymentThresholds) -> Outcome:
    """Of lengths, refusals, scores and distances of prompts: the second half of the period less the first.

    As many answers in each half. Each has an interval of the level at which all of them hold together (Bonferroni).
    """
    recorded = recorded_of(evidence, 2 * thresholds.least)
    series = {name: one for name, one in _series(evidence, recorded, thresholds).items() if np.ptp(one.value_N) > 0}
    if not series:
        raise MissingEvidence("recorded answers that differ in anything")
    changes = {name: change_between_halves(one, level=1 - LEVEL / len(series)) for name, one in series.items()}
    ruling, worst = rule_on_all(changes, thresholds.change)
    change, of_worst = changes[worst], series[worst]
    at = datetime.fromtimestamp(float(of_worst.time_N[changes_at(of_worst.value_N)]), UTC)
    return Outcome(
        ruling=ruling,
        estimate=change,
        threshold=f"more than {thresholds.change:g} standard deviations",
        result=f"Of {', '.join(series)} over {len(recorded.answers):,} recorded answers, {worst} changed most: by "
        f"{change.value:+.2f} standard deviations from the first half to the second, most of all at "
        f"{at:%Y-%m-%d %H:%M} UTC{recorded.without}.",
        remedy="See what else changed at that time (clients, their system texts and settings, who asks), and hold each "
        "part of the period against the release by itself.",
        evidence=("the recorded answers",),
        facts={f"change of {name}": one for name, one in changes.items()} | recorded.facts,
        source="difference of both halves' means by people who ask, Bonferroni; where: cumulative sums (Page 1954)",
    )


def _series(evidence: Evidence, recorded: Recorded, thresholds: DeploymentThresholds) -> Mapping[str, Series]:
    """What can be followed over time, by name."""
    time_N = np.array([one.time.timestamp() for one in recorded.answers])
    length_N = np.array([float(np.mean(np.log1p(one.letters))) for one in recorded.answers])
    series = {
        "lengths of answers": Series(length_N, recorded.units, time_N),
        "refusals": Series(refusal_shares(recorded, thresholds.refusal_words), recorded.units, time_N),
    }
    try:
        texts = recorded.texts(thresholds.most)
    except MissingEvidence:
        return series  # the policy of recording keeps measures alone
    units, of_texts_N = [one.unit for one in texts], np.array([one.time for one in texts])
    if "reward" in evidence.judges:
        series["scores"] = Series(scores_of(evidence, recorded, thresholds.most)[0], units, of_texts_N)
    if evidence.holds(PROMPTS, DEPLOYMENT_PROMPTS):
        try:
            asked = asked_prompts(evidence, recorded, thresholds)
        except MissingEvidence:
            return series  # too few different prompts to say how far they are
        distances = asked.sets.distance_N[len(asked.sets.feedback) :].tolist()
        far = dict(zip(map(text_key, asked.sets.deployment), distances, strict=True))
        places = [place for place, one in enumerate(texts) if text_key(one.prompt) in far]
        series["distances of prompts"] = Series(
            np.array([far[text_key(texts[place].prompt)] for place in places]),
            [units[place] for place in places],
            of_texts_N[places],
        )
    return series


def change_between_halves(series: Series, *, level: float) -> Estimate:
    """The mean of the second half less that of the first, in standard deviations within halves; units are clusters.

    No interval where a half is of a single unit.
    """
    half = len(series.value_N) // 2
    halves = (series.value_N[:half], series.value_N[half:])
    spread = float(np.sqrt(np.mean([part.var(ddof=1) for part in halves]))) or float(series.value_N.std())
    first, second = (
        mean(part, list(units), level=level)
        for part, units in zip(halves, (series.units[:half], series.units[half:]), strict=True)
    )
    return difference_of(second, first, scale=spread)


def rule_on_all(changes: Mapping[str, Estimate], limit: float) -> tuple[Ruling, str]:
    """A ruling on several changes at once, whose intervals hold together, and the one that it rests on.

    It fires where one of them surely passes the limit, and is quiet where none surely does not; the p-value is the
    smallest one times their number.
    """
    rulings = {name: near_zero(one, limit) for name, one in changes.items()}
    p_of = {name: 1.0 if one.p_value is None else one.p_value for name, one in rulings.items()}
    worst = min(changes, key=lambda name: (p_of[name], -abs(changes[name].value)))
    p_value = None if rulings[worst].p_value is None else min(1.0, len(changes) * p_of[worst])
    verdicts = {name: one.verdict for name, one in rulings.items()}
    if Verdict.FIRES in verdicts.values():
        return Ruling(Verdict.FIRES, p_value=p_value), worst
    if set(verdicts.values()) == {Verdict.QUIET}:
        return Ruling(Verdict.QUIET, p_value=p_value), worst
    open_one = (
        worst
        if verdicts[worst] is Verdict.INCONCLUSIVE
        else next(name for name, verdict in verdicts.items() if verdict is Verdict.INCONCLUSIVE)
    )
    return Ruling(Verdict.INCONCLUSIVE, rulings[open_one].needs, p_value), open_one


def changes_at(value_N: Floats) -> int:
    """The place from which on the values differ most from those before, by the largest cumulative sum."""
    sum_N = np.abs(np.cumsum(value_N - value_N.mean()))
    return min(int(np.argmax(sum_N[:-1])) + 1, len(value_N) - 1) if len(value_N) > 1 else 0
