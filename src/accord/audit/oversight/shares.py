"""The share of all answers that some evaluators hold, and what is concluded from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred
from accord.errors import MissingEvidence
from accord.run import MANIFEST

with deferred():
    from scipy.stats import false_discovery_control

    from accord.artefacts.finding import Verdict
    from accord.audit.checks import Outcome
    from accord.audit.evidence import Evidence
    from accord.audit.verdicts import Ruling, near_zero
    from accord.feedback.statistics.reliability import EvaluatorSummary
    from accord.stats import Estimate

__all__ = ["Flagged", "flagged_outcome", "names_of", "share_outcome", "summaries_of", "sure_number"]

Floats = NDArray[np.float64]
LEVEL, HALF_LEVEL = 0.05, 0.025


def summaries_of(evidence: Evidence) -> list[EvaluatorSummary]:
    """What is known of each evaluator. Raises `MissingEvidence` where nobody is known by themselves."""
    if not evidence.summaries:
        raise MissingEvidence("evaluators that are known one by one (who judged was not recorded)")
    return evidence.summaries


def sure_number(p_value_E: Floats, number: int) -> float:
    """P-value of the hypothesis that fewer than `number` of E are of the kind that `p_value_E` are p-values against.

    Of the partial conjunction (Benjamini & Heller 2008), with Simes' test of the E - number + 1 largest: for number 1
    it is Simes' own. It holds for independent people, and for those whose p-values go together.
    """
    largest_R = np.sort(p_value_E)[number - 1 :]
    return float(min(1.0, (largest_R * largest_R.size / np.arange(1, largest_R.size + 1)).min()))


@dataclass(frozen=True)
class Flagged:
    """Who, of E evaluators, is of a kind: `p_value_E` are against its contrary, `answers_E` of how many answers.

    `total` is of how many answers these are a share (None: theirs).

    Flagged is who survives Benjamini & Hochberg (1995) at 5 % and whom `severe_E` names: those whose estimate says so
    as well, not only their p-value.
    """

    evaluators: Sequence[str]
    p_value_E: Floats
    answers_E: Floats
    severe_E: NDArray[np.bool_]
    total: float | None = None

    @property
    def flagged_E(self) -> NDArray[np.bool_]:
        """Who is flagged, [E]."""
        return np.asarray((false_discovery_control(self.p_value_E) < LEVEL) & self.severe_E)

    @property
    def share(self) -> Estimate:
        """The share of answers that the flagged hold: of these answers, nobody else's are guessed at.

        Its low end is what is held by as many as are surely of the kind (`sure_number`), those of the fewest answers;
        its high end the share itself, as nothing is said of who was not flagged.
        """
        flagged_share_F = np.sort(self._share_E[self.flagged_E])
        sure = sum(self._p_of(number) <= HALF_LEVEL for number in range(1, flagged_share_F.size + 1))
        value = float(flagged_share_F.sum())
        method = "share of the flagged; low end by partial conjunction (Benjamini & Heller 2008)"
        low = float(flagged_share_F[:sure].sum())
        return Estimate(value, min(low, value), value, round(self._total), len(self.answers_E), method=method)

    def p_above(self, limit: float) -> float:
        """P-value of the hypothesis that the share is not above `limit`."""
        share_F = np.sort(self._share_E[self.flagged_E]).cumsum()
        enough = np.flatnonzero(share_F > limit)
        return self._p_of(int(enough[0]) + 1) if enough.size else 1.0

    @property
    def _total(self) -> float:
        return float(self.answers_E.sum()) if self.total is None else self.total

    @property
    def _share_E(self) -> Floats:
        return self.answers_E / self._total

    def _p_of(self, number: int) -> float:
        return sure_number(np.where(self.severe_E, self.p_value_E, 1.0), number)


def names_of(flagged_E: NDArray[np.bool_], evaluators: Sequence[str]) -> list[str]:
    """The flagged evaluators, by id."""
    return [name for name, flagged in zip(evaluators, flagged_E, strict=True) if flagged]


def flagged_outcome(
    flagged: Flagged, limit: float, *, result: str, remedy: str, ids: Mapping[str, Sequence[str]], source: str
) -> Outcome:
    """A share of answers held by flagged evaluators, that should stay below `limit`."""
    share, p_value = flagged.share, flagged.p_above(limit)
    if share.value <= limit:
        ruling = Ruling(Verdict.QUIET, p_value=p_value)
    elif share.low is not None and share.low > limit:
        ruling = Ruling(Verdict.FIRES, p_value=p_value)
    else:
        ruling = Ruling(
            Verdict.INCONCLUSIVE,
            f"more answers of each evaluator: {flagged.flagged_E.sum()} of {len(flagged.evaluators)} are flagged, but "
            f"it is not sure that those who are hold more than {limit:g}",
            p_value,
        )
    return Outcome(
        ruling=ruling,
        estimate=share,
        threshold=f"a share above {limit:g}",
        result=result,
        remedy=remedy,
        evidence=(MANIFEST,),
        ids=ids,
        source=source,
    )


def share_outcome(
    share: Estimate, limit: float, *, result: str, remedy: str, ids: Mapping[str, Sequence[str]], source: str
) -> Outcome:
    """A share that should stay below `limit`."""
    return Outcome(
        ruling=near_zero(share, limit),
        estimate=share,
        threshold=f"a share above {limit:g}",
        result=result,
        remedy=remedy,
        evidence=(MANIFEST,),
        ids=ids,
        source=source,
    )
