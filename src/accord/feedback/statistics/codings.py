"""What people said as values of units, question by question: what Krippendorff's alpha is worked out from.

    kind         unit                              value                                         metric
    comparison   two completions                   which is better, or a tie (both ways round)   nominal
    ranking      a completion among those ranked   its mid-rank                                  ordinal
    rating       a completion                      the number                    ordinal; without steps interval
    label        a completion                      the option; of several, each: selected or not nominal
    spans        a character of a completion       marked (with this type) or not                nominal
    steps        a completion                      the first wrong step, or that none is         nominal

A question is what one study (or import) asked in one form: on one scale, with the same options. Texts, and what was
declined, no program can compare. Control questions and items asked again are left out.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from accord.feedback.dataset.units import text_groups
from accord.feedback.dataset.views import is_evidence
from accord.feedback.statistics.alpha import Codes, Metric, ReliabilityData
from accord.records import Comparison, Evaluator, Feedback, Label, Ranking, Rating, Span, Spans, Steps

__all__ = ["Coding", "Codings", "counts_as_person"]

Key = tuple[str, str, Any]
TIE = 2.0
NO_STEP = -1.0


@dataclass(frozen=True)
class Coding:
    """The values that people gave when they were asked one thing.

    `study` is empty where none was recorded; `kind` is that of the judgement, `about` says what of it the values are
    (the ends of a scale, an option, a type of span). `people` are the evaluators' ids by their code in `data`, and
    `answer_N` says of which judgement each value is: how many were added before it.
    """

    study: str
    kind: str
    about: str
    metric: Metric
    data: ReliabilityData
    people: list[str]
    answer_N: Codes


def counts_as_person(evaluator: Evaluator | None) -> bool:
    """Whether agreement counts them: people, and those that are simulated; not models and rules."""
    return evaluator is None or evaluator.kind in {"person", "simulated"}


@dataclass
class _Rows:
    """Values of one question as they are gathered; units by the names of what they are of."""

    units: dict[tuple[str, ...], int] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    unit: "array[int]" = field(default_factory=lambda: array("q"))
    person: "array[int]" = field(default_factory=lambda: array("q"))
    answer: "array[int]" = field(default_factory=lambda: array("q"))
    values: list[Any] = field(default_factory=list)

    def add(self, unit: tuple[str, ...], person: str, value: object, answer: int) -> None:
        self.unit.append(self.units.setdefault(unit, len(self.units)))
        self.person.append(self.people.setdefault(person, len(self.people)))
        self.values.append(value)
        self.answer.append(answer)

    def data(self, values: Iterable[float], texts: Iterable[str] | None = None) -> ReliabilityData:
        """With these values, one a row; `texts` names the text of each unit (left out: each is one)."""
        unit_N, person_N = (np.array(column, dtype=np.int64) for column in (self.unit, self.person))
        names: dict[str, int] = {}
        of_unit = range(len(self.units)) if texts is None else [names.setdefault(text, len(names)) for text in texts]
        text_U = np.array(of_unit, dtype=np.int64)
        value_N = np.fromiter(values, np.float64, unit_N.size)
        return ReliabilityData(unit_N, person_N, text_U[unit_N], value_N, np.ones(unit_N.size))


class Codings:
    """Gathers judgements one by one (of what stands), and gives them back as a `Coding` a question.

    `lengths` holds the number of characters of each completion; a text that it lacks ends with its last span.
    """

    def __init__(self, evaluators: Mapping[str, Evaluator], lengths: Mapping[str, int] | None = None) -> None:
        self._evaluators = evaluators
        self._lengths = lengths or {}
        self._rows: dict[Key, _Rows] = {}
        self._added = 0

    def add(self, record: Feedback) -> None:
        """One judgement. Those of machines, control questions and items asked again say nothing here."""
        self._added += 1
        if not is_evidence(record) or not counts_as_person(self._evaluators.get(record.evaluator)):
            return
        match record.judgement:
            case Comparison(preferred=side):
                first, second = sorted(record.completions)
                better = {"tie": TIE, "left": 0.0, "right": 1.0}[side]
                turned = better != TIE and record.completions[0] == second
                self._add(record, None, (first, second), 1.0 - better if turned else better)
            case Ranking(tiers=tiers):
                shown = tuple(sorted(record.completions))
                for rank, tier in zip(_midranks(tiers), tiers, strict=True):
                    for place in tier:
                        self._add(record, len(shown), (record.completions[place], *shown), rank)
            case Rating(value=value, scale=scale):
                key = (scale.low, scale.high, scale.step is not None)
                self._add(record, key, record.completions, value)
            case Label(selected=selected, options=options):
                self._add(record, tuple(sorted(options)), record.completions, frozenset(selected))
            case Steps(first_wrong=first_wrong):
                value = NO_STEP if first_wrong is None else float(first_wrong)
                self._add(record, None, record.completions, value)
            case Spans(spans=spans):
                self._add(record, None, record.completions, spans)
            case _:
                pass

    def _add(self, record: Feedback, form: Any, unit: tuple[str, ...], value: object) -> None:
        key = (record.study or "", record.judgement.kind, form)
        self._rows.setdefault(key, _Rows()).add(unit, record.evaluator, value, self._added - 1)

    def codings(self) -> Iterator[Coding]:
        """Every question, in the order of its first answer; one of labels or spans may give several codings."""
        for (study, kind, form), rows in self._rows.items():
            people = list(rows.people)
            if kind == "spans":
                for about, metric, data, answer_N in self._spans(rows):
                    yield Coding(study, kind, about, metric, data, people, answer_N)
            for about, metric, data in self._coded(kind, form, rows):
                answer_N = np.resize(np.array(rows.answer, dtype=np.int64), data.unit_N.size)  # twice where mirrored
                yield Coding(study, kind, about, metric, data, people, answer_N)

    def _spans(self, rows: _Rows) -> Iterator[tuple[str, Metric, ReliabilityData, Codes]]:
        """Marked at all, and with each type where there are several: by stretches that nobody's span divides."""
        types = sorted({span.type for spans in rows.values for span in spans})
        yield "marked at all", "nominal", *_stretches(rows, self._lengths, None)
        for name in types if len(types) > 1 else ():
            yield name, "nominal", *_stretches(rows, self._lengths, name)

    def _coded(self, kind: str, form: Any, rows: _Rows) -> Iterator[tuple[str, Metric, ReliabilityData]]:
        match kind:
            case "comparison":
                data = rows.data(rows.values, text_groups(rows.units))
                swapped_N = np.where(data.value_N == TIE, TIE, 1.0 - data.value_N)
                yield "which of two is better", "nominal", data.mirrored(swapped_N)
            case "ranking":
                yield f"places of {form}", "ordinal", rows.data(rows.values, [" ".join(u[1:]) for u in rows.units])
            case "rating":
                low, high, stepped = form
                yield f"{low:g} to {high:g}", "ordinal" if stepped else "interval", rows.data(rows.values)
            case "label":
                yield from _labels(form, rows)
            case "steps":
                yield "first wrong step", "nominal", rows.data(rows.values)
            case _:
                pass


