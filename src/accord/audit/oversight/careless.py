"""Careless evaluators, told from those who hold another view."""

from collections.abc import Sequence

import numpy as np

from accord.audit.challenges import OV1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, Evidence
from accord.audit.oversight.shares import Flagged, flagged_outcome, names_of, summaries_of
from accord.audit.oversight.thresholds import OversightThresholds
from accord.errors import MissingEvidence
from accord.feedback.statistics.codings import counts_as_person
from accord.feedback.statistics.preferences import collect_preferences, feedback_of_known
from accord.feedback.statistics.workers.votes import votes_of_preferences
from accord.feedback.trust.from_votes import standing_from_votes
from accord.feedback.trust.standing import Standings

__all__ = ["careless"]


@check(
    OV1,
    "careless",
    claim="Answers were not given at random.",
    thresholds=OversightThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
)
def careless(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Share of answers by evaluators who agree with the others little better than chance, and not less.

    Who answers at random with probability e agrees with the others in (1 - e) a + e / 2 of the pairs, a being what is
    usual on the same items (on hard ones nobody agrees with many); e must be above `lapse`, and the difference sure.
    Whoever surely agrees less than chance is predictable: they hold another view, which is not carelessness.
    """
    experienced = [summary for summary in summaries_of(evidence) if summary.pair_count >= thresholds.min_opinions]
    if len(experienced) < 10:
        raise MissingEvidence(f"10 evaluators of at least {thresholds.min_opinions} opinions that others share")
    known = feedback_of_known(evidence.ledger_feedback.values(), evidence.evaluators)
    people = {name for name, evaluator in evidence.evaluators.items() if counts_as_person(evaluator)}
    votes = votes_of_preferences(collect_preferences(known))
    standings = standing_from_votes(votes, people=people, lapse=thresholds.lapse)
    names = [summary.evaluator for summary in experienced]
    usual = float(np.median([standings.usual.get(name, 0.5) for name in names]))
    if usual <= 0.5:
        raise MissingEvidence("agreement among the evaluators: they agree with one another no more than by chance")
    flagged = Flagged(
        names,
        np.array([standings.p_value.get(name, 1.0) for name in names]),
        np.array([summary.feedback for summary in experienced], dtype=np.float64),
        np.array([standings.standing.get(name) == "careless" for name in names]),
    )
    share = flagged.share
    opposed = _of_another_view(standings, names)
    return flagged_outcome(
        flagged,
        thresholds.share,
        result=f"Evaluators who seem to answer at random more than {thresholds.lapse:.0%} of the time hold "
        f"{share.value:.1%} of the answers; an ordinary one orders {usual:.1%} of the pairs as all the others "
        f"together.{_told(opposed)}",
        remedy="Weight answers by the evaluator's reliability (`[data] trust`), add control questions, ask the flagged "
        "items again.",
        ids={
            "evaluators": names_of(flagged.flagged_E, names),
            "evaluators of another view": opposed,
        },
        source="lapse model on votes against all the others' (one coin, Zhang et al. 2016), binomial tests to both "
        "sides, Benjamini & Hochberg 1995 at 5 %; partial conjunction, Benjamini & Heller 2008",
    )


def _of_another_view(standings: Standings, names: Sequence[str]) -> list[str]:
    return [name for name in names if standings.standing.get(name) == "another view"]


def _told(opposed: Sequence[str]) -> str:
    """What is said of those who are not careless but of another view."""
    if not opposed:
        return ""
    return (
        f" {len(opposed)} more surely agree with the others less than chance, or with one another alone: they hold "
        "another view and are not counted; whether one reward serves them is for PM2, whether they mean harm for MH3."
    )
