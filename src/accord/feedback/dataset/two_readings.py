"""Machines are asked about an item in both orders: answers that differ state no preference.

A person who is asked again later and says something else tells of the person, and the first answer stands; a machine's
two readings are one answer, which is there only where they agree.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping

from accord.feedback.equality import judgement_meaning
from accord.records import Comparison, Evaluator, Feedback, Ranking

__all__ = ["MACHINES", "contradicted"]

MACHINES = frozenset({"model", "rule"})
"""The kinds of evaluators whose repetitions are readings of one answer."""


def contradicted(read: Callable[[], Iterable[Feedback]], evaluators: Mapping[str, Evaluator]) -> set[str]:
    """The ids of machines' comparisons and rankings that do not say what another reading of the same item says.

    A reading that was declined says something else too. `read` gives the feedback from its beginning, each time the
    same; an evaluator that is not among `evaluators` counts as a person.
    """
    machines = {name for name, evaluator in evaluators.items() if evaluator.kind in MACHINES}
    if not machines:
        return set()
    readings: dict[str, set[Hashable]] = {}
    for record in read():
        if record.repeat_of is not None and record.evaluator in machines:
            meaning = judgement_meaning(record.judgement, record.completions)
            readings.setdefault(record.repeat_of, set()).add(meaning)
    return {
        record.id
        for record in (read() if readings else ())
        if record.id in readings
        and isinstance(record.judgement, Comparison | Ranking)
        and readings[record.id] != {judgement_meaning(record.judgement, record.completions)}
    }
