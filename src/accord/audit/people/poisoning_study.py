"""What a model of all the others does not foresee, study by study: the material of MH3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accord.audit.evidence import Evidence, LedgerRecords
from accord.errors import MissingEvidence
from accord.feedback.provenance import is_known
from accord.feedback.quality.compared import compared_texts
from accord.feedback.quality.poisoning import Compared, Poisoning, Suspect, suspected_poisoning
from accord.feedback.quality.unknown import NotAssessed
from accord.feedback.statistics.codings import counts_as_person
from accord.feedback.statistics.preferences import collect_preferences

if TYPE_CHECKING:
    from accord.records import Feedback

__all__ = [
    "StudyOfPoisoning",
    "compared_of",
    "named",
    "smallest_p",
    "studies_assessed",
    "studies_compared",
    "studies_of",
]


@dataclass(frozen=True)
class StudyOfPoisoning:
    """One study: what was compared in it, and what the statistics make of that."""

    name: str
    compared: Compared
    poisoning: Poisoning


def compared_of(evidence: Evidence) -> dict[str, Compared]:
    """`studies_compared` of all that people said, worked out once for a run that is audited."""
    return evidence.once("what was compared, by study", lambda: studies_compared(evidence.all_records))


def studies_of(evidence: Evidence) -> list[StudyOfPoisoning]:
    """`studies_assessed` of all that people said, worked out once. Raises `MissingEvidence` as that does."""
    return evidence.once("studies of poisoning", lambda: studies_assessed(compared_of(evidence)))


def studies_compared(records: LedgerRecords) -> dict[str, Compared]:
    """The decided opinions of people that are known one by one, by study: two studies may ask different questions."""
    by_study: dict[str, list[Feedback]] = {}
    for answer in records.feedback.values():
        evaluator = records.evaluators.get(answer.evaluator)
        if evaluator is not None and is_known(evaluator) and counts_as_person(evaluator) and answer.gold is None:
            by_study.setdefault(answer.study or "", []).append(answer)
    return {
        name: compared_texts(collect_preferences(answers), records.completions, records.prompts)
        for name, answers in by_study.items()
    }


def studies_assessed(compared: Mapping[str, Compared]) -> list[StudyOfPoisoning]:
    """Those that can be. Raises `MissingEvidence` with the reason of the largest where none can."""
    found = {name: suspected_poisoning(of_study) for name, of_study in compared.items() if of_study.prompt_N.size}
    assessed = [
        StudyOfPoisoning(name, compared[name], poisoning)
        for name, poisoning in found.items()
        if isinstance(poisoning, Poisoning)
    ]
    if not assessed:
        largest = max(found, key=lambda name: np.unique(compared[name].prompt_N).size, default=None)
        reason = found[largest] if largest is not None else NotAssessed("comparisons, rankings or ratings of people")
        raise MissingEvidence(f"a study that can be looked at ({reason.reason})")  # type: ignore[union-attr]
    return assessed


def named(suspects: Sequence[Suspect], tested: int, level: float) -> list[Suspect]:
    """Those that pass the false discovery rate `level` (Benjamini & Hochberg 1995), of those that pass 5 %."""
    ordered = sorted(suspects, key=lambda suspect: suspect.p)
    passed = [rank for rank, suspect in enumerate(ordered, 1) if suspect.p <= rank / tested * level]
    return ordered[: max(passed, default=0)]


def smallest_p(suspects: Sequence[Suspect], tested: int, studies: int) -> float:
    """The smallest p-value of any, corrected for all that were tested (Simes 1986), and for the studies."""
    ordered = sorted(suspect.p for suspect in suspects)
    return min([1.0, *(studies * tested * p / rank for rank, p in enumerate(ordered, 1))])
