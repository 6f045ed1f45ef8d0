"""The answers of each person one after the other, and whether they repeat one another."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.audit.oversight.orders import p_of_order
from accord.deferred import deferred
from accord.feedback.equality import judgement_meaning
from accord.records import Feedback

with deferred():
    from scipy import special

    from accord.feedback.statistics.workers.shrinkage import beta_prior

__all__ = ["LEAST_STEPS", "Line", "lines_of", "p_of_lines"]

Codes = NDArray[np.intp]
LEAST_STEPS = 10
WORST = 1e-12


@dataclass(frozen=True)
class Line:
    """N answers of one person in their order: what was asked (`form_N`) and answered (`meaning_N`), as codes."""

    evaluator: str
    form_N: Codes
    meaning_N: Codes


def lines_of(answers: Iterable[Feedback]) -> list[Line]:
    """The line of everybody: comparisons by their side, ratings by their number, labels by what was chosen.

    Answers of other kinds are texts and marks, of which no two are alike.
    """
    rows: dict[str, list[tuple[Hashable, Hashable]]] = {}
    for answer in answers:
        meaning = judgement_meaning(answer.judgement)
        if meaning is not None:
            rows.setdefault(answer.evaluator, []).append(meaning)
    forms: dict[Hashable, int] = {}
    meanings: dict[Hashable, int] = {}
    return [
        Line(
            name,
            np.array([forms.setdefault(form, len(forms)) for form, _ in of_person], dtype=np.intp),
            np.array([meanings.setdefault(both, len(meanings)) for both in of_person], dtype=np.intp),
        )
        for name, of_person in rows.items()
    ]


def p_of_lines(lines: Sequence[Line], random: np.random.Generator) -> NDArray[np.float64]:
    """P-value of each person against answers in a random order, and against so many alike, [E].

    The order of a person's own answers says nothing of who always gives the same one; that so many are alike is held
    against how often the others give it. Twice the smaller of both.
    """
    shares = _Shares(lines)
    pairs = [(_repetition(line, random), shares.p_of_all_alike(line)) for line in lines]
    return np.asarray(np.minimum(1.0, 2 * np.array([min(pair) for pair in pairs])))


def _repetition(line: Line, random: np.random.Generator) -> float:
    """The share of orders of the same answers with as many that are the one before, among those of one form."""
    order_N = np.argsort(line.form_N, kind="stable")
    form_N, meaning_N = line.form_N[order_N], line.meaning_N[order_N]
    step_M = form_N[1:] == form_N[:-1]

    def same(orders_BN: Codes) -> NDArray[np.float64]:
        arranged_BN = meaning_N[orders_BN]
        return np.asarray(((arranged_BN[:, 1:] == arranged_BN[:, :-1]) & step_M).sum(1), dtype=np.float64)

    return p_of_order(same, form_N, random)


class _Shares:
    """How often each answer is given, by person."""

    def __init__(self, lines: Sequence[Line]) -> None:
        forms = 1 + max(int(line.form_N.max(initial=-1)) for line in lines)
        meanings = 1 + max(int(line.meaning_N.max(initial=-1)) for line in lines)
        self.asked_EF = np.array([np.bincount(line.form_N, minlength=forms) for line in lines], dtype=np.float64)
        self.given_EM = np.array([np.bincount(line.meaning_N, minlength=meanings) for line in lines], dtype=np.float64)
        self.place = {line.evaluator: place for place, line in enumerate(lines)}

    def p_of_all_alike(self, line: Line) -> float:
        """The chance that the answers of some form are all alike as they are, by a beta-binomial of all the others.

        1 where no form of more than ten answers has but one; the smallest of the forms, times their number.
        """
        me = self.place[line.evaluator]
        p_values = [1.0]
        for form in np.flatnonzero(self.asked_EF[me] > LEAST_STEPS).tolist():
            given = np.unique(line.meaning_N[line.form_N == form])
            others_E = (self.asked_EF[:, form] > 0) & (np.arange(len(self.asked_EF)) != me)
            if given.size > 1 or not others_E.any():
                continue
            mean, strength = beta_prior(self.given_EM[others_E, given[0]], self.asked_EF[others_E, form])
            a, b, n = mean * strength, (1 - mean) * strength, float(self.asked_EF[me, form])
            log_p = special.betaln(a + n, b) - special.betaln(a, b)
            p_values.append(float(np.exp(log_p)) * int((self.asked_EF[me] > LEAST_STEPS).sum()))
        return max(min(p_values), WORST)
