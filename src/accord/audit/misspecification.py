"""Does one reward fit everybody? PM2: a diverse society.

With one answer an item and evaluators who cannot be told apart, disagreement about an item cannot part noise from two
populations; so the check needs to know who answered, and enough answers of each. Then it asks two things. Do answers
lean away from everybody's reward further than chance would have it (a score test)? And does some group's own reward,
learnt from half of what was said, foretell the other half better than everybody's does? Somebody who is merely
careless gains nothing from a reward of their own, whereas somebody who wants the opposite does. Judged are groups of at
most half of the evaluators: a majority gains a little wherever noise of the others is taken out of everybody's reward.

A reward here is a weight on the reward model's score and one on length, fitted by Bradley-Terry.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

from accord.artefacts.finding import Finding, Verdict
from accord.audit.checks import Check, needed
from accord.audit.evidence import Evidence
from accord.audit.settings import AuditSettings, MisspecificationThresholds
from accord.errors import MissingEvidence
from accord.feedback import is_known
from accord.records import Pair
from accord.stats import Estimate, mean

__all__ = ["CHECKS"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
PAIRS = "data/pairs-held_out.jsonl"
SIGNIFICANT = 0.01  # of the score test: it must speak against one reward before a group's gain counts
DRAWS = 299  # of the score test's null: the smallest p is 1 / 300
KINDS = 2  # of evaluators, looked for where no groups were recorded
ROUNDS = 30  # of expectation and maximisation


@dataclass(frozen=True)
class _Answers:
    """Decided pairs of E evaluators: features of the chosen less those of the rejected, and whose they are.

    `half_N` is 0 or 1 where both texts are of that half of all texts, and -1 where the pair joins the halves. `first_N`
    is whether no pair of the same evaluator before it shared a text with it. `units` are what intervals resample: the
    batch of an evaluator who answered one, as others may have answered it too, or the evaluator.
    """

    names: list[str]
    units: list[str]
    difference_N2: Floats
    evaluator_N: Codes
    half_N: Codes
    first_N: NDArray[np.bool_]

    def of_half(self, half: int) -> "_Answers":
        return self.chosen(self.half_N == half)

    def chosen(self, which_N: NDArray[np.bool_]) -> "_Answers":
        return _Answers(
            self.names,
            self.units,
            self.difference_N2[which_N],
            self.evaluator_N[which_N],
            self.half_N[which_N],
            self.first_N[which_N],
        )


def _one_reward(evidence: Evidence, settings: AuditSettings) -> Finding:
    """Gain in held-out accuracy of the group that gains most from a reward of its own, behind a score test.

    Groups are those that evaluators gave as attributes, and kinds found by a mixture. Halves are of texts, so that no
    text stands in both; kinds are found and rewards fitted on one half, and judged on the other, each way round.
    """
    s = settings.misspecification
    answers = _answers(evidence, s)
    gains, judged = _gains(answers, _recorded(evidence, answers.names), s)
    chance, statistic = _score_test(answers.chosen(answers.first_N))
    worst = max(
        judged or gains, key=lambda name: (-np.inf if (low := gains[name].low) is None else low, gains[name].value)
    )
    found = gains[worst]
    verdict = _verdict([gains[name] for name in judged], chance, s.gain)
    inferred = any(evidence.evaluators[name].inferred for name in answers.names)
    noted = " Who answered was inferred from the shape of the data, not recorded." if inferred else ""
    return ONE.finding(
        verdict,
        found,
        threshold=f"a score test below {SIGNIFICANT:g} and a group that gains more than {s.gain:g} in accuracy",
        result=f"Of {len(answers.names)} evaluators, {worst} would gain most from a reward of their own: it changes "
        f"the share of their answers foretold by {100 * found.value:+.1f} points against everybody's reward. By a "
        f"score test, answers so uneven have a probability of {chance.value:.3f} if one reward serves all.{noted}",
        needs=needed(found, s.gain) if verdict is Verdict.INCONCLUSIVE else "",
        remedy="Fit a reward for each group, report the worst-off one, or weigh groups by an explicit choice.",
        evidence=("reward/scores.jsonl", PAIRS, "data/evaluators.jsonl"),
        facts={**gains, "score test, p": chance, "score test, T a degree of freedom": statistic},
        source="score test of equal Bradley-Terry weights (Rao 1948) with a simulated null; mixture of rewards as in "
        "Chakraborty et al. 2024 (arXiv 2402.08925)",
    )


def _verdict(gains: Sequence[Estimate], chance: Estimate, limit: float) -> Verdict:
    """FIRES on the test and any group's gain; QUIET where the test is silent or no group can gain as much."""
    if chance.value < SIGNIFICANT and any(each.low is not None and each.low > limit for each in gains):
        return Verdict.FIRES
    if chance.value >= SIGNIFICANT or all(each.high is not None and each.high < limit for each in gains):
        return Verdict.QUIET
    return Verdict.INCONCLUSIVE


