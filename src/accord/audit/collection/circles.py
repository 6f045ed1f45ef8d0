"""Preferences in a circle: more of them than noise about one number a completion explains."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import FT1
from accord.audit.checks import LEDGER, Outcome, check
from accord.audit.collection.kinds_thresholds import FeedbackKindsThresholds
from accord.deferred import deferred
from accord.errors import MissingEvidence
from accord.records import Comparison, Feedback
from accord.run import MANIFEST

with deferred():
    from scipy.special import expit

    from accord.audit.collection.kinds import answers_by_study
    from accord.audit.evidence import Evidence
    from accord.audit.verdicts import Ruling, at_most
    from accord.stats import mean

__all__ = ["Duels", "circles_of", "fit", "triads"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
LEAST = 50  # triads
MOST = 20_000
MOST_TEXTS = 400
ROOM = 2_000_000  # simulated answers that are held at once
PRIOR = 0.5
SOURCE = "circular triads (Kendall & Babington Smith 1940) against a parametric bootstrap of Bradley-Terry"


@check(
    FT1,
    "triads",
    claim="Comparisons are as transitive as one number a completion has it.",
    thresholds=FeedbackKindsThresholds,
    needs=(LEDGER,),
    collect=Collection(
        "Comparison.preferred",
        "all pairs of some completions of a prompt compared by one person",
        "all 10 pairs of 5 completions, by 10 people",
        "kinds",
    ),
)
def triads(evidence: Evidence, thresholds: FeedbackKindsThresholds) -> Outcome:
    """Share of triads (three completions, all pairs by one person) that go in a circle, less what is expected.

    Expected is the share under the Bradley-Terry model of everybody's comparisons, which whoever answers at random, or
    holds another view, only makes flatter: both lower the excess. The p-value is that of a parametric bootstrap, which
    fits the model again to each simulated data set. People are clusters, and the study of the most people is looked at.
    """
    studies = [duels for answers in answers_by_study(evidence.all_records).values() if (duels := Duels.of(answers))]
    found = [duels for duels in studies if duels.triad_T3.shape[0] >= LEAST and len(duels.texts) <= MOST_TEXTS]
    if not found:
        raise MissingEvidence(f"{LEAST} triads: three completions of a prompt, all pairs compared by one person")
    duels = max(found, key=lambda one: (len(one.people_of_triads), one.triad_T3.shape[0]))
    excess_T, p_value = _excess(duels, thresholds.draws)
    people = [duels.people[code] for code in duels.person_N[duels.triad_T3[:, 0]].tolist()]
    estimate = mean(excess_T, people)
    ruling = at_most(estimate, thresholds.cycles)
    if ruling.verdict is Verdict.FIRES and p_value >= 0.05:
        ruling = Ruling(Verdict.INCONCLUSIVE, "more triads: as many circles as these come of noise as well")
    observed = mean(circles_of(duels.triad_T3, duels.up_N).astype(np.float64), people)
    return Outcome(
        ruling=ruling._replace(p_value=max(p_value, ruling.p_value or 0.0)),
        estimate=estimate,
        threshold=f"an excess above {thresholds.cycles:g}",
        result=f"{observed.value:.1%} of the triads go in a circle, {estimate.value:+.1%} beside what noise about "
        f"one number a completion explains (p = {p_value:.3f} of {thresholds.draws} simulated data sets).",
        remedy="A reward is one number a completion and cannot hold preferences in a circle: ask by which aspect "
        "people "
        "decided, learn one reward an aspect, or a model of preferences between two completions.",
        evidence=(MANIFEST,),
        facts={"share of triads in a circle": observed},
        source=SOURCE,
    )


class Duels:
    """N decided comparisons of one study; `triad_T3` holds the rows of three that make a triad of one person.

    up_N    whether the first of the two (the one whose code is smaller) was preferred
    """

    def __init__(self, answers: Sequence[Feedback]) -> None:
        texts: dict[str, int] = {}
        people: dict[str, int] = {}
        rows: dict[tuple[int, int, int], bool] = {}
        for one in answers:
            if isinstance(one.judgement, Comparison) and one.judgement.preferred != "tie":
                left, right = (texts.setdefault(name, len(texts)) for name in one.completions)
                person = people.setdefault(one.evaluator, len(people))
                up = (one.judgement.preferred == "left") == (left < right)
                rows.setdefault((person, min(left, right), max(left, right)), up)
        self.texts, self.people = list(texts), list(people)
        column_3N = np.array(list(rows), dtype=np.int64).reshape(-1, 3).T
        self.person_N, self.first_N, self.second_N = column_3N
        self.up_N: NDArray[np.bool_] = np.array(list(rows.values()), dtype=np.bool_)
        self.triad_T3 = _triads({key: row for row, key in enumerate(rows)})

    @property
    def people_of_triads(self) -> set[int]:
        """The codes of those who compared all pairs of three completions."""
        return set(self.person_N[self.triad_T3[:, 0]].tolist())

    @classmethod
    def of(cls, answers: Sequence[Feedback]) -> "Duels | None":
        """None where nothing was compared."""
        duels = cls(answers)
        return duels if duels.up_N.size else None


def _triads(row_of: dict[tuple[int, int, int], int]) -> Codes:
    """Rows of (a, b), (b, c) and (a, c) with a < b < c, all by one person; at most `MOST`."""
    above: dict[tuple[int, int], list[int]] = defaultdict(list)
    for person, first, second in row_of:
        above[person, first].append(second)
    found: list[tuple[int, int, int]] = []
    for (person, first), seconds in above.items():
        for middle, last in combinations(sorted(seconds), 2):
            if (person, middle, last) in row_of and len(found) < MOST:
                found.append((row_of[person, first, middle], row_of[person, middle, last], row_of[person, first, last]))
    return np.array(found, dtype=np.int64).reshape(-1, 3)


def circles_of(triad_T3: Codes, up_N: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which triads go in a circle [T]: a over b and b over c, but c over a; or all three turned round."""
    first_T, second_T, third_T = (up_N[..., triad_T3[:, side]] for side in range(3))
    return np.asarray((first_T == second_T) & (first_T != third_T))


