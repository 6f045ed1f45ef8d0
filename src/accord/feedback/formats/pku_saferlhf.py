"""PKU-SafeRLHF (Ji et al. 2024, arXiv 2406.15513): which of two answers is better, which is safer, how safe each is.

    prompt, response_0, response_1    texts; `prompt_source` is kept in the prompt's source, `<source>/<part>`
    response_0_source, ...            who wrote them; digests of the texts (`response_0_sha256`, ...) are passed over
    better_response_id                0 or 1: a comparison of the study `<source>.helpfulness`
    safer_response_id                 0 or 1: a comparison of the study `<source>.safety`
    is_response_0_safe, ...           a label, `safe` or `unsafe`, of the study `<source>.safe`
    response_0_harm_category, ...     names with true or false: a label of the study `<source>.harm`
    response_0_severity_level, ...    a rating on the scale 0..3 of the study `<source>.severity`

A row in which the safer answer is unsafe and the other one safe contradicts itself and is refused. Who judged is not in
the data, nor in which order. Written is a row for each pair and evaluator; ties are not, and labels and ratings only
beside a pair.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accord.feedback.formats.conversations import Answer, messages_of
from accord.feedback.formats.numbered_sides import Winner, numbered_pair
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.studies import aspect_of, aspect_study
from accord.feedback.formats.subsets import prompt_of_subset, subset_of
from accord.feedback.formats.written_columns import KEPT_COLUMNS, common_columns, single_text
from accord.records import Comparison, Completion, Label, Prompt, Rating, Record, Scale

__all__ = ["FORMAT"]

NAME = "pku_saferlhf"
CHOICES = {"helpfulness": "better_response_id", "safety": "safer_response_id"}
SAFE, HARM, SEVERITY = "is_response_{}_safe", "response_{}_harm_category", "response_{}_severity_level"
WRITER = "response_{}_source"
SAFETY = ("safe", "unsafe")
SCALE = Scale(low=0, high=3, step=1)


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """Both choices of a row and what it says of each answer. Raises `RecordError` that names row and column."""
    (row,) = unit
    messages = messages_of(row.text("prompt"), f"{row.place} prompt")
    prompt = prompt_of_subset(reading, messages, row.name("prompt_source") if row.has("prompt_source") else None)
    first, second = _answer(row, reading, prompt, 0), _answer(row, reading, prompt, 1)
    if first.text == second.text:
        raise row.bad("response_1", "the same as response_0, so it is no comparison")
    for aspect, column in CHOICES.items():
        if row.has(column):
            winner = _winner(row, column)
            study = aspect_study(row, reading, aspect)
            yield from numbered_pair(row, reading, prompt, (first, second), winner, study=study)
    for number, completion in enumerate((first, second)):
        yield from _about(row, reading, prompt, completion, number)


def _answer(row: SourceRow, reading: Reading, prompt: Prompt, number: int) -> Completion:
    column = WRITER.format(number)
    writer = row.name(column) if row.has(column) else None
    return reading.completion(prompt, Answer(row.text(f"response_{number}")), writer=writer)


def _winner(row: SourceRow, column: str) -> Winner:
    winner = row.whole(column)
    if winner not in (0, 1):
        raise row.bad(column, f"{winner} is neither 0 nor 1")
    is_safe = {column: row.truth(column) for column in (SAFE.format(0), SAFE.format(1)) if row.has(column)}
    if column == CHOICES["safety"] and _contradicts(is_safe | {column: winner}):
        raise row.bad(column, f"names response_{winner}, which the row calls unsafe, and the other one is safe")
    return 0 if winner == 0 else 1


def _about(row: SourceRow, reading: Reading, prompt: Prompt, completion: Completion, number: int) -> Iterator[Record]:
    """What a row says of one answer."""
    safe, harm, severity = (column.format(number) for column in (SAFE, HARM, SEVERITY))
    if row.has(safe):
        selected = [SAFETY[0] if row.truth(safe) else SAFETY[1]]
        study = aspect_study(row, reading, "safe")
        yield from reading.labelled(row, prompt, completion, selected, SAFETY, column=safe, study=study)
    if row.has(harm) and (categories := row.mapping(harm)):
        harms = SourceRow(f"{row.place} {harm}", categories)
        selected = [name for name in categories if harms.truth(name)]
        study = aspect_study(row, reading, "harm")
        yield from reading.labelled(row, prompt, completion, selected, list(categories), column=harm, study=study)
    if row.has(severity):
        study = aspect_study(row, reading, "severity")
        yield from reading.rated(row, prompt, completion, row.whole(severity), SCALE, column=severity, study=study)


@dataclass
class _Row:
    """A row to write: a pair, the common columns, the winner by aspect, and what was said of each answer."""

    answers: tuple[Completion, Completion]
    columns: dict[str, Any]
    winners: dict[str, str] = field(default_factory=dict)
    about: dict[tuple[str, str], Label | Rating] = field(default_factory=dict)

    @property
    def evaluator(self) -> dict[str, Any]:
        """The common columns but the strength, which single answers have none of."""
        return {name: value for name, value in self.columns.items() if name != "strength"}

    def content(self, prompt: Prompt, outgoing: Outgoing) -> dict[str, Any]:
        names = [answer.id for answer in self.answers]
        row: dict[str, Any] = {"prompt": prompt.text, "prompt_source": subset_of(prompt, NAME)}
        row |= {f"response_{number}": answer.text for number, answer in enumerate(self.answers)}
        row |= {WRITER.format(number): answer.writer for number, answer in enumerate(self.answers)}
        row |= {CHOICES[aspect]: names.index(winner) for aspect, winner in self.winners.items()}
        for number, name in enumerate(names):
            for aspect, column in (("safe", SAFE), ("harm", HARM), ("severity", SEVERITY)):
                if judgement := self.about.get((name, aspect)):
                    row[column.format(number)] = _written(judgement)
        if _contradicts(row):
            outgoing.lose("labels that contradict a choice", 2)
            row = {name: value for name, value in row.items() if name not in {SAFE.format(0), SAFE.format(1)}}
        return row | self.columns


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A row for each pair and evaluator; what was said a second time is in a further row."""
    for prompt, items in outgoing.by_prompt():
        rows: list[_Row] = []
        single_texts = [item for item in items if single_text(prompt, item.completions, outgoing) is not None]
        for item in single_texts:
            if isinstance(item.feedback.judgement, Comparison):
                _add_choice(rows, item, item.feedback.judgement, outgoing)
        for item in single_texts:
            if isinstance(item.feedback.judgement, Label | Rating):
                _add_about(rows, item, item.feedback.judgement, outgoing)
        yield from (row.content(prompt, outgoing) for row in rows)