def _answers(evidence: Evidence, s: MisspecificationThresholds) -> _Answers:
    """Those of known evaluators with enough decided pairs. Raises `MissingEvidence` where there are too few."""
    feature = _features(evidence)
    by_evaluator: dict[str, list[Pair]] = {}
    known = {name for name, each in evidence.evaluators.items() if is_known(each)}
    for pair in evidence.pairs("held_out"):
        if not pair.tie and pair.evaluator in known and {pair.chosen, pair.rejected} <= feature.keys():
            by_evaluator.setdefault(pair.evaluator, []).append(pair)
    by_evaluator = {name: pairs for name, pairs in by_evaluator.items() if len(pairs) >= s.pairs}
    if len(by_evaluator) < s.evaluators:
        raise MissingEvidence(
            f"{s.evaluators} evaluators known one by one, of {s.pairs} decided held-out pairs each "
            f"(there are {len(by_evaluator)})"
        )
    texts = sorted({each for pairs in by_evaluator.values() for pair in pairs for each in (pair.chosen, pair.rejected)})
    half = {name: number % 2 for number, name in enumerate(texts)}
    pairs = [pair for some in by_evaluator.values() for pair in some]
    sides = [(half[pair.chosen], half[pair.rejected]) for pair in pairs]
    answers = _Answers(
        list(by_evaluator),
        [_unit(name, some) for name, some in by_evaluator.items()],
        np.array([feature[pair.chosen] - feature[pair.rejected] for pair in pairs]),
        np.repeat(np.arange(len(by_evaluator)), [len(some) for some in by_evaluator.values()]),
        np.array([one if one == other else -1 for one, other in sides]),
        np.array([each for some in by_evaluator.values() for each in _apart(some)]),
    )
    if not all((answers.half_N == side).any() for side in (0, 1)):
        raise MissingEvidence("evaluators whose pairs can be halved without a completion in both halves")
    return answers


def _unit(evaluator: str, pairs: Sequence[Pair]) -> str:
    batches = {pair.session for pair in pairs}
    (batch, *others) = batches
    return evaluator if batch is None or others else batch


def _apart(pairs: Sequence[Pair]) -> Iterator[bool]:
    """Whether each pair shares no text with the earlier ones that did not: pairs of one rating are not independent."""
    used: set[str] = set()
    for pair in pairs:
        apart = used.isdisjoint((pair.chosen, pair.rejected))
        if apart:
            used |= {pair.chosen, pair.rejected}
        yield apart


def _features(evidence: Evidence) -> dict[str, Floats]:
    """Score and length of each held-out completion, each in its own standard deviations."""
    rows: list[dict[str, Any]] = evidence.jsonl("reward/scores.jsonl")
    table_N2 = np.array([[row["score"], row["length"]] for row in rows], dtype=float).reshape(-1, 2)
    spread_2 = table_N2.std(0)
    table_N2 = (table_N2 - table_N2.mean(0)) / np.where(spread_2 > 0, spread_2, 1.0)
    return {row["completion"]: feature for row, feature in zip(rows, table_N2, strict=True)}


