"""Who answered, and how often."""

from collections import Counter
from collections.abc import Mapping

from accord.audit.evidence import Evidence
from accord.audit.people.representation.thresholds import RepresentationThresholds
from accord.errors import MissingEvidence, RecordError
from accord.feedback.provenance import is_known
from accord.feedback.quality.composition import Composition, composition
from accord.feedback.statistics.codings import counts_as_person
from accord.records import Declined

__all__ = ["answers_by_person", "composition_of"]


def answers_by_person(evidence: Evidence, thresholds: RepresentationThresholds) -> dict[str, int]:
    """How many judgements of the ledger each person of the run gave, by id.

    Control questions and refusals do not count, nor do those who run the project (the pool `researchers`). Raises
    `MissingEvidence` where nobody is known one by one.
    """
    people = {
        name
        for name, evaluator in evidence.evaluators.items()
        if counts_as_person(evaluator) and is_known(evaluator) and evaluator.pool != thresholds.researchers
    }
    answers = Counter(
        answer.evaluator
        for answer in evidence.ledger_feedback.values()
        if answer.evaluator in people and answer.gold is None and not isinstance(answer.judgement, Declined)
    )
    if not answers:
        raise MissingEvidence("evaluators that are known one by one (who judged was not recorded)")
    return dict(answers)


def composition_of(evidence: Evidence, answers: Mapping[str, int]) -> Composition:
    """Who answered beside the target population. Raises `MissingEvidence` where it or their groups are not known."""
    target = evidence.population
    try:
        measured = composition(answers, evidence.evaluators, target)
    except RecordError as error:
        raise MissingEvidence(f"an attribute of the population among those of the evaluators ({error})") from error
    if measured is None or not measured.attributes:
        raise MissingEvidence(f"what group each evaluator is of, by {' and '.join(target)} (Evaluator.attributes)")
    return measured
