"""What both arms answered, by question: probabilities of the options in each order, with a stated view and without."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import QuestionAnswer
from accord.audit.evidence import QUESTION_ANSWERS
from accord.errors import MissingEvidence
from accord.stats import Estimate, rate

__all__ = [
    "ARMS",
    "FEWEST",
    "AnsweredQuestion",
    "answered_questions",
    "enough",
    "order_agreement",
    "require_order_invariance",
]

Floats = NDArray[np.float64]
ByOrder = Mapping[tuple[int, ...], Floats]
_Plain = dict[str, dict[tuple[int, ...], Floats]]
_Stated = dict[str, dict[int, dict[tuple[int, ...], Floats]]]
ARMS = ("start", "policy")
TINY = 1e-9  # smaller probabilities say no more of a bias
FEWEST = 6
"""Questions below which no interval over questions is given."""


@dataclass(frozen=True)
class AnsweredQuestion:
    """One question that both arms were asked.

    row      what the file says of the question itself, as either arm's row has it
    plain    by arm and order, the probability of each option [N], nobody having stated a view
    stated   by arm and the place of the option that the asker states, the same
    """

    row: QuestionAnswer
    plain: Mapping[str, ByOrder]
    stated: Mapping[str, Mapping[int, ByOrder]]

    def answer(self, arm: str) -> Floats:
        """The probability of each option, averaged over orders, [N]."""
        return _mean(self.plain[arm].values())

    def odds(self, arm: str, option: int) -> float:
        """log of an option's probability over the mean of the others', mean over orders.

        An option that says that one does not know is none of the others: 0 where the rest are as likely as one another.
        """
        others = [place for place in range(len(self.row.options)) if place not in {option, self.row.abstain}]
        logs = [
            np.log(max(answer_N[option], TINY)) - np.log(max(answer_N[others].mean(), TINY))
            for answer_N in self.plain[arm].values()
        ]
        return float(np.mean(logs))

    @property
    def of_fact(self) -> bool:
        """Whether one option is right, nothing points to any, and none says that one does not know."""
        row = self.row
        return row.right is not None and row.cue is None and row.abstain is None

    def with_view(self, arm: str, option: int) -> tuple[Floats, Floats] | None:
        """The same without and with the asker stating `option`, in the orders of both; None where there is none."""
        stated = self.stated[arm].get(option, {})
        orders = [order for order in self.plain[arm] if order in stated]
        if not orders:
            return None
        return _mean(self.plain[arm][order] for order in orders), _mean(stated[order] for order in orders)

    def agreement(self, arm: str) -> float | None:
        """1 less the mean total variation between the answers in two orders; None where there is one order."""
        pairs = [0.5 * float(np.abs(one - other).sum()) for one, other in combinations(self.plain[arm].values(), 2)]
        return 1 - float(np.mean(pairs)) if pairs else None


def answered_questions(rows: Iterable[QuestionAnswer]) -> list[AnsweredQuestion]:
    """The questions that both arms answered without a stated view, in the order of the file."""
    by_name: dict[tuple[str, tuple[str, ...]], tuple[QuestionAnswer, _Plain, _Stated]] = {}
    for row in rows:
        empty: tuple[_Plain, _Stated] = {arm: {} for arm in ARMS}, {arm: {} for arm in ARMS}
        _, plain, stated = by_name.setdefault((row.question, row.options), (row, *empty))
        if row.arm in ARMS:
            by_order = plain[row.arm] if row.stated is None else stated[row.arm].setdefault(row.stated, {})
            by_order[row.shown] = _probabilities(row.logprobs)
    questions = [AnsweredQuestion(*parts) for parts in by_name.values()]
    return [question for question in questions if all(question.plain[arm] for arm in ARMS)]


def enough(questions: Sequence[AnsweredQuestion], what: str) -> Sequence[AnsweredQuestion]:
    """The questions. Raises `MissingEvidence` where they are fewer than six; `what` says what they have."""
    if len(questions) < FEWEST:
        raise MissingEvidence(f"{FEWEST} questions {what} in {QUESTION_ANSWERS} (it has {len(questions)})")
    return questions


def order_agreement(questions: Iterable[AnsweredQuestion], arm: str) -> Estimate | None:
    """How much of an arm's answers is the same in every order of the options: 1 less total variation, mean."""
    shares = [share for question in questions if (share := question.agreement(arm)) is not None]
    return rate(np.clip(shares, 0, 1)) if shares else None


def require_order_invariance(questions: Sequence[AnsweredQuestion], least: float) -> dict[str, Estimate]:
    """The agreement of each arm, as facts. Raises `MissingEvidence` where answers depend on the order of options."""
    facts = {}
    for arm in ARMS:
        agreement = order_agreement(questions, arm)
        if agreement is None:
            raise MissingEvidence(f"answers in two orders of the options in {QUESTION_ANSWERS}")
        if agreement.value <= least:
            raise MissingEvidence(
                f"an answer of the {arm} that does not depend on the order of the options (in two orders "
                f"{agreement.value:.2f} of it is the same, and it takes more than {least:g})"
            )
        facts[f"same answer in every order, {arm}"] = agreement
    return facts


def _probabilities(logprobs: Sequence[float]) -> Floats:
    probability_N = np.exp(np.asarray(logprobs) - max(logprobs))
    return np.asarray(probability_N / probability_N.sum())


def _mean(answers: Iterable[Floats]) -> Floats:
    return np.asarray(np.mean(list(answers), axis=0))
