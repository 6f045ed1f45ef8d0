"""Test and retest: whether people answer again what they answered before."""

import numpy as np

from accord.artefacts.finding import Collection
from accord.audit.challenges import OV1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, Evidence
from accord.audit.oversight.people import answers_of_people
from accord.audit.oversight.thresholds import OversightThresholds
from accord.audit.oversight.twice import Twice, asked_again
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.feedback.equality import judgement_meaning
from accord.records import Feedback
from accord.run import MANIFEST
from accord.stats import mean, rate

__all__ = ["repeats"]

FEWEST_PEOPLE = 6


@check(
    OV1,
    "repeats",
    claim="Asked again, people answer as before.",
    thresholds=OversightThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
    collect=Collection(
        field="Feedback.repeat_of",
        what="items that the same person judges a second time, later and unannounced, and that others judge too",
        amount="5 items of each of 20 evaluators",
        study="overlap",
    ),
    explained=("OV1 fatigue", "OV1 change"),
)
def repeats(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Repeated items answered differently, beyond the share in which two people differ on them.

    Whatever makes one person differ from themselves by noise makes two people differ at least as much: 2 p (1 - p) on
    average over people is at most what two of them come to. More than that is no noise: the second time was another.
    """
    answers = answers_of_people(evidence)
    others = _Others(answers)
    twice = [both for both in asked_again(answers) if not both.whole and both.later.repeat_of is not None]
    beside = [(both, others.differ_from(both.earlier)) for both in twice]
    known = [(both, expected) for both, expected in beside if expected is not None]
    people = [both.later.evaluator for both, _ in known]
    if len(set(people)) < FEWEST_PEOPLE:
        raise MissingEvidence(
            f"items asked again of {FEWEST_PEOPLE} evaluators, which others judged (Feedback.repeat_of)"
        )
    items = [both.items for both, _ in known]
    changed_N = np.array([both.changed for both, _ in known], dtype=np.float64)
    excess = mean(changed_N - np.array([expected for _, expected in known]), people, crossed=items)
    changed = rate(changed_N, people, crossed=items)
    return Outcome(
        ruling=at_most(excess, thresholds.flips),
        estimate=excess,
        threshold=f"{thresholds.flips:g} more than two people differ on the same items",
        result=f"{changed.value:.1%} of the items asked again were answered differently; two people differ on "
        f"{changed.value - excess.value:.1%} of them.",
        remedy="Ask again unannounced and in the middle of a session; make the guideline say what decides; shorter "
        "sessions.",
        evidence=(MANIFEST,),
        ids={"feedback": _later_of([both for both, _ in known])},
        facts={"answered differently": changed},
        source="test-retest beside the disagreement of two people; people crossed with items",
    )


def _later_of(twice: list[Twice]) -> list[str]:
    return [both.later.id for both in twice if both.changed]


class _Others:
    """What each person said of each item the first time."""

    def __init__(self, answers: list[Feedback]) -> None:
        self._said: dict[tuple[object, tuple[str, ...]], dict[str, object]] = {}
        for answer in answers:
            meaning = judgement_meaning(answer.judgement, answer.completions)
            if answer.repeat_of is None and meaning is not None:
                item = (meaning[0], tuple(sorted(answer.completions)))
                self._said.setdefault(item, {}).setdefault(answer.evaluator, meaning[1])

    def differ_from(self, answer: Feedback) -> float | None:
        """The share of the other people who said something else of the same; None where nobody did."""
        meaning = judgement_meaning(answer.judgement, answer.completions)
        if meaning is None:
            return None
        said = self._said.get((meaning[0], tuple(sorted(answer.completions))), {})
        of_others = [theirs != meaning[1] for name, theirs in said.items() if name != answer.evaluator]
        return sum(of_others) / len(of_others) if of_others else None