def _midranks(tiers: Iterable[tuple[int, ...]]) -> Iterator[float]:
    """The mean of the places that a tier takes, from 1 on."""
    before = 0
    for tier in tiers:
        yield before + (len(tier) + 1) / 2
        before += len(tier)


def _labels(options: tuple[str, ...], rows: _Rows) -> Iterator[tuple[str, Metric, ReliabilityData]]:
    """One coding where everybody selected one option; else one for each option, selected or not."""
    if all(len(selected) == 1 for selected in rows.values):
        place = {option: float(number) for number, option in enumerate(options)}
        yield f"one of {len(options)}", "nominal", rows.data(place[next(iter(selected))] for selected in rows.values)
        return
    for option in options:
        yield option, "nominal", rows.data(float(option in selected) for selected in rows.values)


def _stretches(rows: _Rows, lengths: Mapping[str, int], name: str | None) -> tuple[ReliabilityData, Codes]:
    """A unit for each stretch of a text between two ends of spans; it weighs as much as it has characters."""
    of_unit: dict[int, dict[int, tuple[int, list[Span]]]] = {}
    for unit, person, answer, spans in zip(rows.unit, rows.person, rows.answer, rows.values, strict=True):
        marks = [span for span in spans if name in {None, span.type}]
        of_unit.setdefault(unit, {}).setdefault(person, (answer, marks))
    columns: list[tuple[int, int, int, int, float, float]] = []
    stretches = 0
    for (text, *_), unit in rows.units.items():
        by_person = of_unit[unit]
        marks = [span for _, spans in by_person.values() for span in spans]
        end = max([lengths.get(text, 0), 1, *(span.end for span in marks)])
        for start, stop in pairwise(sorted({0, end, *(edge for span in marks for edge in (span.start, span.end))})):
            for person, (answer, spans) in by_person.items():
                marked = any(span.start <= start and stop <= span.end for span in spans)
                columns.append((stretches, person, unit, answer, float(marked), float(stop - start)))
            stretches += 1
    column_6N = np.array(columns, dtype=np.float64).reshape(-1, 6).T
    unit_N, person_N, text_N, answer_N = column_6N[:4].astype(np.int64)
    return ReliabilityData(unit_N, person_N, text_N, column_6N[4].copy(), column_6N[5].copy()), answer_N
