"""Answers to items whose right answer is known: by `Feedback.gold`, or by a rule that judged the same completions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.audit.evidence import Evidence, LedgerRecords
from accord.errors import MissingEvidence
from accord.feedback.equality import same_answer, same_judgement
from accord.feedback.provenance import is_known
from accord.feedback.statistics.codings import counts_as_person
from accord.records import Comparison, Declined, Feedback

__all__ = ["KnownAnswers", "known_answers"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class KnownAnswers:
    """Answers of people to items whose right answer is known: one a person and item, the first.

    people    by id; expert_E whether each is of a pool of experts
    items     their prompts' ids; an item is a prompt with the completions that were judged
    right_N   whether the answer is the known one; False where it was declined
    declined_N  whether the person said that they cannot tell
    person_N, item_N  places in `people` and `items`
    seconds_N  how long it took; NaN where nobody knows
    studies   of each answer; empty where it has none
    """

    people: list[str]
    items: list[str]
    expert_E: Bools
    right_N: Bools
    declined_N: Bools
    person_N: Codes
    item_N: Codes
    seconds_N: Floats
    studies: list[str]

    def where(self, chosen_N: Bools) -> "KnownAnswers":
        """Some of the answers, of the same people and items."""
        places = np.flatnonzero(chosen_N)
        return KnownAnswers(
            self.people,
            self.items,
            self.expert_E,
            self.right_N[places],
            self.declined_N[places],
            self.person_N[places],
            self.item_N[places],
            self.seconds_N[places],
            [self.studies[place] for place in places.tolist()],
        )

    @property
    def of_experts_N(self) -> Bools:
        """Whether each answer is an expert's."""
        return self.expert_E[self.person_N]


Item = tuple[str, tuple[str, ...]]


def known_answers(evidence: Evidence, experts: str) -> KnownAnswers:
    """All such answers of the run's ledger and of the audit's, but those given beside a machine's remark.

    Raises `MissingEvidence` where there are none.
    """
    records = evidence.all_records
    answers, rules, declined = _sorted(records)
    known = [(answer, right) for answer in answers if (right := _is_right(answer, rules)) is not None]
    items = {_item(answer) for answer, _ in known}
    known += [(answer, False) for answer in declined if _item(answer) in items]
    if not known:
        raise MissingEvidence(
            "items whose right answer is known (`Feedback.gold`, or a verdict of a rule on the same completions)"
        )
    return _gathered(known, records, experts)


def _sorted(records: LedgerRecords) -> tuple[list[Feedback], Mapping[Item, list[Feedback]], list[Feedback]]:
    """What people said, what rules said by item, and what people declined to say."""
    answers: list[Feedback] = []
    rules: dict[Item, list[Feedback]] = {}
    declined: list[Feedback] = []
    for answer in records.feedback.values():
        evaluator = records.evaluators.get(answer.evaluator)
        if evaluator is not None and evaluator.kind == "rule":
            if not _is_tie(answer):
                rules.setdefault(_item(answer), []).append(answer)
        elif counts_as_person(evaluator) and (evaluator is None or is_known(evaluator)) and answer.repeat_of is None:
            if answer.assistance is not None and answer.assistance.shown:
                continue
            (declined if isinstance(answer.judgement, Declined) else answers).append(answer)
    return answers, rules, declined


def _item(answer: Feedback) -> Item:
    return answer.prompt, tuple(sorted(answer.completions))


def _is_tie(answer: Feedback) -> bool:
    """Whether a rule finds two completions equally good, so that it says of no preference that it is right."""
    return isinstance(answer.judgement, Comparison) and answer.judgement.preferred == "tie"


def _is_right(answer: Feedback, rules: Mapping[Item, list[Feedback]]) -> bool | None:
    """Whether an answer is the known one; None where none is known, or rules contradict one another."""
    if answer.gold is not None:
        return same_judgement(answer.judgement, answer.gold)
    verdicts = {same_answer(answer, rule) for rule in rules.get(_item(answer), ())} - {None}
    return verdicts.pop() if len(verdicts) == 1 else None


def _gathered(known: Iterable[tuple[Feedback, bool]], records: LedgerRecords, experts: str) -> KnownAnswers:
    """The first answer of each person to each item, as columns; experts are of pools whose name begins with that."""
    people: dict[str, int] = {}
    items: dict[Item, int] = {}
    first: dict[tuple[int, int], tuple[Feedback, bool]] = {}
    for answer, right in known:
        place = people.setdefault(answer.evaluator, len(people)), items.setdefault(_item(answer), len(items))
        first.setdefault(place, (answer, right))
    pools = [getattr(records.evaluators.get(name), "pool", None) or "" for name in people]
    rows = list(first.values())
    return KnownAnswers(
        list(people),
        [prompt for prompt, _ in items],
        np.array([pool.startswith(experts) for pool in pools], dtype=np.bool_),
        np.array([right for _, right in rows], dtype=np.bool_),
        np.array([isinstance(answer.judgement, Declined) for answer, _ in rows], dtype=np.bool_),
        np.array([person for person, _ in first], dtype=np.intp),
        np.array([item for _, item in first], dtype=np.intp),
        np.array([np.nan if answer.seconds is None else answer.seconds for answer, _ in rows]),
        [answer.study or "" for answer, _ in rows],
    )
