"""Experts beside the crowd on hard items, and machines that help with them."""

import numpy as np

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import OV3
from accord.audit.checks import LEDGER, Outcome, check
from accord.audit.evidence import Evidence
from accord.audit.oversight.difficulty.by_bin import crowd_in_bins
from accord.audit.oversight.difficulty.known_answers import Floats, KnownAnswers
from accord.audit.oversight.difficulty.thresholds import DifficultyThresholds
from accord.audit.verdicts import Ruling, at_most
from accord.errors import MissingEvidence
from accord.feedback.statistics.assistance import assistance_effects
from accord.run import MANIFEST
from accord.stats import Estimate, rate_difference

__all__ = ["assistance", "pools"]


@check(
    OV3,
    "pools",
    claim="On the hardest items the crowd is as often right as experts are.",
    thresholds=DifficultyThresholds,
    needs=(LEDGER,),
    collect=Collection(
        "Evaluator.pool",
        "answers of experts to the same items with known answers that the crowd was asked",
        "10 or more experts of a pool of their own, 10 hard items each",
        "controls",
    ),
)
def pools(evidence: Evidence, thresholds: DifficultyThresholds) -> Outcome:
    """Accuracy of experts less that of the crowd, on the items that are the hardest for the crowd.

    Which items these are says the rest of the crowd, never the people whose answers are counted. Of an item that is
    among the hardest by some of the parts of the crowd only, experts' answers count by the share of these.
    """
    answers, placed = crowd_in_bins(evidence, thresholds, with_experts=False)
    weight_N = np.where(answers.of_experts_N, placed.hard_I[answers.item_N], placed.bin_N == thresholds.bins - 1)
    counted_N = (weight_N > 0) & ~answers.declined_N
    experts = len(set(answers.person_N[counted_N & answers.of_experts_N].tolist()))
    if experts < thresholds.min_experts:
        raise MissingEvidence(
            f"{thresholds.min_experts} people of a pool '{thresholds.experts}' (Evaluator.pool) who answered the "
            f"hardest items; {experts} did"
        )
    gap = _gap(answers, weight_N * counted_N)
    easier_N = np.where((weight_N == 0) & ~answers.declined_N, 1.0, 0.0)
    both = {bool(expert) for expert in answers.of_experts_N[easier_N > 0].tolist()}
    ruling = at_most(gap, thresholds.gap)
    fires = ruling.verdict is Verdict.FIRES
    return Outcome(
        ruling=ruling,
        estimate=gap,
        threshold=f"experts above the crowd by more than {thresholds.gap:g} in accuracy",
        result=f"On the hardest items whose answer is known, experts are right more often than the crowd by "
        f"{100 * gap.value:+.1f} points.",
        remedy="Send items that the crowd cannot settle to experts (`[experts]` of a study).",
        evidence=(MANIFEST,),
        ids={"prompts": [answers.items[i] for i in np.argsort(-placed.hard_I, kind="stable") if placed.hard_I[i] > 0.5]}
        if fires
        else {},
        facts={"experts less crowd on the other items": _gap(answers, easier_N)} if len(both) == 2 else {},
        source="difference of two rates over people crossed with items (Zou & Donner 2008)",
    )


def _gap(answers: KnownAnswers, weight_N: Floats) -> Estimate:
    """Accuracy of experts less that of the crowd, over people crossed with items."""
    return rate_difference(
        answers.right_N,
        answers.of_experts_N,
        answers.person_N.tolist(),
        crossed=answers.item_N.tolist(),
        weights=weight_N,
    )


@check(
    OV3,
    "assistance",
    claim="Remarks of machines do not mislead those who judge.",
    thresholds=DifficultyThresholds,
    needs=(LEDGER,),
    collect=Collection(
        "Feedback.assistance",
        "control questions beside which a machine's remark is shown by lot (`[assist]` of a study)",
        "150 answers to questions with a known answer (`Feedback.gold`), half of them with the remark",
        "controls",
    ),
)
def assistance(evidence: Evidence, thresholds: DifficultyThresholds) -> Outcome:
    """What the assistant that misleads most costs in accuracy on control questions: its remarks are shown by lot."""
    records = evidence.all_records
    effects = assistance_effects(records.feedback.values(), evaluators=records.evaluators)
    costs = {effect.by: _negative(effect.difference) for effect in effects if effect.difference is not None}
    if not costs:
        raise MissingEvidence(
            "control questions (`Feedback.gold`) with a machine's remark that was shown by lot (`Feedback.assistance`)"
        )
    worst = max(costs, key=lambda name: costs[name].value if costs[name].low is None else costs[name].low or 0.0)
    return Outcome(
        ruling=_of_several(at_most(costs[worst], thresholds.misled), len(costs)),
        estimate=costs[worst],
        threshold=f"a loss of accuracy above {thresholds.misled:g}",
        result=f"Beside remarks of the assistant that misleads most, accuracy on control questions changes by "
        f"{-100 * costs[worst].value:+.1f} points.",
        remedy="Show only remarks that a tool or a person has verified, and train people not to rely on them.",
        evidence=(MANIFEST,),
        ids={"evaluators": [worst]},
        facts={f"loss beside {name}": cost for name, cost in costs.items()},
        source="remarks shown by lot on control questions; over-reliance as in Bucinca et al. 2021 (arXiv 2102.09692)",
    )


def _of_several(ruling: Ruling, count: int) -> Ruling:
    """The ruling on the worst of `count`: it fires where that is sure of all of them at once (Bonferroni)."""
    if ruling.p_value is None:
        return ruling
    p_value = min(1.0, count * ruling.p_value)
    if ruling.verdict is Verdict.FIRES and p_value > 0.025:
        return Ruling(Verdict.INCONCLUSIVE, f"more of the same: the worst of {count} is not surely so", p_value)
    return ruling._replace(p_value=p_value)


def _negative(estimate: Estimate) -> Estimate:
    """The loss where the estimate is a gain."""
    low, high = (None if end is None else -end for end in (estimate.high, estimate.low))
    return Estimate(-estimate.value, low, high, estimate.n, estimate.clusters, estimate.level, estimate.method)
