"""Which model, from whose feedback, by whom, when and for what; where nobody said, that is said."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any

from accord.artefacts import DISCLOSURE, EVALUATION, EVALUATORS, METRICS, MODEL, DisclosureField, RunReader
from accord.report.disclosure.model_files import parameters
from accord.report.disclosure.privacy import Privacy
from accord.report.disclosure.records import Records
from accord.report.optional import goes_of, recipe_of, rows_of_file, seconds_of, summary_of
from accord.report.verdict import evaluators_in_words
from accord.report.words import count, duration, series

__all__ = ["Fact", "facts"]

NOBODY = "Nobody has said."
_KINDS = {
    "comparison": ("comparison of texts", "comparisons of texts"),
    "ranking": ("ranking", "rankings"),
    "rating": ("rating", "ratings"),
    "label": ("label", "labels"),
    "spans": ("text with marks in it", "texts with marks in them"),
    "steps": ("text judged step by step", "texts judged step by step"),
    "correction": ("correction", "corrections"),
    "critique": ("remark", "remarks"),
    "demonstration": ("example text", "example texts"),
    "declined": ("question left unanswered", "questions left unanswered"),
}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """A line of the first screen. `known` is false where the value says that it is not; `note` is who says so."""

    name: str
    value: str
    known: bool = True
    note: str = ""


def facts(reader: RunReader) -> list[Fact]:
    """In the order in which a reader asks. What people stated and signed is read from the run's own disclosure."""
    return [
        _model(reader),
        _whose(reader),
        _asked(reader),
        _stated(reader, "Trained by", "systemic.equity", "made_by"),
        _when(reader),
        _stated(reader, "Meant for", "systemic.risks", "purpose"),
    ]


def _model(reader: RunReader) -> Fact:
    if software := reader.run.manifest.made_by:
        return Fact("Model", f"One that was trained with {software}; its name is not recorded.", known=False)
    recipe = recipe_of(reader)
    stage = next((stage for stage in ("policy", "sft") if reader.has(MODEL, stage)), "")
    base = _base(recipe, ("policy", "sft")) or ("" if stage else _base(recipe, ("reward",)))
    if not stage and (reader.has(METRICS, "policy") or reader.has(EVALUATION)):
        name = base or "One whose name is not recorded"
        return Fact("Model", f"{name}; its files are not kept here.", known=bool(base))
    if not stage and not reader.has(MODEL, "reward"):
        return Fact("Model", "This run has trained none.", known=False)
    if not stage:
        of = f", built on {base}" if base else ""
        return Fact("Model", f"Only one that scores texts{of}. None that writes was trained.")
    size = parameters(Records(reader, Privacy()), stage)
    numbers = f", a language model of {_rounded(size.trained)} parameters" if size is not None else ""
    model = base or "A model whose name is not recorded"
    return Fact("Model", f"{model}{numbers}, trained further.", known=bool(base))


def _base(recipe: dict[str, Any], sections: tuple[str, ...]) -> str:
    """The name of the model that training started from; of a folder, its last part."""
    for name in sections:
        base = recipe.get(name, {}).get("base")
        if isinstance(base, str) and base:
            return PurePath(base).name if base.startswith(("/", ".", "~")) else base
    return ""


def _rounded(number: int) -> str:
    """`135 million`, `26,800`: a large number as it is said."""
    for unit, size in (("billion", 10**9), ("million", 10**6)):
        if number >= size:
            return f"{number / size:.3g} {unit}" if number < 1000 * size else f"{number // size:,} {unit}"
    return f"{number:,}"


def _whose(reader: RunReader) -> Fact:
    """How many answers of which kinds, by whom."""
    summary = summary_of(reader)
    who = evaluators_in_words(reader)
    if summary is None and who is None:
        return Fact("Learnt from", "Not recorded.", known=False)
    kinds = {} if summary is None or summary.feedback is None else summary.feedback
    parts = [count(number, *_KINDS.get(kind, (kind, kind))) for kind, number in kinds.items() if number]
    answers = series(parts) if parts else "Answers"
    simulated = any(one.kind == "simulated" for one in rows_of_file(reader, EVALUATORS))
    note = "Simulated evaluators are programs that stand for people." if simulated else ""
    if who is None:
        return Fact("Learnt from", f"{answers}; by whom is not recorded.", known=False)
    return Fact("Learnt from", f"{answers} by {who}.", note=note)


def _asked(reader: RunReader) -> Fact:
    summary = summary_of(reader)
    if summary is None or not summary.about:
        return Fact("What was asked", "Not recorded.", known=False)
    return Fact("What was asked", summary.about)


def _stated(reader: RunReader, name: str, item: str, question: str) -> Fact:
    """What a person stated of the run and signed, in their words."""
    field = _field(reader, item, question)
    if field is None or field.status != "complete":
        return Fact(name, NOBODY, known=False)
    signed = " ".join(
        filter(None, (f"Stated by {field.signed_by}", f"on {field.signed_on}" if field.signed_on else ""))
    )
    return Fact(name, field.value, note=f"{signed}.")


def _field(reader: RunReader, item: str, question: str) -> DisclosureField | None:
    if not reader.has(DISCLOSURE):
        return None
    for one in reader.value(DISCLOSURE).items:
        if one.name == item:
            return next((field for field in one.fields if field.name == question), None)
    return None


def _when(reader: RunReader) -> Fact:
    if software := reader.run.manifest.made_by:
        read = _day(reader.run.manifest.created)
        return Fact("When", f"Not recorded; the files of {software} were read on {read}.", known=False)
    seconds = sum(seconds_of(reader).values())
    took = f"; it took {duration(seconds)} of computing" if seconds else ""
    return Fact("When", f"{_day(reader.run.manifest.created)}{took}{''.join(_goes(reader))}.")


def _goes(reader: RunReader) -> Iterator[str]:
    most = max(goes_of(reader).values(), default=1)
    if most > 1:
        yield f", and was stopped and taken up again {count(most - 1, 'time')}"


def _day(created: str) -> str:
    """`30 November 2026`; what is no date stays as it is."""
    try:
        day = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
