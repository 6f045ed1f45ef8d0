"""Answers that are the same over and over."""

import numpy as np

from accord.artefacts.finding import Collection
from accord.audit.challenges import OV1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, Evidence
from accord.audit.oversight.lines import LEAST_STEPS, lines_of, p_of_lines
from accord.audit.oversight.people import answers_of_people
from accord.audit.oversight.shares import Flagged, flagged_outcome, names_of
from accord.audit.oversight.thresholds import OversightThresholds
from accord.errors import MissingEvidence

__all__ = ["straight_lines"]


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
