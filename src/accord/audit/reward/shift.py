"""RG1: whether the reward is as right as it is sure, on texts unlike those that it learnt from."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import RG1
from accord.audit.checks import Outcome, artefact, check, judge
from accord.audit.evidence import COMPLETIONS, PAIRS, PROMPTS, REWARD_MODEL, Evidence
from accord.audit.reward.shifted_pairs import KNOWN, NEW, ShiftedPairs, shifted_pairs
from accord.audit.reward.thresholds import RewardThresholds
from accord.deferred import deferred

with deferred():
    from scipy.optimize import minimize
    from scipy.special import expit

    from accord.audit.collection.topic_gap import gap_of
    from accord.audit.verdicts import Ruling, at_most
    from accord.stats import Estimate, Units, calibration_error, rate
    from accord.stats.means import t_interval

__all__ = ["Curve", "auroc", "shift", "surer_where_new"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
PRIOR = (10.0, 0.5)  # normal widths about 0: of a slope in units of the mean margin, of the share that mean nothing
LEAST_LAPSE = 1e-4
PEOPLE_TOO = "more people for the same pairs: as it is, they agree as much less with one another on the new texts"
FEW = 30  # answers of a cell below which nothing is told of it


@check(
    RG1,
    "shift",
    claim="On texts unlike those that it learnt from, the reward model is as right as it is sure.",
    thresholds=RewardThresholds,
    needs=(judge("reward"), artefact(PAIRS), artefact(COMPLETIONS), artefact(PROMPTS)),
    explained=("RE1 accuracy", "RG2 turnover", "MH3 triggered reward", "X7 undetermined", "RG1 length"),
    collect=Collection(
        "Feedback.judgement",
        "comparisons of two texts of the policy, and of two of its start, by the same people (`--audit-ledger LEDGER`)",
        "about 50 prompts, a pair of each arm, and 12 people, five a pair",
        "arms",
    ),
)
def shift(evidence: Evidence, thresholds: RewardThresholds) -> Outcome:
    """How much surer than right the reward is on new texts, what its margins are worth being told by known ones.

    Texts that lie nearer to one another are harder, and a reward that gives them small margins says so: that is not
    held against it. Nor is it where several people judged the same pairs, and there the reward is no further behind.
    """
    pairs = shifted_pairs(evidence)
    votes = pairs.votes
    sure_N = Curve.of(pairs.margin_N[~pairs.new_N]).sure(pairs.margin_N)
    surer = surer_where_new(pairs.margin_N, pairs.new_N, votes.people, votes.prompts)
    ruling = at_most(surer, thresholds.surer)
    if ruling.verdict is Verdict.FIRES and votes.overlapping and gap_of(votes, NEW, (KNOWN, NEW)).value <= 0:
        ruling = Ruling(Verdict.INCONCLUSIVE, PEOPLE_TOO, ruling.p_value)
    right, sure = (_means(pairs, of_N) for of_N in (votes.right_N, sure_N))
    return Outcome(
        ruling=ruling,
        estimate=surer,
        threshold=f"surer than right by more than {thresholds.surer:g} beyond what it is on known texts",
        result=f"On texts that {pairs.new} the reward model is right in {right[1]:.0%} of {int(pairs.new_N.sum())} "
        f"answers, where margins like these make one sure of {sure[1]:.0%}; on the others in {right[0]:.0%}, of "
        f"{sure[0]:.0%}.",
        remedy="Collect comparisons of what the policy writes now and fit again (`accord collect`), keep the policy "
        "nearer to its start (`kl_coef`), or be cautious where several members disagree (`ensemble_size`, `caution`).",
        evidence=(REWARD_MODEL, "the ledger of the audit" if pairs.new == "the policy wrote" else PAIRS),
        ids={"feedback": [name for name in votes.wrong_on(NEW) if name]},
        facts=dict([*_cells(pairs, sure_N), *_told_apart(pairs)]),
        source="LeVine et al. 2023 (arXiv 2311.14743): accuracy and calibration by shifts of prompts and responses",
    )


class Curve(NamedTuple):
    """How sure a margin makes one: lapse / 2 + (1 - lapse) sigmoid(slope |margin|).

    The lapse is the share of margins that mean nothing, however large they are.
    """

    slope: float
    lapse: float

    @classmethod
    def of(cls, margin_N: Floats) -> "Curve":
        """The likeliest, of what the better text of each pair scores above the other; under `PRIOR`."""
        scale = float(np.abs(margin_N).mean())
        if scale == 0:
            return cls(0.0, 0.0)

        def loss(values: Floats) -> float:
            sure_N = values[1] / 2 + (1 - values[1]) * expit(values[0] * margin_N / scale)
            return float(((values / PRIOR) ** 2).sum() / 2 - np.log(sure_N).sum())

        bounds = [(0.0, None), (LEAST_LAPSE, 1.0)]
        slope, lapse = minimize(loss, np.array([1.0, 0.1]), method="L-BFGS-B", bounds=bounds).x.tolist()
        return cls(slope / scale, lapse)

    def sure(self, margin_N: Floats) -> Floats:
        """How sure margins make one, by their size: [N] between one half and 1."""
        return np.asarray(self.lapse / 2 + (1 - self.lapse) * expit(self.slope * np.abs(margin_N)))

    def gradient(self, margin_N: Floats) -> Floats:
        """What the probability sigmoid-with-lapse of signed margins gains with slope and lapse, [N, 2]."""
        chance_N = expit(self.slope * margin_N)
        return np.stack([(1 - self.lapse) * chance_N * (1 - chance_N) * margin_N, 0.5 - chance_N], 1)


def surer_where_new(
    margin_N: Floats, new_N: Bools, people: Sequence[Hashable], prompts: Sequence[Hashable], *, level: float = 0.95
) -> Estimate:
    """How much surer than right margins are where `new_N`, less how much they are elsewhere.

    margin_N  what the better of two texts scores above the other, [N]; it is right where it is above 0 (half where it
    is 0), and sure by the `Curve` of the known pairs. What is not known of the curve is in the interval, whose
    influences are summed over people and prompts that cross.
    """
    known_N = ~new_N
    curve = Curve.of(margin_N[known_N])
    over_N = curve.sure(margin_N) - (0.5 + 0.5 * np.sign(margin_N))
    new, known = float(over_N[new_N].mean()), float(over_N[known_N].mean())
    share_N = np.where(new_N, 1 / new_N.sum(), 1 / known_N.sum())
    sign_N = np.where(new_N, 1.0, -1.0)
    influence_N = sign_N * share_N * (over_N - np.where(new_N, new, known))
    influence_N[known_N] += _by_curve(curve, margin_N[known_N]) @ (
        (sign_N * share_N) @ curve.gradient(np.abs(margin_N))
    )
    units = Units.of(len(margin_N), people, prompts)
    spread = units.spread(influence_N, share_N / 2)
    low, high = (None, None) if spread is None else t_interval(new - known, spread, level)
    return Estimate(new - known, low, high, len(margin_N), units.fewest, level, "influences over people and prompts")


def _by_curve(curve: Curve, margin_N: Floats) -> Floats:
    """What each known pair moves slope and lapse by, [N, 2]: its score times the inverse of the information.

    The prior's information is with it. A slope or a lapse that lies at its bound is taken as known.
    """
    score_N2 = curve.gradient(margin_N) / (curve.lapse / 2 + (1 - curve.lapse) * expit(curve.slope * margin_N))[:, None]
    score_N2 = score_N2 * np.array([curve.slope > 0, curve.lapse > 2 * LEAST_LAPSE])
    width_2 = np.array(PRIOR) / np.array([max(float(np.abs(margin_N).mean()), 1e-12), 1.0])
    return np.asarray(np.linalg.solve(score_N2.T @ score_N2 + np.diag(1 / width_2**2), score_N2.T).T)


def auroc(value_P: Floats, new_P: Bools) -> float:
    """The chance that a new one has the greater value than a known one, ties half (Mann & Whitney 1947)."""
    from scipy.stats import rankdata

    new = int(new_P.sum())
    ranks = float(rankdata(value_P)[new_P].sum())
    return (ranks - new * (new + 1) / 2) / (new * (len(new_P) - new))


def _means(pairs: ShiftedPairs, value_N: Floats) -> tuple[float, float]:
    return float(value_N[~pairs.new_N].mean()), float(value_N[pairs.new_N].mean())


def _cells(pairs: ShiftedPairs, sure_N: Floats) -> Iterator[tuple[str, Estimate]]:
    """The calibration error by texts, and the accuracy by prompts and texts."""
    for of_text, new_N in (("known texts", ~pairs.new_N), ("new texts", pairs.new_N)):
        at_N, right_N, people, prompts = _where(pairs, new_N)
        yield f"calibration error, {of_text}", calibration_error(sure_N[at_N], right_N, people, crossed=prompts)
        for of_prompt, far_N in (("known prompts", ~pairs.far_N), ("new prompts", pairs.far_N)):
            at_N, right_N, people, prompts = _where(pairs, new_N & far_N)
            if len(at_N) >= FEW:
                yield f"accuracy, {of_text} of {of_prompt}", rate(right_N, people, crossed=prompts)


def _where(pairs: ShiftedPairs, some_N: Bools) -> tuple[NDArray[np.intp], Floats, list[str], list[str]]:
    """Places of some pairs, whether the reward is right there, who judged, and of which prompts."""
    at_N = np.flatnonzero(some_N)
    people, prompts = ([names[i] for i in at_N.tolist()] for names in (pairs.votes.people, pairs.votes.prompts))
    return at_N, pairs.votes.right_N[at_N], people, prompts


def _told_apart(pairs: ShiftedPairs) -> Iterator[tuple[str, Estimate]]:
    """How well new pairs of texts are told from known ones by what the reward says of them, without a label."""
    first = {pair: place for place, pair in reversed(list(enumerate(pairs.pairs)))}
    places = sorted(first.values())
    score_P2, new_P = pairs.score_N2[places], pairs.new_N[places]
    signs: Mapping[str, Floats] = {
        "energy (log of the sum of exp of both scores)": np.logaddexp(score_P2[:, 0], score_P2[:, 1]),
        "small margins": -np.abs(score_P2[:, 0] - score_P2[:, 1]),
    }
    if pairs.doubt_N is not None:
        signs = {**signs, "its own doubt": pairs.doubt_N[places]}
    for name, value_P in signs.items():
        yield f"new texts told by {name}, AUROC", Estimate(auroc(value_P, new_P), None, None, len(places))
