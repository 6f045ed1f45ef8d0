"""Whose answers are held against a person's measures."""

from collections.abc import Mapping

from accord.audit.evidence import Evidence
from accord.feedback.provenance import is_known
from accord.records import Evaluator, Feedback

__all__ = ["answers_of_people", "is_person"]

MACHINES = frozenset({"model", "rule"})


def is_person(known: Mapping[str, Evaluator], answer: Feedback) -> bool:
    """Whether no model or rule gave the answer: these do not tire, and no reading speed is theirs."""
    evaluator = known.get(answer.evaluator)
    return evaluator is None or evaluator.kind not in MACHINES


def answers_of_people(evidence: Evidence) -> list[Feedback]:
    """What stands of the run's ledger, by people who are known one by one, in its order."""
    known = evidence.evaluators
    people = {name for name, evaluator in known.items() if evaluator.kind not in MACHINES and is_known(evaluator)}
    return [
        answer
        for answer in evidence.ledger_feedback.values()
        if answer.evaluator in people or answer.evaluator not in known
    ]
