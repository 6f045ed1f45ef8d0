"""Answers as columns, one row an answer that stands."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.feedback.equality import judgement_meaning, same_answer, same_judgement
from accord.feedback.provenance import is_order_known
from accord.records import Comparison, Correction, Critique, Declined, Demonstration, Feedback, Judgement

__all__ = ["AnswerCollector", "Answers", "written_text"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
UNKNOWN = float("nan")


@dataclass(frozen=True)
class Answers:
    """N answers in the order of the records. Codes are places in lists; NaN (of codes -1) is what was not recorded.

    evaluator_N, session_N   places in `evaluators`, and of sessions in any order
    position_N               the place in its session
    seconds_N, active_N      from handing out to sending; of these, those in which somebody did something
    words_N                  words of the completions that were judged
    right_N                  of a control question: 1 answered as known to be right, 0 not
    same_N                   of an item asked again: 1 answered as before, 0 not
    left_N                   of a decided comparison whose order is known: 1 for left, 0 for right
    asked_N, meaning_N       what was asked, in one form, and what was answered, as in `feedback.equality`
    characters_N             of a written answer: its length; pasted_N, keystrokes_N: what the page counted
    declined_N               1 where the evaluator could not judge
    """

    evaluators: list[str]
    evaluator_N: Codes
    session_N: Codes
    position_N: Floats
    seconds_N: Floats
    active_N: Floats
    words_N: Floats
    right_N: Floats
    same_N: Floats
    left_N: Floats
    asked_N: Codes
    meaning_N: Codes
    characters_N: Floats
    pasted_N: Floats
    keystrokes_N: Floats
    declined_N: Floats

    @property
    def n(self) -> int:
        """How many answers there are."""
        return self.evaluator_N.size

    def rows_by_evaluator(self) -> list[NDArray[np.intp]]:
        """The rows of each evaluator, in the order of the records."""
        order_N = np.argsort(self.evaluator_N, kind="stable")
        ends = np.cumsum(np.bincount(self.evaluator_N, minlength=len(self.evaluators)))
        return np.split(order_N, ends[:-1]) if self.evaluators else []


def written_text(judgement: Judgement) -> str | None:
    """The text of an answer that is one."""
    return judgement.text if isinstance(judgement, Correction | Critique | Demonstration) else None


class AnswerCollector:
    """Takes judgements that stand one by one. `words` holds the number of words of each completion.

    `earlier` holds the records that items asked again refer to, as far as they stand.
    """

    FLOATS = (
        *("position", "seconds", "active", "words", "right", "same", "left"),
        *("characters", "pasted", "keystrokes", "declined"),
    )
    CODES = ("evaluator", "session", "asked", "meaning")

    def __init__(self, words: Mapping[str, int], earlier: Mapping[str, Feedback]) -> None:
        self._words, self._earlier = words, earlier
        self._float = {name: array("d") for name in self.FLOATS}
        self._code = {name: array("q") for name in self.CODES}
        self._names: dict[str, dict[object, int]] = {name: {} for name in self.CODES}

    def add(self, record: Feedback) -> None:
        """One judgement."""
        telemetry, text = record.telemetry, written_text(record.judgement)
        words = [self._words.get(name) for name in record.completions]
        numbers = {
            "position": record.position_in_session,
            "seconds": record.seconds,
            "active": telemetry.active_seconds if telemetry else None,
            "words": None if None in words else sum(number or 0 for number in words),
            "right": None if record.gold is None else same_judgement(record.judgement, record.gold),
            "same": self._same(record),
            "left": _left(record),
            "characters": None if text is None else len(text),
            "pasted": telemetry.pasted if telemetry else None,
            "keystrokes": telemetry.keystrokes if telemetry else None,
            "declined": isinstance(record.judgement, Declined),
        }
        for name, number in numbers.items():
            self._float[name].append(UNKNOWN if number is None else float(number))
        question, meaning = judgement_meaning(record.judgement) or (None, None)
        names = {"evaluator": record.evaluator, "session": (record.evaluator, record.session)}
        for column, value in (
            {**names, "asked": question, "meaning": None if meaning is None else (question, meaning)}
        ).items():
            known = self._names[column]
            self._code[column].append(-1 if value is None else known.setdefault(value, len(known)))

    def _same(self, record: Feedback) -> bool | None:
        first = self._earlier.get(record.repeat_of or "")
        return None if first is None else same_answer(record, first)

    def answers(self) -> Answers:
        """All of them; nothing may be added afterwards."""

        def numbers(name: str) -> Floats:
            return np.frombuffer(self._float[name], dtype=np.float64)

        def codes(name: str) -> Codes:
            return np.frombuffer(self._code[name], dtype=np.int64)

        return Answers(
            evaluators=[str(name) for name in self._names["evaluator"]],
            evaluator_N=codes("evaluator"),
            session_N=codes("session"),
            position_N=numbers("position"),
            seconds_N=numbers("seconds"),
            active_N=numbers("active"),
            words_N=numbers("words"),
            right_N=numbers("right"),
            same_N=numbers("same"),
            left_N=numbers("left"),
            asked_N=codes("asked"),
            meaning_N=codes("meaning"),
            characters_N=numbers("characters"),
            pasted_N=numbers("pasted"),
            keystrokes_N=numbers("keystrokes"),
            declined_N=numbers("declined"),
        )


def _left(record: Feedback) -> bool | None:
    match record.judgement:
        case Comparison(preferred="left" | "right" as side) if is_order_known(record):
            return side == "left"
        case _:
            return None
