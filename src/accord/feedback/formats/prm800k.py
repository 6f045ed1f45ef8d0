"""PRM800K (Lightman et al. 2023, Let's Verify Step by Step, arXiv 2305.20050): people's verdicts on steps of solutions.

    labeler, timestamp       who judged, and when (UTC)
    generation               the round of collection, where it is 0 or more
    question.problem         the prompt
    label.steps[]            completions[{text, rating}] are candidates for a step, chosen_completion the one that the
                             solution goes on with, human_completion a step that the labeler wrote instead
    label.total_time         milliseconds over the whole solution
    label.finish_reason      "bad_problem" and "give_up" decline the problem; what was labelled before them counts too

A rating of 1 is right, -1 wrong, 0 (neither wrong nor of any use) unsure, as is a step without one; a step that the
labeler wrote has none, and counts as right. The solution that was gone on with is one answer with a verdict on each
step. Each other candidate is an answer of its own, behind the steps before it, whose verdicts it repeats. The reference
answer, the solution made in advance and the marks of control questions (whose right answers are not in the file) are
not read.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

from accord.feedback.formats.inner_rows import inner_row, inner_rows
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.step_texts import Verdict, joined_steps, steps_of
from accord.feedback.provenance import is_known
from accord.records import Declined, Evaluator, Message, Prompt, Record, Steps

__all__ = ["FORMAT", "read", "write"]

NAME = "prm800k"
VERDICTS: dict[int | None, Verdict] = {1: "right", -1: "wrong", 0: "unsure", None: "unsure"}
RATINGS = {"right": 1, "wrong": -1, "unsure": 0}
DECLINED = ("bad_problem", "give_up")
FINISHED = ("solution", "found_error", *DECLINED)

JudgedStep = tuple[str, Verdict]


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one solution. Raises `RecordError` that names row and field."""
    (row,) = unit
    label = inner_row(row, "label")
    prompt = reading.prompt([Message(role="user", content=inner_row(row, "question").text("problem"))])
    labeler = reading.person(row.name("labeler")) if row.has("labeler") else None
    beside = _beside(row, label)
    yield prompt
    for steps in _solutions(label):
        answer, starts = joined_steps(label, "steps", [text for text, _ in steps])
        completion = reading.completion(prompt, answer, step_starts=starts)
        judgement = Steps(verdicts=tuple(verdict for _, verdict in steps))
        yield from reading.judged(row, prompt, (completion,), judgement, evaluator=labeler, **beside)
    reason = label.text("finish_reason") if label.has("finish_reason") else None
    if reason is not None and reason not in FINISHED:
        raise label.bad("finish_reason", f"{reason!r} is not one of {', '.join(FINISHED)}")
    if reason in DECLINED:
        yield from reading.judged(row, prompt, (), Declined(reason=reason), evaluator=labeler, **beside)


def _beside(row: SourceRow, label: SourceRow) -> dict[str, Any]:
    """When, for how long and in which round, as fields of the feedback."""
    fields: dict[str, Any] = {}
    if row.has("timestamp"):
        fields["time"] = row.time("timestamp")
    if label.has("total_time"):
        fields["seconds"] = label.number("total_time") / 1000
    if row.has("generation") and row.whole("generation") >= 0:
        fields["round"] = row.whole("generation")
    return fields


def _solutions(label: SourceRow) -> Iterator[list[JudgedStep]]:
    """The solution that was gone on with, and the others that end in a candidate which was not."""
    path: list[JudgedStep] = []
    steps = inner_rows(label, "steps")
    for number, step in enumerate(steps):
        rated = inner_rows(step, "completions") if step.has("completions") else []
        candidates = [_judged(candidate) for candidate in rated]
        chosen = _chosen(step, len(candidates))
        if not candidates and not step.has("human_completion"):
            raise step.bad("completions", "expected at least one, or a human_completion")
        yield from ([*path, candidate] for place, candidate in enumerate(candidates) if place != chosen)
        if chosen is not None:
            path = [*path, candidates[chosen]]
        elif step.has("human_completion"):
            path = [*path, (_written(step), "right")]
        elif number < len(steps) - 1:
            raise step.bad("chosen_completion", "null, but steps follow it")
        else:
            return
    if path:
        yield path


def _chosen(step: SourceRow, candidates: int) -> int | None:
    if not step.has("chosen_completion"):
        return 0 if candidates == 1 and not step.has("human_completion") else None
    place = step.whole("chosen_completion")
    if not 0 <= place < candidates:
        raise step.bad("chosen_completion", f"{place}, but there are {candidates} completions")
    return place


def _judged(candidate: SourceRow) -> JudgedStep:
    rating = candidate.whole("rating") if candidate.has("rating") else None
    if rating not in VERDICTS:
        raise candidate.bad("rating", f"{rating} is not one of -1, 0, 1")
    return candidate.text("text"), VERDICTS[rating]


def _written(step: SourceRow) -> str:
    """A step that the labeler wrote: its text, bare or in an object."""
    value = step.value("human_completion")
    return step.text("human_completion") if isinstance(value, str) else inner_row(step, "human_completion").text("text")


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A row an answer; every step has one candidate, which is chosen."""
    for item in outgoing.judged():
        problem = _problem(item.prompt)
        label = None if problem is None else _label(item)
        if label is None:
            outgoing.lose("verdicts on what has no steps" if problem is not None else "prompts that are conversations")
            continue
        feedback = item.feedback
        yield {
            "labeler": _labeler(item.evaluator, outgoing),
            "timestamp": None if feedback.time is None else feedback.time.astimezone(UTC).isoformat(),
            "generation": feedback.round,
            "question": {"problem": problem},
            "label": label | {"total_time": None if feedback.seconds is None else round(feedback.seconds * 1000, 3)},
        }


def _labeler(who: Evaluator, outgoing: Outgoing) -> str | None:
    """The person who judged; None, and counted, for a model or a program, which the rows would make a person."""
    if who.kind == "person":
        return outgoing.pseudonym(who, NAME)
    outgoing.lose("that an evaluator is no person")
    if is_known(who):
        outgoing.lose("evaluator")
    return None


def _problem(prompt: Prompt) -> str | None:
    (first, *rest) = prompt.messages
    return first.content if not rest and first.role == "user" and first.plain else None


def _label(item: JudgedItem) -> dict[str, Any] | None:
    """What was said of a solution, or that the problem was declined; None where there is no way to write it."""
    judgement = item.feedback.judgement
    if isinstance(judgement, Declined):
        reason = judgement.reason if judgement.reason in DECLINED else None
        return {"steps": [], "finish_reason": reason} if reason and not item.completions else None
    texts = steps_of(item.completions[0])
    if not isinstance(judgement, Steps) or texts is None or len(texts) != len(judgement.verdicts):
        return None
    steps = [
        {
            "completions": [{"text": text, "rating": RATINGS[verdict], "flagged": None}],
            "human_completion": None,
            "chosen_completion": 0,
        }
        for text, verdict in zip(texts, judgement.verdicts, strict=True)
    ]
    return {"steps": steps, "finish_reason": None}


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    labels = [row.get("label") for row in rows]
    fits = all(isinstance(label, dict) and "steps" in label for label in labels) and all("question" in r for r in rows)
    return "steps and their ratings under label" if fits else None


FORMAT = Format(
    NAME,
    "people's verdicts on each step of solutions (PRM800K)",
    frozenset({"steps", "declined"}),
    columns=frozenset({"labeler", "timestamp", "generation", "question", "label"}),
    recognises=_recognises,
    read=read,
    write=write,
    keeps=frozenset({"evaluator", "time", "seconds", "round", "step starts"}),
)
