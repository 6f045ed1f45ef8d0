"""Answers that follow a pattern of their own: the same over and over, or the same side."""

from dataclasses import replace

import numpy as np

from accord.artefacts.finding import Collection
from accord.audit.challenges import OV1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, Evidence
from accord.audit.oversight.lines import LEAST_STEPS, lines_of, p_of_lines
from accord.audit.oversight.people import answers_of_people
from accord.audit.oversight.shares import Flagged, flagged_outcome, names_of
from accord.audit.oversight.thresholds import OversightThresholds
from accord.audit.verdicts import near_zero
from accord.errors import MissingEvidence
from accord.feedback import is_order_known
from accord.records import Comparison
from accord.run import MANIFEST
from accord.stats import Estimate, rate

__all__ = ["position", "straight_lines"]

FEWEST_PEOPLE = 6


@check(
    OV1,
    "straight lines",
    claim="Nobody gave the same answer over and over.",
    thresholds=OversightThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
    collect=Collection(
        field="Feedback.evaluator",
        what="answers of evaluators who are known one by one, in the order in which they were given",
        amount="10 answers of one kind by each of 10 evaluators",
        study="overlap",
    ),
)
def straight_lines(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Share of answers by evaluators who repeat themselves more than their own answers in random order would."""
    lines = [line for line in lines_of(answers_of_people(evidence)) if line.meaning_N.size > LEAST_STEPS]
    if len(lines) < 10:
        raise MissingEvidence(f"10 evaluators of more than {LEAST_STEPS} answers in the order they were given")
    random = np.random.default_rng(0)
    names = [line.evaluator for line in lines]
    flagged = Flagged(
        names,
        p_of_lines(lines, random),
        np.array([float(line.meaning_N.size) for line in lines]),
        np.ones(len(lines), dtype=bool),
    )
    share = flagged.share
    return flagged_outcome(
        flagged,
        thresholds.share,
        result=f"Evaluators who give the same answer over and over hold {share.value:.1%} of the answers.",
        remedy="Show items in random order, cap the session, and ask the flagged items again.",
        ids={"evaluators": names_of(flagged.flagged_E, names)},
        source="runs test (Wald & Wolfowitz 1940) by random orders of each person's answers, all alike beside a "
        "beta-binomial of the others; Benjamini & Hochberg 1995 at 5 %",
    )


@check(
    OV1,
    "position",
    claim="The place on the screen did not decide.",
    thresholds=OversightThresholds,
    needs=(LEDGER,),
    collect=Collection(
        field="Feedback.shown_digest",
        what="comparisons whose order on the screen is known and was drawn at random",
        amount="10 comparisons of each of 20 evaluators",
        study="overlap",
    ),
)
def position(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Whether the left place wins more often than the right one."""
    answers = [
        answer
        for answer in evidence.ledger_feedback.values()
        if isinstance(answer.judgement, Comparison) and answer.judgement.preferred != "tie" and is_order_known(answer)
    ]
    if len({answer.evaluator for answer in answers}) < FEWEST_PEOPLE:
        raise MissingEvidence(
            f"comparisons of {FEWEST_PEOPLE} evaluators whose order on the screen was recorded (Feedback.shown_digest)"
        )
    left = [isinstance(answer.judgement, Comparison) and answer.judgement.preferred == "left" for answer in answers]
    share = rate(left, [answer.evaluator for answer in answers], crossed=[answer.completions for answer in answers])
    excess = _less(share, 0.5)
    return Outcome(
        ruling=near_zero(excess, thresholds.position),
        estimate=excess,
        threshold=f"a preference for one place by more than {thresholds.position:g}",
        result=f"The left one was preferred in {0.5 + excess.value:.1%} of the comparisons.",
        remedy="Randomise the order, and show both orders of some pairs.",
        evidence=(MANIFEST,),
        source="share of left answers under a random order",
    )


def _less(estimate: Estimate, what: float) -> Estimate:
    """An estimate less a constant."""
    low, high = (None if end is None else end - what for end in (estimate.low, estimate.high))
    return replace(estimate, value=estimate.value - what, low=low, high=high)
