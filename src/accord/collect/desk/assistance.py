"""A machine's remarks beside items: laid out from a file or asked of a model, and for whom they are shown.

A remark is feedback of the machine in the ledger, about one completion. It is no answer to the study's question, so it
carries no study's name. An item's remarks by one assistant are shown together or not at all: a lot of person and item
decides, and the reservation keeps what it decided. Whoever judges is told that a machine wrote it, never which.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select, update

from accord.collect.assignment.lots import assistance
from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction, moment
from accord.collect.desk.tasks import Remark
from accord.collect.study.assist import read_remarks
from accord.collect.study.items import resolve
from accord.errors import ModelError
from accord.interfaces import Item
from accord.records import Assistance, Completion, Critique, Evaluator, Feedback, Prompt, Spans

__all__ = ["ask_assistant", "drawn_assistance", "lay_out_remarks", "remarks_of"]

ITEMS = tables.items
AT_ONCE = 4
FAILURES_IN_A_ROW = 3
SHOWN_ID = "+"  # between the ids of remarks in `Assistance.digest`


def lay_out_remarks(tx: Transaction) -> list[str]:
    """Enter the remarks of the study's file, and which items they are about; what is worth telling of it.

    Raises `StudyError` or `RecordError` that name file and line, `StorageError` where the file cannot be read.
    """
    assist = tx.study.assist
    if assist is None or assist.is_endpoint:
        return []
    path = Path(assist.by)
    remarks = list(_prepared(tx, path))
    for evaluator, feedback in remarks:
        tx.add(evaluator, feedback)
    by_completion: dict[str, list[Feedback]] = {}
    for _, feedback in remarks:
        by_completion.setdefault(feedback.completions[0], []).append(feedback)
    present: set[str] = set()
    for row in tx.execute(select(ITEMS).where(ITEMS.c.study == tx.study.name)).all():
        present |= by_completion.keys() & row.completions
        _keep(tx, row, [remark for name in row.completions for remark in by_completion.get(name, ())])
    if strangers := sum(len(about) for name, about in by_completion.items() if name not in present):
        return [f"{path.name}: {strangers} remarks are about completions of no item of this study; they are not shown"]
    return []


def _prepared(tx: Transaction, path: Path) -> Iterable[tuple[Evaluator, Feedback]]:
    assert tx.study.assist is not None
    lines = read_remarks(path)
    items = [line.item for _, line in lines]
    completions = tx.records(Completion, [name for item in items for name in item.completion_ids])
    prompts = tx.records(Prompt, [item.prompt_id for item in items if item.prompt_id])
    for (place, line), item_line in zip(lines, items, strict=True):
        item = resolve(place, item_line, prompts, completions)
        evaluator = Evaluator(kind="model", pseudonym=line.by or path.stem)
        judgement = line.judgement(tx.study.assist, item.completions[0], place)
        tx.add(item.prompt, *item.completions)
        yield evaluator, _record(evaluator, item.completions[0], judgement)


def _record(evaluator: Evaluator, completion: Completion, judgement: Critique | Spans, **more: Any) -> Feedback:
    return Feedback(
        evaluator=evaluator.id,
        prompt=completion.prompt,
        completions=(completion.id,),
        judgement=judgement,
        **more,
    )


def _keep(tx: Transaction, row: Row[Any], remarks: Sequence[Feedback]) -> None:
    """An item's remarks, by assistant in order of their ids; of two by one about one completion the first."""
    by_assistant: dict[str, dict[str, str]] = {}
    for remark in remarks:
        by_assistant.setdefault(remark.evaluator, {}).setdefault(remark.completions[0], remark.id)
    content = [{"by": by, "feedback": list(ids.values())} for by, ids in sorted(by_assistant.items())]
    tx.execute(update(ITEMS).where(ITEMS.c.id == row.id).values(remarks=content))


# -- a model ------------------------------------------------------------------------------------------------------


def ask_assistant(context: Context, only: str | None = None) -> None:
    """Ask the assistant, where one was handed in, about the items that it has said nothing of, or about one of them.

    What it says of an item is kept at once. Where it fails, the item has no remark until it is asked again, and
    whoever runs the study is told; several failures in a row end the asking.
    """
    assistant = context.assistant
    if assistant is None or context.study.assist is None:
        return
    with context.reading() as tx:
        query = select(ITEMS).where(ITEMS.c.study == context.study.name, ITEMS.c.purpose != "practice")
        query = query.where(ITEMS.c.remarks.is_(None), ITEMS.c.closed != "withdrawn")
        rows = tx.execute(query if only is None else query.where(ITEMS.c.id == only)).all()
        tasks = [(row, tx.prompt(row.prompt), tx.completions(row.completions)) for row in rows if row.completions]
    failures = 0
    for start in range(0, len(tasks), AT_ONCE):
        with ThreadPoolExecutor(AT_ONCE) as threads:
            answers = list(threads.map(lambda task: _asked(context, *task[1:]), tasks[start : start + AT_ONCE]))
        for (row, _, _), answer in zip(tasks[start : start + AT_ONCE], answers, strict=True):
            failures = failures + 1 if isinstance(answer, ModelError) else 0
            with context.writing() as tx:
                if isinstance(answer, ModelError):
                    tx.note("assistant", f"no remark on {row.id}: {answer}")
                else:
                    tx.add(assistant.evaluator, *answer)
                    _keep(tx, row, answer)
        if failures >= FAILURES_IN_A_ROW:
            return


def _asked(context: Context, prompt: Prompt, completions: Sequence[Completion]) -> list[Feedback] | ModelError:
    """What the assistant says of each completion by itself; nothing of those that it declines."""
    assert context.assistant is not None
    remarks = []
    for completion in completions:
        try:
            answer = context.assistant.answer(Item(prompt, (completion,)))
        except ModelError as error:
            return error
        if isinstance(answer.judgement, Critique | Spans):
            more = {"time": moment(context.now()), "usage": answer.usage}
            remarks.append(_record(context.assistant.evaluator, completion, answer.judgement, **more))
    return remarks


# -- for whom -----------------------------------------------------------------------------------------------------


def drawn_assistance(tx: Transaction, item: Row[Any], pseudonym: str) -> dict[str, Any] | None:
    """Whether a person sees the remarks on an item, and whose; None where there are none."""
    assist = tx.study.assist
    if assist is None or not item.remarks:
        return None
    place, shown = assistance(tx.seed, pseudonym, item.id, assistants=len(item.remarks), share=assist.share)
    remarks: Mapping[str, Any] = item.remarks[place]
    digest = SHOWN_ID.join(remarks["feedback"])
    return Assistance(kind=assist.kind, by=remarks["by"], shown=shown, digest=digest).model_dump(mode="json")


def remarks_of(tx: Transaction, reservation: Row[Any]) -> tuple[Remark, ...]:
    """The remarks that stand beside what a person has in their hands, in the order of the completions shown."""
    if reservation.assistance is None or not reservation.assistance["shown"]:
        return ()
    records = tx.records(Feedback, reservation.assistance["digest"].split(SHOWN_ID)).values()
    places = {name: place for place, name in enumerate(reservation.shown)}
    remarks = [
        Remark(places[record.completions[0]], record.judgement)
        for record in records
        if isinstance(record.judgement, Critique | Spans)
    ]
    return tuple(sorted(remarks, key=lambda remark: remark.place))