def fit(duels: Duels, up_SN: Floats, steps: int = 12) -> Floats:
    """Bradley-Terry scores [S, C] of S data sets about the same pairs, by Newton's method under a normal prior."""
    size = len(duels.texts)
    design_NC = np.zeros((duels.first_N.size, size))
    rows = np.arange(duels.first_N.size)
    design_NC[rows, duels.first_N], design_NC[rows, duels.second_N] = 1.0, -1.0
    score_SC = np.zeros((up_SN.shape[0], size))
    for _ in range(steps):
        chance_SN = expit(score_SC @ design_NC.T)
        slope_SC = (up_SN - chance_SN) @ design_NC - PRIOR * score_SC
        weight_SN = chance_SN * (1 - chance_SN)
        curve_SCC = np.matmul(design_NC.T[None] * weight_SN[:, None, :], design_NC) + PRIOR * np.eye(size)
        step_SC = np.linalg.solve(curve_SCC, slope_SC[..., None])[..., 0]
        score_SC = score_SC + step_SC
        if np.abs(step_SC).max() < 1e-3:
            break
    return score_SC


def _excess(duels: Duels, draws: int) -> tuple[Floats, float]:
    """Of each triad whether it goes in a circle, less the chance of that; and the p-value of their mean.

    The expected share is lowered or raised by what fitting does to it on simulated data (their mean excess).
    """
    observed_T = circles_of(duels.triad_T3, duels.up_N).astype(np.float64)
    chance_N = _chance(duels, fit(duels, duels.up_N[None].astype(np.float64)))[0]
    expected_T = _expected(duels, chance_N[None])[0]
    excess_S = np.concatenate([_simulated(duels, drawn_SN) for drawn_SN in _draws(chance_N, draws)])
    excess_T = observed_T - expected_T
    p_value = (1 + int((excess_S >= excess_T.mean()).sum())) / (draws + 1)
    return excess_T - float(excess_S.mean()), p_value


def _draws(chance_N: Floats, draws: int) -> Iterator[NDArray[np.bool_]]:
    """Simulated data sets [S, N], some at a time: as many as memory has room for, the same whatever that is."""
    random, at_once = np.random.default_rng(0), max(1, ROOM // max(chance_N.size, 1))
    for start in range(0, draws, at_once):
        yield random.random((min(at_once, draws - start), chance_N.size)) < chance_N


def _simulated(duels: Duels, drawn_SN: NDArray[np.bool_]) -> Floats:
    """The mean excess of circles in each simulated data set [S]."""
    again_SN = _chance(duels, fit(duels, drawn_SN.astype(np.float64)))
    excess_S: Floats = (circles_of(duels.triad_T3, drawn_SN) - _expected(duels, again_SN)).mean(axis=1)
    return excess_S


def _chance(duels: Duels, score_SC: Floats) -> Floats:
    return np.asarray(expit(score_SC[:, duels.first_N] - score_SC[:, duels.second_N]))


def _expected(duels: Duels, chance_SN: Floats) -> Floats:
    """The probability of a circle in each triad, [S, T]."""
    one, two, three = (chance_SN[:, duels.triad_T3[:, side]] for side in range(3))
    return np.asarray(one * two * (1 - three) + (1 - one) * (1 - two) * three)
