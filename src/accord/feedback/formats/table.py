"""Any table whose columns have these names, as they stand or by a mapping; a row may hold several judgements.

    prompt, system, history, context, images what was asked, in all its parts
    left, right, winner                      a comparison in the order shown; winner: left, right or tie; or instead
      winner_left, winner_right                two columns of which the winner's is true; where neither is, a tie
    chosen, rejected, tie                    a comparison whose order is not known; scores and writers beside it as
                                             `trl_preference` reads them: equal scores are a tie, others may not
                                             contradict what is chosen
    completion, writer                       an answer, with any of:
      rating, scale_low, scale_high            a number on a scale (`--scale 1 5` where the file does not say)
      label, options                           a label or a list of them (`--options good bad` likewise)
      correction, critique                     the answer as it should be; what is to be said of it
    demonstration                            what the evaluator would answer

Both texts and lists of messages are read. The columns that all formats share say who judged, and when.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from accord.feedback.formats.answer_pairs import AnswerPair
from accord.feedback.formats.conversations import Answer, answer_of, without_prompt
from accord.feedback.formats.reading import PROMPT_COLUMNS, Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.stated_pairs import PAIR_COLUMNS, pair_records
from accord.records import Completion, Correction, Critique, Demonstration, Prompt, Record, Scale

__all__ = ["FORMAT", "SIDES"]

Side = Literal["left", "right", "tie"]
SIDES: dict[str, Side] = {
    **dict.fromkeys(("left", "a", "first", "model_a", "response_a", "answer_a", "output_a", "option_a"), "left"),
    **dict.fromkeys(("right", "b", "second", "model_b", "response_b", "answer_b", "output_b", "option_b"), "right"),
    **dict.fromkeys(
        ("tie", "draw", "equal", "same", "both", "neither", "both_bad", "tie (bothbad)", "no preference"), "tie"
    ),
}
SINGLE = ("rating", "label", "correction", "critique")


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of a row. Raises `RecordError` that names row and column, also where nothing was judged."""
    (row,) = unit
    prompt = reading.prompt_of(row)
    records = [*_comparisons(row, prompt, reading), *_of_one(row, prompt, reading)]
    if row.has("demonstration"):
        records += reading.judged(row, prompt, (), Demonstration(text=row.text("demonstration")))
    if not records:
        raise row.bad("", f"nothing is judged: neither chosen, winner, demonstration nor {', '.join(SINGLE)}")
    yield from records


def _comparisons(row: SourceRow, prompt: Prompt, reading: Reading) -> Iterator[Record]:
    if row.has("winner") or row.has("winner_left"):
        left, right = (_completion(row, column, prompt, reading) for column in ("left", "right"))
        yield from reading.compared(row, prompt, left, right, _winner(row))
    if row.has("chosen") or row.has("rejected"):
        pair = AnswerPair(prompt.messages, *(_answer(row, column, prompt) for column in ("chosen", "rejected")))
        yield from pair_records(row, reading, prompt, pair)


def _of_one(row: SourceRow, prompt: Prompt, reading: Reading) -> Iterator[Record]:
    """What is said of one answer alone."""
    if not any(map(row.has, SINGLE)):
        return
    answer = _completion(row, "completion", prompt, reading)
    if row.has("rating"):
        yield from reading.rated(row, prompt, answer, row.number("rating"), _scale(row, reading))
    if row.has("label"):
        yield from reading.labelled(row, prompt, answer, _labels(row, "label"), _options(row, reading))
    if row.has("correction"):
        yield from reading.judged(row, prompt, (answer,), Correction(text=row.text("correction")))
    if row.has("critique"):
        yield from reading.judged(row, prompt, (answer,), Critique(text=row.text("critique")))


def _completion(row: SourceRow, column: str, prompt: Prompt, reading: Reading) -> Completion:
    writer = row.name("writer") if column == "completion" and row.has("writer") else None
    return reading.completion(prompt, _answer(row, column, prompt), writer=writer)


def _answer(row: SourceRow, column: str, prompt: Prompt) -> Answer:
    messages = without_prompt(row.messages(column, role="assistant"), prompt.messages)
    return answer_of(messages, f"{row.place} {column}")


def _winner(row: SourceRow) -> Side:
    if not row.has("winner"):
        left, right = row.truth("winner_left"), row.truth("winner_right")
        if left and right:
            raise row.bad("winner_right", "true, as winner_left is: both cannot win")
        return "left" if left else "right" if right else "tie"
    word = row.name("winner").lower()
    if word not in SIDES:
        raise row.bad(
            "winner",
            f"{word!r} is none of left, right, tie; say what it stands for: "
            f'[import.values.winner] "{word}" = "left" in SOURCE.import.toml',
        )
    return SIDES[word]


def _scale(row: SourceRow, reading: Reading) -> Scale:
    if row.has("scale_low") and row.has("scale_high"):
        low, high = row.number("scale_low"), row.number("scale_high")
        if low >= high:
            raise row.bad("scale_low", f"{low:g} is not below scale_high, {high:g}")
        return Scale(low=low, high=high)
    if reading.settings.scale is None:
        raise row.bad("rating", "on which scale is not said; say it: --scale LOW HIGH, or scale_low and scale_high")
    return reading.settings.scale


def _options(row: SourceRow, reading: Reading) -> Sequence[str]:
    options = _labels(row, "options") if row.has("options") else reading.settings.options
    if not options:
        raise row.bad("label", "which labels were offered is not said: --options NAME NAME, or a column options")
    return options


def _labels(row: SourceRow, column: str) -> list[str]:
    value = row.structure(column)
    names = value if isinstance(value, list | tuple) else [value]
    return [SourceRow(row.place, {column: name}).name(column) for name in names]


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    sides = ("left", "right")
    of_two = [(*sides, "winner"), (*sides, "winner_left", "winner_right"), ("chosen", "rejected")]
    shapes = [*of_two, ("demonstration",), *(("completion", name) for name in SINGLE)]
    shapes_met = [shape for shape in shapes if all({"prompt", *shape} <= row.keys() for row in rows)]
    return "the columns " + ", ".join(f"`{name}`" for name in ("prompt", *shapes_met[0])) if shapes_met else None


FORMAT = Format(
    "table",
    "any table by a mapping: comparisons, ratings, labels, corrections, critiques, demonstrations",
    frozenset({"comparison", "rating", "label", "correction", "critique", "demonstration"}),
    columns=PROMPT_COLUMNS
    | PAIR_COLUMNS
    | {"left", "right", "winner", "winner_left", "winner_right", "chosen", "rejected", "completion", "writer", *SINGLE}
    | {"scale_low", "scale_high", "options", "demonstration"},
    recognises=_recognises,
    read=read,
    fallback=True,
)