def _add_choice(rows: list[_Row], item: JudgedItem, judgement: Comparison, outgoing: Outgoing) -> None:
    study, aspect = aspect_of(item.feedback)
    if aspect not in CHOICES or judgement.preferred == "tie":
        outgoing.lose("ties" if judgement.preferred == "tie" else "comparisons of neither aspect")
        return
    columns = common_columns(item, outgoing, NAME, study=study)
    names = {answer.id for answer in item.completions}
    for row in rows:
        if row.columns == columns and {answer.id for answer in row.answers} == names and aspect not in row.winners:
            break
    else:
        first, second = item.completions
        row = _Row((first, second), columns)
        rows.append(row)
    row.winners[aspect] = item.completions[0 if judgement.preferred == "left" else 1].id


def _add_about(rows: list[_Row], item: JudgedItem, judgement: Label | Rating, outgoing: Outgoing) -> None:
    study, aspect = aspect_of(item.feedback)
    if not _fits(aspect, judgement):
        outgoing.lose("judgements of none of its aspects")
        return
    answer = item.completions[0]
    columns = common_columns(item, outgoing, NAME, study=study)
    pairs = [row for row in rows if answer.id in {each.id for each in row.answers}]
    if not pairs:
        outgoing.lose("judgements of answers that were never compared")
        return
    key = (answer.id, aspect)
    row = next((row for row in pairs if row.evaluator == columns and key not in row.about), None)
    if row is None:
        row = _Row(pairs[0].answers, columns)
        rows.append(row)
    row.about[key] = judgement


def _fits(aspect: str, judgement: Label | Rating) -> bool:
    match judgement:
        case Rating(value=value, scale=scale):
            return aspect == "severity" and scale == SCALE and value == int(value)
        case Label(selected=selected, options=options):
            return aspect == "harm" or (aspect == "safe" and options == SAFETY and len(selected) == 1)


def _written(judgement: Label | Rating) -> object:
    match judgement:
        case Rating(value=value):
            return int(value)
        case Label(selected=selected, options=options) if options == SAFETY:
            return SAFETY[0] in selected
        case Label(selected=selected, options=options):
            return {name: name in selected for name in options}


def _contradicts(row: Mapping[str, Any]) -> bool:
    """Whether a row calls the answer safer that it calls unsafe, and the other one safe."""
    safer = row.get(CHOICES["safety"])
    return safer is not None and (row.get(SAFE.format(safer)), row.get(SAFE.format(1 - safer))) == (False, True)


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Columns response_0, response_1 and a choice."""
    columns = set(rows[0])
    if {"prompt", "response_0", "response_1"} <= columns and columns & set(CHOICES.values()):
        return "columns response_0, response_1 and " + " and ".join(sorted(columns & set(CHOICES.values())))
    return None


FORMAT = Format(
    NAME,
    "two answers, which of them is better and which is safer, and how safe each is (PKU-SafeRLHF)",
    frozenset({"comparison", "label", "rating"}),
    columns=frozenset(
        {"prompt", "prompt_source", *CHOICES.values()}
        | {f"response_{number}{end}" for number in (0, 1) for end in ("", "_sha256")}
        | {column.format(number) for number in (0, 1) for column in (SAFE, HARM, SEVERITY, WRITER)}
    ),
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | {"writer"},
)