def _recorded(evidence: Evidence, names: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Who is of each group that at least two evaluators gave as an attribute and at least two did not: [E] each."""
    given = [evidence.evaluators[name].attributes or {} for name in names]
    groups = sorted({item for each in given for item in each.items()})
    found = {f"{key} = {value}": np.array([each.get(key) == value for each in given]) for key, value in groups}
    return {name: inside_E for name, inside_E in found.items() if 2 <= inside_E.sum() <= len(names) - 2}


# -- does some group gain from a reward of its own? --------------------------------------------------------------


def _gains(
    answers: _Answers, recorded: dict[str, NDArray[np.bool_]], s: MisspecificationThresholds
) -> tuple[dict[str, Estimate], list[str]]:
    """By group, the accuracy of its own reward less that of everybody's; and the groups of at most half, if any.

    Intervals hold for all groups at once (Bonferroni). Where everybody is of one kind, there is no other.
    """
    halves = [_gain_of_halves(answers.of_half(half), answers.of_half(1 - half), recorded, s) for half in (0, 1)]
    found: dict[str, Estimate] = {}
    members: dict[str, int] = {}
    for name in halves[0]:
        gain_M, evaluator_M = (np.concatenate([half[name][i] for half in halves]) for i in (0, 1))
        if gain_M.size:
            units = [answers.units[each] for each in evaluator_M.tolist()]
            found[name] = mean(gain_M, units, level=1 - 0.05 / len(halves[0]))
            members[name] = sum(np.unique(half[name][1]).size for half in halves)
    judged = [name for name, count in members.items() if count <= len(answers.names)]  # of two halves
    return found, judged


def _gain_of_halves(
    learn: _Answers, test: _Answers, recorded: dict[str, NDArray[np.bool_]], s: MisspecificationThresholds
) -> dict[str, tuple[Floats, Codes]]:
    """By group: of each pair of the test half, whether its own reward is right less whether everybody's is; and whose.

    Kinds stand in order of the weight that they give the score, lowest first, so that they are the same kind in both
    halves.
    """
    everybody_2 = _fit(learn.difference_N2, np.zeros(2), 1e-3)
    weight_K2, kind_E = _mixture(learn, everybody_2, s.prior)
    own: dict[str, tuple[NDArray[np.bool_], Floats]] = {
        f"kind {kind + 1} of {KINDS}": (kind_E == kind, weight_K2[kind]) for kind in range(KINDS)
    }
    for name, inside_E in recorded.items():
        own[name] = inside_E, _fit(learn.difference_N2[inside_E[learn.evaluator_N]], everybody_2, s.prior)
    found: dict[str, tuple[Floats, Codes]] = {}
    for name, (inside_E, weight_2) in own.items():
        inside_N = inside_E[test.evaluator_N]
        held_N2 = test.difference_N2[inside_N]
        found[name] = (
            (held_N2 @ weight_2 > 0).astype(np.float64) - (held_N2 @ everybody_2 > 0),
            test.evaluator_N[inside_N],
        )
    return found


def _mixture(learn: _Answers, everybody_2: Floats, prior: float) -> tuple[Floats, Codes]:
    """Weights of the `KINDS` kinds, [K, 2], and the likeliest kind of each evaluator, [E], by expectation-maximisation.

    Starts once from evaluators parted along the main direction in which their own rewards differ, once from one kind
    that wants what everybody wants and one that wants the opposite; the likelier end is kept.
    """
    size = len(learn.names)
    own_E2 = np.array(
        [_fit(learn.difference_N2[learn.evaluator_N == each], everybody_2, prior) for each in range(size)]
    )
    _, _, direction = np.linalg.svd(own_E2 - own_E2.mean(0), full_matrices=False)
    along_E = (own_E2 - own_E2.mean(0)) @ direction[0]
    far_E = np.abs(along_E - np.median(along_E))
    parted_2 = own_E2[np.argsort(far_E)[-max(2, size // 10) :]].mean(0)
    ends = [_maximised(learn, np.stack([other, everybody_2]), everybody_2, prior) for other in (parted_2, -everybody_2)]
    weight_K2, chance_EK, _ = max(ends, key=lambda end: end[2])
    order = np.argsort(weight_K2[:, 0])
    return weight_K2[order], chance_EK[:, order].argmax(1)


def _maximised(learn: _Answers, weight_K2: Floats, everybody_2: Floats, prior: float) -> tuple[Floats, Floats, float]:
    """Weights, each evaluator's chances of being of each kind [E, K], and the log-likelihood at the end."""
    size, kinds = len(learn.names), len(weight_K2)
    share_K = np.full(kinds, 1 / kinds)
    likelihood = -np.inf
    chance_EK = np.full((size, kinds), 1 / kinds)
    for _ in range(ROUNDS):
        logit_NK = learn.difference_N2 @ weight_K2.T
        log_EK = np.log(share_K) + np.stack(
            [np.bincount(learn.evaluator_N, -np.logaddexp(0, -logit_N), size) for logit_N in logit_NK.T], 1
        )
        total_E = logsumexp(log_EK, axis=1)
        chance_EK = np.exp(log_EK - total_E[:, None])
        if abs(float(total_E.sum()) - likelihood) < 1e-6 * size:
            break
        likelihood = float(total_E.sum())
        share_K = (chance_EK.sum(0) + 1) / (size + kinds)
        weight_K2 = np.stack(
            [_fit(learn.difference_N2, everybody_2, prior, chance_EK[learn.evaluator_N, k]) for k in range(kinds)]
        )
    return weight_K2, chance_EK, likelihood


def _fit(difference_N2: Floats, centre_2: Floats, precision: float, weight_N: Floats | None = None) -> Floats:
    """Bradley-Terry weights with a normal prior around `centre_2`, by Newton's method; pairs may carry weights."""
    own_2 = centre_2.copy()
    counted_N = np.ones(len(difference_N2)) if weight_N is None else weight_N
    for _ in range(20):
        wrong_N = expit(-difference_N2 @ own_2)
        gradient_2 = difference_N2.T @ (counted_N * wrong_N) - precision * (own_2 - centre_2)
        curvature_22 = (difference_N2 * (counted_N * wrong_N * (1 - wrong_N))[:, None]).T @ difference_N2
        step_2 = np.linalg.solve(curvature_22 + precision * np.eye(2), gradient_2)
        own_2 = own_2 + step_2 * min(1.0, 5.0 / max(float(np.abs(step_2).max()), 1e-12))
        if float(np.abs(step_2).max()) < 1e-8:
            break
    return own_2


# -- do answers lean away from one reward further than chance would have it? --------------------------------------


def _score_test(answers: _Answers) -> tuple[Estimate, Estimate]:
    """The chance p of a T as large under one reward, and T over its degrees of freedom, where about 1 is usual.

    T = sum over evaluators of S' I^-1 S, S the gradient of the evaluator's log-likelihood at everybody's weights and I
    its information. Its distribution under one reward is simulated: answers are drawn anew and everybody's weights
    fitted again. The pairs handed in should share no text within an evaluator.
    """
    random = np.random.default_rng(0)
    everybody_2 = _fit(answers.difference_N2, np.zeros(2), 1e-3)
    observed = _statistic(answers.difference_N2, answers, everybody_2)
    right_N = expit(answers.difference_N2 @ everybody_2)
    larger = 0
    for _ in range(DRAWS):
        turned_N = np.where(random.random(len(right_N)) < right_N, 1.0, -1.0)
        drawn_N2 = answers.difference_N2 * turned_N[:, None]
        larger += _statistic(drawn_N2, answers, _fit(drawn_N2, everybody_2, 1e-3)) >= observed
    n, size = len(right_N), len(answers.names)
    chance = Estimate((larger + 1) / (DRAWS + 1), None, None, n, size, method=f"parametric bootstrap, {DRAWS} draws")
    return chance, Estimate(observed / (2 * size), None, None, n, size, method="no interval: see its p")


def _statistic(difference_N2: Floats, answers: _Answers, weight_2: Floats) -> float:
    """T at these weights; an evaluator's information is kept off 0 by a hundredth of a pair's."""
    size = len(answers.names)
    wrong_N = expit(-difference_N2 @ weight_2)
    known_N = wrong_N * (1 - wrong_N)
    score_E2 = np.stack([np.bincount(answers.evaluator_N, wrong_N * difference_N2[:, i], size) for i in (0, 1)], 1)
    information_E22 = np.empty((size, 2, 2))
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        cross_N = known_N * difference_N2[:, i] * difference_N2[:, j]
        information_E22[:, i, j] = np.bincount(answers.evaluator_N, cross_N, size)
    information_E22 += 0.01 * np.eye(2)
    return float(np.einsum("ei,ei->", score_E2, np.linalg.solve(information_E22, score_E2[:, :, None])[:, :, 0]))


ONE = Check(
    "PM2",
    "one reward",
    "One reward cannot stand for a diverse society",
    "One reward serves the people who answered.",
    _one_reward,
    fundamental=True,
)

CHECKS = (ONE,)
