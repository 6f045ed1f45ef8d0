"""Does one reward fit everybody? PM2: a diverse society.

With one answer an item and evaluators who cannot be told apart, disagreement about an item cannot part noise from two
populations; so the check needs to know who answered, and enough answers of each. Then it asks: does a reward of
one's own, learnt from half of what somebody said, foretell the other half better than everybody's reward does?
Somebody who is merely careless gains nothing from a reward of their own, whereas somebody who wants the opposite does.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from accord.audit.checks import Check, needed
from accord.audit.evidence import Evidence, Missing
from accord.audit.finding import Finding, Verdict
from accord.audit.settings import AuditSettings
from accord.feedback import is_known
from accord.records import Pair
from accord.stats import Estimate, mean

__all__ = ["CHECKS"]

Floats = NDArray[np.float64]
PAIRS = "data/pairs-held_out.jsonl"


def _one_reward(evidence: Evidence, settings: AuditSettings) -> Finding:
    """Gain in held-out accuracy from a reward of each evaluator's own over everybody's, cross-fitted.

    A reward is a weight on the reward model's score and one on length; one's own is fitted with a normal prior around
    everybody's. Halves are of completions, so that no text stands in both.
    """
    s = settings.values
    derived = any(each.derived for each in evidence.evaluators.values())
    by_evaluator = _pairs_by_evaluator(evidence, s.pairs)
    if len(by_evaluator) < s.evaluators:
        raise Missing(
            f"{s.evaluators} evaluators known one by one, of {s.pairs} decided held-out pairs each "
            f"(there are {len(by_evaluator)})"
        )
    feature = _features(evidence)
    differences = {
        name: np.array([feature[pair.chosen] - feature[pair.rejected] for pair in pairs])
        for name, pairs in by_evaluator.items()
    }
    everybody = _fit(np.concatenate(list(differences.values())), np.zeros(2), 1e-3)
    gains, weights, names = [], [], []
    for name, pairs in by_evaluator.items():
        for learn, test in _halves(pairs):
            if len(learn) < 3 or not len(test):
                continue
            own = _fit(differences[name][learn], everybody, s.prior)
            held_N2 = differences[name][test]
            gains.append(float(np.mean(held_N2 @ own > 0) - np.mean(held_N2 @ everybody > 0)))
            weights.append(len(test))
            names.append(name)
    if not gains:
        raise Missing("evaluators whose pairs can be halved without a completion in both halves")
    found = mean(gains, names, weights=weights)
    verdict = _verdict(found, s.gain)
    noted = " Who answered was inferred from the shape of the data, not recorded." if derived else ""
    return ONE.finding(
        verdict,
        found,
        threshold=f"a gain in accuracy above {s.gain:g}",
        result=f"Rewards of their own foretell {len(by_evaluator)} evaluators' answers better than everybody's reward "
        f"by {found.value:+.2%}.{noted}",
        needs=needed(found, s.gain) if verdict is Verdict.INCONCLUSIVE else "",
        remedy="Fit a reward for each group, report the worst-off one, or weigh groups by an explicit choice.",
        evidence=("reward/scores.jsonl", PAIRS, "data/evaluators.jsonl"),
        source="own-reward gain against noise, after Zhao, Piech & Xia 2016 and Chakraborty et al. 2024 "
        "(arXiv 2402.08925)",
    )


def _pairs_by_evaluator(evidence: Evidence, least: int) -> dict[str, list[Pair]]:
    found: dict[str, list[Pair]] = {}
    known = {name for name, each in evidence.evaluators.items() if is_known(each)}
    scored = {row["completion"] for row in evidence.jsonl("reward/scores.jsonl")}
    for pair in evidence.pairs("held_out"):
        if not pair.tie and pair.evaluator in known and {pair.chosen, pair.rejected} <= scored:
            found.setdefault(pair.evaluator, []).append(pair)
    return {name: pairs for name, pairs in found.items() if len(pairs) >= least}


def _features(evidence: Evidence) -> dict[str, Floats]:
    """Score and length of each held-out completion, each in its own standard deviations."""
    rows: list[dict[str, Any]] = evidence.jsonl("reward/scores.jsonl")
    table_N2 = np.array([[row["score"], row["length"]] for row in rows], dtype=float)
    spread_2 = table_N2.std(0)
    table_N2 = (table_N2 - table_N2.mean(0)) / np.where(spread_2 > 0, spread_2, 1.0)
    return {row["completion"]: feature for row, feature in zip(rows, table_N2, strict=True)}


def _halves(pairs: list[Pair]) -> Iterator[tuple[list[int], list[int]]]:
    """Indices to learn from and to test on, each way round; pairs across the halves are left out."""
    names = sorted({each for pair in pairs for each in (pair.chosen, pair.rejected)})
    first = set(names[::2])
    sides: tuple[list[int], list[int]] = ([], [])
    for number, pair in enumerate(pairs):
        inside = (pair.chosen in first) + (pair.rejected in first)
        if inside != 1:
            sides[0 if inside == 2 else 1].append(number)
    yield sides
    yield sides[1], sides[0]


def _fit(difference_N2: Floats, centre_2: Floats, precision: float) -> Floats:
    """Bradley-Terry weights with a normal prior around `centre_2`, by Newton's method."""
    weight_2 = centre_2.copy()
    for _ in range(20):
        wrong_N = expit(-difference_N2 @ weight_2)
        gradient_2 = difference_N2.T @ wrong_N - precision * (weight_2 - centre_2)
        curvature = (difference_N2 * (wrong_N * (1 - wrong_N))[:, None]).T @ difference_N2 + precision * np.eye(2)
        step_2 = np.linalg.solve(curvature, gradient_2)
        weight_2 = weight_2 + step_2 * min(1.0, 5.0 / max(float(np.abs(step_2).max()), 1e-12))
        if float(np.abs(step_2).max()) < 1e-8:
            break
    return weight_2


def _verdict(found: Estimate, limit: float) -> Verdict:
    if found.low is None or found.high is None:
        return Verdict.INCONCLUSIVE
    if found.low > limit:
        return Verdict.FIRES
    return Verdict.QUIET if found.high < limit else Verdict.INCONCLUSIVE


ONE = Check(
    "PM2",
    "one reward",
    "One reward cannot stand for a diverse society",
    "One reward serves the people who answered.",
    _one_reward,
    fundamental=True,
)

CHECKS = (ONE,)
