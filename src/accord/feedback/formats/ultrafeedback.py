"""UltraFeedback as it was published (Cui et al. 2023, arXiv 2310.01377): several answers, each rated by a model.

    instruction                       a text, the prompt; `source` is kept in the prompt's source, `<source>/<part>`
    completions                       a list, and of each one
      model, response                 who wrote it, and the text
      annotations                     of each aspect (`helpfulness`, `honesty`, `instruction_following`, `truthfulness`)
                                      `Rating`, on the scale 1..5 of the study `<source>.<aspect>` ("N/A" is none), and
                                      `Rationale`, a critique of the same study
      overall_score                   a rating on the scale 1..10, of the study `<source>.overall`
      critique                        a critique of the same study

Who judged is not in the rows: a model that they do not name. `fine-grained_score` is the mean of the four ratings,
`custom_system_prompt` and `principle` are what each writer was told beside the instruction; none of them is kept, and
since they stand within a column that is read, that is not told at import.
Written are the same columns.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accord.feedback.formats.conversations import Answer, messages_of
from accord.feedback.formats.inner_rows import inner_row, inner_rows
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.studies import aspect_of, aspect_study
from accord.feedback.formats.subsets import prompt_of_subset, subset_of
from accord.feedback.formats.written_columns import KEPT_COLUMNS, common_columns, single_text
from accord.feedback.provenance import unknown_model
from accord.records import Completion, Critique, Prompt, Rating, Record, Scale

__all__ = ["FORMAT"]

NAME = "ultrafeedback"
ASPECTS = ("helpfulness", "honesty", "instruction_following", "truthfulness")
SCALE = Scale(low=1, high=5, step=1)
OVERALL = "overall"
OVERALL_SCALE = Scale(low=1, high=10)


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The ratings and critiques of all answers to one instruction. Raises `RecordError` that names row and column."""
    (row,) = unit
    messages = messages_of(row.text("instruction"), f"{row.place} instruction")
    prompt = prompt_of_subset(reading, messages, row.name("source") if row.has("source") else None)
    for answer in inner_rows(row, "completions"):
        writer = answer.name("model") if answer.has("model") else None
        completion = reading.completion(prompt, Answer(answer.text("response")), writer=writer)
        yield from _judgements(row, answer, reading, prompt, completion)


def _judgements(
    row: SourceRow, answer: SourceRow, reading: Reading, prompt: Prompt, completion: Completion
) -> Iterator[Record]:
    judge = unknown_model(reading.source)
    annotations = inner_row(answer, "annotations") if answer.has("annotations") else SourceRow(answer.place, {})
    parts = [
        (inner_row(annotations, aspect), "Rating", "Rationale", aspect, SCALE)
        for aspect in ASPECTS
        if annotations.has(aspect)
    ]
    parts.append((answer, "overall_score", "critique", OVERALL, OVERALL_SCALE))
    for part, rating, text, aspect, scale in parts:
        study = aspect_study(row, reading, aspect)
        if part.has(rating) and part.content[rating] != "N/A":
            value = _on_scale(part, rating, scale)
            yield from reading.judged(
                row, prompt, (completion,), Rating(value=value, scale=scale), evaluator=judge, study=study
            )
        if part.has(text):
            critique = Critique(text=part.text(text))
            yield from reading.judged(row, prompt, (completion,), critique, evaluator=judge, study=study)


def _on_scale(part: SourceRow, column: str, scale: Scale) -> float:
    value = part.number(column)
    if not scale.low <= value <= scale.high:
        raise part.bad(column, f"{value:g} is not on the scale {scale.low:g}..{scale.high:g}")
    return value


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A row for each instruction and evaluator; what somebody said of an answer a second time is in a further row."""
    for prompt, items in outgoing.by_prompt():
        rows: list[_Row] = []
        for item in items:
            text = single_text(prompt, item.completions, outgoing)
            aspect = None if text is None else _aspect(item, outgoing)
            if text is not None and aspect is not None:
                columns = common_columns(item, outgoing, NAME, study=aspect_of(item.feedback)[0])
                fitting = (row for row in rows if row.columns == columns and row.put(item, aspect))
                if next(fitting, None) is None:
                    rows.append(_Row(text, columns))
                    rows[-1].put(item, aspect)
        yield from (row.content(prompt) for row in rows)


@dataclass
class _Row:
    """A row to write: an instruction, the common columns, and for each answer its ratings and critiques by aspect."""

    instruction: str
    columns: dict[str, Any]
    answers: dict[str, Completion] = field(default_factory=dict)
    ratings: dict[tuple[str, str], float] = field(default_factory=dict)
    critiques: dict[tuple[str, str], str] = field(default_factory=dict)

    def put(self, item: JudgedItem, aspect: str) -> bool:
        """Take a judgement in; False where its place is taken."""
        answer, judgement = item.completions[0], item.feedback.judgement
        key = (answer.id, aspect)
        taken = self.ratings if isinstance(judgement, Rating) else self.critiques
        if key in taken:
            return False
        self.answers.setdefault(answer.id, answer)
        if isinstance(judgement, Rating):
            self.ratings[key] = judgement.value
        elif isinstance(judgement, Critique):
            self.critiques[key] = judgement.text
        return True

    def content(self, prompt: Prompt) -> dict[str, Any]:
        return {
            "source": subset_of(prompt, NAME),
            "instruction": self.instruction,
            "completions": [self._answer(answer) for answer in self.answers.values()],
            **self.columns,
        }

    def _answer(self, answer: Completion) -> dict[str, Any]:
        annotations = {
            aspect: {"Rating": _written(self.ratings.get((answer.id, aspect))), "Rationale": critique}
            for aspect in ASPECTS
            for critique in (self.critiques.get((answer.id, aspect)),)
        }
        overall = (answer.id, OVERALL)
        return {
            "model": answer.writer,
            "response": answer.text,
            "annotations": annotations,
            "overall_score": self.ratings.get(overall),
            "critique": self.critiques.get(overall),
        }


def _aspect(item: JudgedItem, outgoing: Outgoing) -> str | None:
    """Of which aspect a judgement is; None, and counted as lost, where it is of none or on another scale."""
    aspect, judgement = aspect_of(item.feedback)[1], item.feedback.judgement
    scale = OVERALL_SCALE if aspect == OVERALL else SCALE
    if aspect not in (*ASPECTS, OVERALL) or (isinstance(judgement, Rating) and judgement.scale != scale):
        outgoing.lose("judgements of none of its aspects")
        return None
    if isinstance(judgement, Critique) and (judgement.start is not None or judgement.end is not None):
        outgoing.lose("places of critiques")
    return aspect


def _written(rating: float | None) -> str:
    """A rating of an aspect as the published rows have it: a text, "N/A" where there is none."""
    if rating is None:
        return "N/A"
    return str(int(rating)) if rating == int(rating) else repr(rating)


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Columns instruction and completions, the latter with a response each."""
    completions = rows[0].get("completions")
    first = completions[0] if isinstance(completions, list) and completions else None
    if "instruction" in rows[0] and isinstance(first, dict) and "response" in first:
        return "columns instruction and completions with a response each"
    return None


FORMAT = Format(
    NAME,
    "several answers to an instruction, each rated and criticised by a model for four aspects and as a whole",
    frozenset({"rating", "critique"}),
    columns=frozenset({"instruction", "completions", "source"}),
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | {"writer"},
)
