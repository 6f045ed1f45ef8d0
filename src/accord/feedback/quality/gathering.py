"""One pass over the records of a ledger: what stands, as columns and opinions; no judgement is held in memory."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from accord.errors import RecordError, nearest
from accord.feedback.provenance import is_known
from accord.feedback.quality.answers import AnswerCollector, Answers, written_text
from accord.feedback.statistics.codings import Coding, Codings, counts_as_person
from accord.feedback.statistics.preferences import PreferenceCollector, Preferences
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.stored_records import StoredRecords
from accord.records import Completion, Demonstration, Evaluator, Feedback, Prompt, Record

__all__ = ["Gathered", "WrittenAnswer", "gather"]

MOST_SAMPLED = 20_000  # texts that models wrote, to learn how they write


@dataclass(frozen=True)
class WrittenAnswer:
    """A demonstration by a person: its text, who wrote it, and its row among the answers."""

    text: str
    evaluator: str
    row: int


@dataclass(frozen=True)
class Gathered:
    """What stands in a ledger (of one study).

    `taken_back` and `unknown` count judgements that were left out: taken back by a later one, and of nobody in
    particular. `assisted` are those beside which a machine made a remark, `sampled` texts that models surely
    wrote (they say how they were sampled), of many the first `MOST_SAMPLED`.
    """

    evaluators: Mapping[str, Evaluator]
    prompts: Mapping[str, Prompt]
    completions: Mapping[str, Completion]
    sampled: list[str]
    answers: Answers
    codings: list[Coding]
    preferences: Preferences
    written: list[WrittenAnswer]
    assisted: list[Feedback]
    kinds: Mapping[str, int]
    taken_back: int
    unknown: int


def gather(source: Ledger | Iterable[Record], *, study: str | None = None, upto: int | None = None) -> Gathered:
    """From a ledger (its feedback up to row `upto`), or from records in any order.

    Raises `RecordError` where the ledger holds nothing of the study.
    """
    if isinstance(source, Ledger):
        last = source.last_row if upto is None else upto
        earlier = source.asked_again(last)
        gathering = _Gathering(study, source.replaced(last), earlier)
        gathering.extend(source.records(last))
        gathering.prompts = StoredRecords.of(source, Prompt)
        gathering.completions = StoredRecords.of(source, Completion)
    else:
        records = list(source)
        feedback = [record for record in records if isinstance(record, Feedback)]
        replaced = {record.replaces for record in feedback if record.replaces is not None}
        gathering = _Gathering(study, replaced, {record.id: record for record in feedback})
        gathering.extend(_named_first(records))
        gathering.prompts = {record.id: record for record in records if isinstance(record, Prompt)}
        gathering.completions = {record.id: record for record in records if isinstance(record, Completion)}
    return gathering.done()


def _named_first(records: list[Record]) -> Iterator[Record]:
    for feedback in (False, True):
        yield from (record for record in records if isinstance(record, Feedback) is feedback)


@dataclass(frozen=True)
class _Numbers(Mapping[str, int]):
    """A number by name; several columns share the places of the names."""

    places: dict[str, int]
    numbers: "array[int]" = field(default_factory=lambda: array("q"))

    def __getitem__(self, name: str) -> int:
        return self.numbers[self.places[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


@dataclass
class _Gathering:
    study: str | None
    replaced: set[str]
    earlier: Mapping[str, Feedback]
    evaluators: dict[str, Evaluator] = field(default_factory=dict)
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    completions: Mapping[str, Completion] = field(default_factory=dict)
    sampled: list[str] = field(default_factory=list)
    kinds: "Counter[str]" = field(default_factory=Counter)
    studies: set[str] = field(default_factory=set)
    taken_back: int = 0
    unknown: int = 0

    def __post_init__(self) -> None:
        self.places: dict[str, int] = {}  # of completions
        self.words, self.lengths = _Numbers(self.places), _Numbers(self.places)
        current = {name: record for name, record in self.earlier.items() if name not in self.replaced}
        self.answers = AnswerCollector(self.words, current)
        self.codings = Codings(self.evaluators, self.lengths)
        self.preferences = PreferenceCollector()
        self.written: list[WrittenAnswer] = []
        self.assisted: list[Feedback] = []

    def extend(self, records: Iterable[Record]) -> None:
        for record in records:
            match record:
                case Completion():
                    is_sampled = record.token_ids is not None or record.sampling is not None
                    if is_sampled and len(self.sampled) < MOST_SAMPLED:
                        self.sampled.append(record.text)
                    if self.places.setdefault(record.id, len(self.places)) == len(self.words.numbers):
                        self.words.numbers.append(len(record.text.split()))
                        self.lengths.numbers.append(len(record.text))
                case Evaluator():
                    self.evaluators[record.id] = record
                case Feedback():
                    self._judgement(record)
                case _:
                    pass

    def _judgement(self, record: Feedback) -> None:
        if record.study is not None:
            self.studies.add(record.study)
        if self.study is not None and record.study != self.study:
            return
        if record.id in self.replaced:
            self.taken_back += 1
        elif not is_known(self.evaluators[record.evaluator]):
            self.unknown += 1
        else:
            self._standing(record)

    def _standing(self, record: Feedback) -> None:
        text = written_text(record.judgement)
        by_person = counts_as_person(self.evaluators[record.evaluator])
        if by_person and text is not None and isinstance(record.judgement, Demonstration):
            self.written.append(WrittenAnswer(text, record.evaluator, self.kinds.total()))
        if record.assistance is not None:
            self.assisted.append(record)
        self.kinds[record.judgement.kind] += 1
        self.answers.add(record)
        self.codings.add(record)
        self.preferences.add(record)

    def done(self) -> Gathered:
        if self.study is not None and self.study not in self.studies:
            known = nearest(self.study, sorted(self.studies)) if self.studies else "; it holds no study"
            raise RecordError(f"the ledger holds nothing of the study {self.study!r}{known}")
        return Gathered(
            self.evaluators,
            self.prompts,
            self.completions,
            self.sampled,
            self.answers.answers(),
            list(self.codings.codings()),
            self.preferences.preferences(),
            self.written,
            self.assisted,
            dict(self.kinds),
            self.taken_back,
            self.unknown,
        )
