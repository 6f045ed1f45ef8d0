"""Would the votes of people with the population's shares be others than those that are there?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Collection
from accord.audit.challenges import MH1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, JUDGE_PAIRS, PAIRS, TRAIN_PAIRS, Evidence
from accord.audit.people.representation.people import answers_by_person, composition_of
from accord.audit.people.representation.thresholds import RepresentationThresholds
from accord.audit.verdicts import Ruling, at_most
from accord.errors import MissingEvidence
from accord.feedback.provenance import group_of
from accord.records import Pair
from accord.stats import Estimate, jackknife

__all__ = ["Agreement", "consequence", "mean_square_shift"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
LEAST = 6  # people who judged what others judged too, below which there is no interval to trust


@dataclass(frozen=True)
class Agreement:
    """Of E people, by two [E, E]: the sum of the products of their votes (1/2, -1/2, 0), and of how many pairs."""

    product_EE: Floats
    count_EE: Floats

    @classmethod
    def of(cls, vote_EN: Floats, judged_EN: Floats) -> "Agreement":
        """From votes on N pairs of texts, 0 where not `judged_EN`."""
        return cls(vote_EN @ vote_EN.T, judged_EN @ judged_EN.T)


@check(
    MH1,
    "consequence",
    claim="The population's shares would not have decided otherwise.",
    thresholds=RepresentationThresholds,
    needs=(LEDGER, artefact(EVALUATORS), *(artefact(file) for file in (TRAIN_PAIRS, JUDGE_PAIRS, PAIRS))),
    collect=Collection(
        "Feedback.evaluator",
        "the same pairs judged by several people of each group",
        "two people of each group at least, who judge 20 pairs that others judge too",
        study="overlap",
    ),
)
def consequence(evidence: Evidence, thresholds: RepresentationThresholds) -> Outcome:
    """Root mean square, over pairs, of how far the share of votes moves when people are raked to the population.

    Two different people on the same pair are multiplied, so noise does not count as a shift; the worst attribute.
    """
    answers = answers_by_person(evidence, thresholds)
    attributes = composition_of(evidence, answers).attributes
    names, agreement = _agreement(evidence, answers)
    if len(names) < LEAST:
        raise MissingEvidence(f"{LEAST} people who judged pairs that others judged too (there are {len(names)})")
    shifts = {}
    for one in attributes:
        target = {group.group: group.target for group in one.groups}
        codes_E = _codes([group_of(evidence.evaluators[name], one.attribute) for name in names], target)
        share_G = np.array([group.of_answers.value for group in one.groups])
        shifts[one.attribute] = _shift(agreement, codes_E, np.array(list(target.values())) - share_G)
    worst = max(shifts, key=lambda name: (shifts[name].low or 0.0, shifts[name].value))
    if np.isnan(shifts[worst].value):
        raise MissingEvidence("two people of each of two groups who judged the same pairs")
    square = shifts[worst]
    ruling = at_most(square, thresholds.shift**2)
    if ruling.p_value is not None:
        ruling = Ruling(ruling.verdict, ruling.needs, min(1.0, len(shifts) * ruling.p_value))
    moved = max(square.value, 0.0) ** 0.5
    return Outcome(
        ruling=ruling,
        estimate=square,
        threshold=f"a mean square above {thresholds.shift:g} squared",
        result=f"Raked to the population by {worst}, the share of votes for a text moves by {moved:.3f} (root mean "
        f"square over pairs that several people judged).",
        remedy="Weigh answers to the population's shares, or learn a reward for each group (`[reward] groups`).",
        evidence=(evidence.stage(EVALUATORS), evidence.stage(PAIRS)),
        facts={f"mean square by {name}": shift for name, shift in shifts.items()},
        source="U-statistic of products of two people's votes on a pair, jackknife over people",
    )


def mean_square_shift(agreement: Agreement, code_E: Codes, moved_G: Floats) -> float:
    """Mean square of sum_g moved_g mu_g over pairs, mu_g the mean vote of a group; without bias from noise.

    With sum_g moved_g = 0 it is -1/2 sum_gh moved_g moved_h E(mu_g - mu_h)^2, and E(mu_g - mu_h)^2 = C_gg + C_hh -
    2 C_gh, C the mean product of votes of two different people on a pair. Groups of a single person tell nothing. NaN
    where fewer than two groups tell something.
    """
    groups = moved_G.size
    product_EE, count_EE = agreement.product_EE.copy(), agreement.count_EE.copy()
    np.fill_diagonal(product_EE, 0.0)
    np.fill_diagonal(count_EE, 0.0)
    member_GE = (code_E[None] == np.arange(groups)[:, None]).astype(np.float64)
    product_GG, count_GG = member_GE @ product_EE @ member_GE.T, member_GE @ count_EE @ member_GE.T
    some_G = np.flatnonzero(np.diag(count_GG) > 0)
    if some_G.size < 2 or (count_GG[np.ix_(some_G, some_G)] == 0).any():
        return float("nan")
    mean_GG = product_GG[np.ix_(some_G, some_G)] / count_GG[np.ix_(some_G, some_G)]
    own_G = np.diag(mean_GG)
    apart_GG = own_G[:, None] + own_G[None] - 2 * mean_GG
    return float(-0.5 * moved_G[some_G] @ apart_GG @ moved_G[some_G])


def _shift(agreement: Agreement, code_E: Codes, moved_G: Floats) -> Estimate:
    some_E = np.flatnonzero(code_E >= 0)

    def of(place: NDArray[np.intp]) -> float:
        row = some_E[place]
        part = Agreement(agreement.product_EE[np.ix_(row, row)], agreement.count_EE[np.ix_(row, row)])
        return mean_square_shift(part, code_E[row], moved_G)

    if some_E.size == 0:
        return Estimate(float("nan"), None, None, 0)
    return jackknife(of, some_E.size, some_E.tolist())


def _codes(groups: list[str | None], target: Mapping[str, float]) -> Codes:
    place = {name: number for number, name in enumerate(target)}
    return np.array([place.get(group or "", -1) for group in groups], dtype=np.intp)


def _agreement(evidence: Evidence, people: Mapping[str, int]) -> tuple[list[str], Agreement]:
    """Those who judged a pair that others judged too, and how they agree; every split."""
    votes: dict[tuple[str, str], dict[str, float]] = {}
    for split in ("train", "eval_reward", "held_out"):
        for pair in evidence.pairs(split):
            if pair.evaluator in people:
                votes.setdefault(_texts(pair), {})[str(pair.evaluator)] = _vote(pair)
    shared = [of_pair for of_pair in votes.values() if len(of_pair) > 1]
    names = list(dict.fromkeys(name for of_pair in shared for name in of_pair))
    place = {name: number for number, name in enumerate(names)}
    vote_EN, judged_EN = np.zeros((len(names), len(shared))), np.zeros((len(names), len(shared)))
    for column, of_pair in enumerate(shared):
        rows = [place[name] for name in of_pair]
        vote_EN[rows, column], judged_EN[rows, column] = list(of_pair.values()), 1.0
    return names, Agreement.of(vote_EN, judged_EN)


def _texts(pair: Pair) -> tuple[str, str]:
    first, second = sorted((pair.chosen, pair.rejected))
    return first, second


def _vote(pair: Pair) -> float:
    """1/2 for the first text of the two in order of their ids, -1/2 for the second, 0 for neither."""
    return 0.0 if pair.tie else 0.5 if pair.chosen < pair.rejected else -0.5
