"""Every order of two completions that somebody's answers imply, as arrays."""

import hashlib
import math
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accord.feedback.dataset.pairs import stated_sides
from accord.feedback.provenance import current_feedback, feedback_and_evaluators, is_known
from accord.feedback.store.ledger import Ledger
from accord.records import Comparison, Evaluator, Feedback, Ranking, Rating

__all__ = ["Codes", "PreferenceCollector", "Preferences", "collect_preferences", "feedback_of_known", "session_of"]

Codes = NDArray[np.int64]
LARGEST_GROUP = 32  # ratings of one evaluator that are all set against one another


@dataclass(frozen=True)
class Preferences:
    """N opinions: evaluator_N found completion first_N better (+1), worse (-1) or as good (0) as second_N.

    All are codes: places in `evaluators`, `completions` (first_N < second_N) and `sessions`.
    """

    evaluators: list[str]
    completions: list[str]
    sessions: list[str]
    evaluator_N: Codes
    first_N: Codes
    second_N: Codes
    sign_N: Codes
    session_N: Codes


def feedback_of_known(
    source: Ledger | Iterable[Feedback],
    evaluators: Mapping[str, Evaluator] | None = None,
    *,
    upto: int | None = None,
    prompts: Collection[str] | None = None,
    sessions: Collection[str] | None = None,
) -> Iterator[Feedback]:
    """What stands, of raters that are known, within these prompts and sessions (None: all)."""
    feedback, known = feedback_and_evaluators(source, evaluators, upto)
    current = _current(source, upto) if isinstance(source, Ledger) else current_feedback(feedback)
    unknown = {name for name, evaluator in known.items() if not is_known(evaluator)}
    wanted_prompts = None if prompts is None else frozenset(prompts)
    wanted_sessions = None if sessions is None else frozenset(sessions)
    for record in current:
        if (
            record.evaluator not in unknown
            and (wanted_prompts is None or record.prompt in wanted_prompts)
            and (wanted_sessions is None or record.session in wanted_sessions)
        ):
            yield record


def _current(ledger: Ledger, upto: int | None) -> Iterator[Feedback]:
    """What stands in a ledger, one record at a time."""
    last = ledger.last_row if upto is None else upto
    replaced = ledger.replaced(last)
    return (record for record in ledger.feedback(last) if record.id not in replaced)


def session_of(feedback: Feedback) -> str:
    """The session, or the prompt where none was recorded."""
    return feedback.session or feedback.prompt


class _Sitting(NamedTuple):
    """Ratings that may be set against one another: of one evaluator and prompt, in one study and session, on one scale.

    Two aspects of an answer, rated in two studies, are no opinion on which of two answers is better.
    """

    evaluator: str
    prompt: str
    study: str | None
    session: str | None
    low: float
    high: float


def collect_preferences(feedback: Iterable[Feedback]) -> Preferences:
    """The opinions in comparisons, rankings and ratings: of each person one about any two completions, the first.

    So agreement counts people, and nobody agrees with themselves. Two ratings are an opinion where one evaluator gave
    both, for one prompt, in one study and session, on one scale. Where somebody rated more than 32 completions of a
    prompt so, all of that prompt are dealt into parts by their digest, the same for everybody, and only those of one
    part are set against one another: opinions then grow with the ratings, not with their square, and are still a random
    choice of all. Other prompts lose nothing by it.
    """
    collector = PreferenceCollector()
    for record in feedback:
        collector.add(record)
    return collector.preferences()


class PreferenceCollector:
    """`collect_preferences` of judgements that come one by one."""

    def __init__(self) -> None:
        self._table = _Table()
        self._rated: dict[_Sitting, dict[str, float]] = {}

    def add(self, record: Feedback) -> None:
        """A judgement that stands. An item asked again says nothing, nor does a kind that puts nothing in order."""
        if record.repeat_of is not None:
            return
        match record.judgement:
            case Comparison() | Ranking():
                self._table.add_sides(record, stated_sides(record))
            case Rating(value=value, scale=scale):
                sitting = _Sitting(record.evaluator, record.prompt, record.study, record.session, scale.low, scale.high)
                self._rated.setdefault(sitting, {}).setdefault(record.completions[0], value)
            case _:
                pass

    def preferences(self) -> Preferences:
        """All opinions; nothing may be added afterwards."""
        largest: dict[str, int] = {}
        for sitting, values in self._rated.items():
            largest[sitting.prompt] = max(largest.get(sitting.prompt, 0), len(values))
        for sitting, values in self._rated.items():
            parts = _parts(largest[sitting.prompt])
            by_part: dict[int, dict[str, float]] = {}
            for completion, value in values.items():
                by_part.setdefault(_part(completion, parts), {})[completion] = value
            for of_part in by_part.values():
                self._table.add_ratings(sitting, of_part)
        return self._table.preferences()


def _parts(largest: int) -> int:
    """Into how many parts the completions of a prompt are dealt of which somebody rated so many."""
    return 1 if largest <= LARGEST_GROUP else math.ceil(2 * largest / LARGEST_GROUP)


def _part(completion: str, parts: int) -> int:
    return int.from_bytes(hashlib.sha256(completion.encode()).digest()[:8]) % parts if parts > 1 else 0


class _Table:
    """Preferences as they are gathered: codes of names, and columns [evaluator, first, second, sign, session]."""

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, int]] = {"evaluator": {}, "completion": {}, "session": {}}
        self.single = array("q")  # five numbers a row
        self.blocks: list[Codes] = []

    def code(self, kind: str, name: str) -> int:
        known = self.codes[kind]
        return known.setdefault(name, len(known))

    def add_sides(self, feedback: Feedback, sides: Iterable[tuple[str, str, bool]]) -> None:
        """A better completion and another each, with whether they tie."""
        evaluator, session = self.code("evaluator", feedback.evaluator), self.code("session", session_of(feedback))
        for better, other, tie in sides:
            chosen, rejected = self.code("completion", better), self.code("completion", other)
            sign = 0 if tie else 1 if chosen < rejected else -1
            self.single.extend((evaluator, min(chosen, rejected), max(chosen, rejected), sign, session))

    def add_ratings(self, sitting: _Sitting, values: Mapping[str, float]) -> None:
        if len(values) < 2:
            return
        item_M = np.array([self.code("completion", completion) for completion in values])
        value_M = np.array(list(values.values()))
        order = np.argsort(item_M)
        first, second = np.triu_indices(len(values), 1)
        block = np.empty((first.size, 5), dtype=np.int64)
        block[:, 0] = self.code("evaluator", sitting.evaluator)
        block[:, 1], block[:, 2] = item_M[order][first], item_M[order][second]
        block[:, 3] = np.sign(value_M[order][first] - value_M[order][second])
        block[:, 4] = self.code("session", sitting.session or sitting.prompt)
        self.blocks.append(block)

    def preferences(self) -> Preferences:
        singles = np.frombuffer(self.single, dtype=np.int64).reshape(-1, 5)
        rows = np.concatenate([singles, *self.blocks]) if self.blocks else singles
        size = len(self.codes["completion"])
        of_person = (rows[:, 0] * size + rows[:, 1]) * size + rows[:, 2]
        column = rows[np.sort(np.unique(of_person, return_index=True)[1])].T.copy()
        return Preferences(
            evaluators=list(self.codes["evaluator"]),
            completions=list(self.codes["completion"]),
            sessions=list(self.codes["session"]),
            evaluator_N=column[0],
            first_N=column[1],
            second_N=column[2],
            sign_N=column[3],
            session_N=column[4],
        )
