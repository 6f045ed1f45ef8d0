"""A study of several questions: asked in turn or on one page, whole in the ledger or not there at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_desks import Clock, join, lay, opened, pairs, task
from sqlalchemy import select

from accord.collect import Desk, Person, Practice, Task
from accord.collect.desk import tables
from accord.errors import Conflict, FormError, StudyError
from accord.feedback import Ledger, current_feedback, draw_pairs
from accord.records import Comparison, Correction, Declined, Feedback, Rating, Scale

SCALE = {"low": 1, "high": 5, "step": 1}
BETTER = {"kind": "comparison", "text": "Which is better?", "name": "better"}
HONEST = {"kind": "rating", "text": "How honest is it?", "name": "honest", "about": "preferred", "scale": SCALE}
FIXED = {"kind": "correction", "text": "Put it right.", "name": "fixed", "about": "preferred", "required": False}
IN_TURN = [BETTER, HONEST, FIXED]
FAULTS = {"kind": "label", "text": "What is wrong with it?", "name": "faults", "labels": ["rude", "false"], "about": 1}
TOGETHER = [BETTER, {**HONEST, "about": 2}, FAULTS]


@contextmanager
def desk_of(
    folder: Path, questions: list[dict[str, Any]], items: Any = None, *, more: dict[str, Any] | None = None, **keys: Any
) -> Iterator[tuple[Desk, Clock]]:
    study = lay(folder, items, questions=questions, **keys)
    clock = Clock()
    with Ledger(folder / "l.db", pooled=True) as ledger:
        yield opened(study, ledger, clock, **(more or {})), clock


def step(desk: Desk, person: Person, **form: str) -> Any:
    """Answer the question that is asked now."""
    current = task(desk, person)
    return desk.submit(person, current.reservation, {"question": current.question.name, **form})


def test_all_enter_with_the_last_answer(tmp_path: Path) -> None:
    with desk_of(tmp_path, IN_TURN) as (desk, clock):
        anna = join(desk)
        first = task(desk, anna)
        assert (first.question.name, first.step, first.steps, len(first.completions)) == ("better", 1, 3, 2)
        clock.move(seconds=20)
        receipt = step(desk, anna, preferred="right")
        assert (receipt.more_questions, receipt.feedback, list(desk.ledger.feedback())) == (True, None, [])
        second = task(desk, anna)
        assert second.reservation == first.reservation
        assert second.completions == (first.completions[1],)
        assert [one.words for one in second.earlier] == ["answer 2 is better"]
        clock.move(seconds=10)
        step(desk, anna, value="4")
        clock.move(seconds=40)
        receipt = step(desk, anna, text="a better one")
        records = list(desk.ledger.feedback())
        assert receipt.records == tuple(record.id for record in records)
        assert [record.judgement for record in records] == [
            Comparison(preferred="right"),
            Rating(value=4, scale=Scale(**SCALE)),
            Correction(text="a better one"),
        ]
        assert [record.study for record in records] == ["small.better", "small.honest", "small.fixed"]
        assert [record.seconds for record in records] == [20, 10, 40]
        assert {(record.session, record.position_in_session) for record in records} == {(first.session, 0)}
        better = (first.completions[1].id,)
        assert [record.completions for record in records[1:]] == [better, better]
        assert len({record.instructions for record in records}) == 3
        assert task(desk, anna).item != first.item


def test_a_tie_leaves_out_what_is_about_the_better_one(tmp_path: Path) -> None:
    with desk_of(tmp_path, IN_TURN) as (desk, _):
        anna = join(desk)
        receipt = step(desk, anna, preferred="tie")
        assert (receipt.more_questions, len(receipt.records)) == (False, 1)
        assert desk.progress().answers == 1


def test_a_question_on_a_condition(tmp_path: Path) -> None:
    why = {"kind": "critique", "text": "What is false?", "name": "why", "about": 1, "when": {"faults": "false"}}
    with desk_of(tmp_path, [FAULTS, why]) as (desk, _):
        anna = join(desk)
        assert not step(desk, anna, chosen="rude").more_questions
        assert step(desk, anna, chosen="rude,false").more_questions
        assert task(desk, anna).question.name == "why"
        assert len(step(desk, anna, text="The date.").records) == 2
        assert not step(desk, anna, none="1").more_questions


def test_what_may_be_left_open(tmp_path: Path) -> None:
    with desk_of(tmp_path, IN_TURN) as (desk, _):
        anna = join(desk)
        step(desk, anna, preferred="left")
        with pytest.raises(FormError, match="not left open"):
            step(desk, anna, open="1")
        step(desk, anna, declined="1", reason="no idea")
        receipt = step(desk, anna, open="1")
        judgements = [record.judgement for record in desk.ledger.feedback()]
        assert judgements == [Comparison(preferred="left"), Declined(reason="no idea")]
        assert len(receipt.records) == 2
        assert (desk.progress().answers, desk.progress().declined) == (1, 0)


def test_sent_twice_is_one_answer(tmp_path: Path) -> None:
    with desk_of(tmp_path, IN_TURN) as (desk, _):
        anna = join(desk)
        name = task(desk, anna).reservation
        for _ in range(2):
            assert desk.submit(anna, name, {"question": "better", "preferred": "left"}).more_questions
        with pytest.raises(Conflict, match="before"):
            desk.submit(anna, name, {"question": "better", "preferred": "right"})
        with pytest.raises(FormError, match="not the one that comes next"):
            desk.submit(anna, name, {"question": "fixed", "text": "x"})
        desk.submit(anna, name, {"question": "honest", "value": "2"})
        last = {"question": "fixed", "text": "x"}
        receipt = desk.submit(anna, name, last)
        assert desk.submit(anna, name, last) == receipt
        assert desk.submit(anna, name, {"question": "honest", "value": "2"}).more_questions
        with pytest.raises(Conflict):
            desk.submit(anna, name, {"question": "honest", "value": "3"})
        assert len(list(desk.ledger.feedback())) == 3


def test_undo_goes_back_by_questions_and_then_by_items(tmp_path: Path) -> None:
    with desk_of(tmp_path, IN_TURN) as (desk, _):
        anna = join(desk)
        assert not desk.can_undo(anna)
        step(desk, anna, preferred="left")
        back = desk.undo(anna)
        assert (back.question.name, back.draft) == ("better", {"preferred": "left"})
        step(desk, anna, preferred="left")
        step(desk, anna, value="3")
        step(desk, anna, text="better")
        redo = desk.undo(anna)
        assert (redo.question.name, redo.redo, redo.draft) == ("better", True, {"preferred": "left"})
        before = list(desk.ledger.feedback())
        step(desk, anna, preferred="tie")
        after = [record for record in desk.ledger.feedback() if record not in before]
        assert {record.replaces for record in after} == {record.id for record in before}
        standing = [record.judgement for record in current_feedback(desk.ledger.feedback())]
        assert [judgement for judgement in standing if judgement.kind != "declined"] == [Comparison(preferred="tie")]
        assert [one.declined for one in desk.progress().questions] == [0, 0, 0]
        progress = desk.progress()
        assert (progress.answers, progress.replaced, progress.rows) == (1, 1, 6)


def test_on_one_page(tmp_path: Path) -> None:
    with desk_of(tmp_path, TOGETHER, ask="together") as (desk, clock):
        anna = join(desk)
        current = task(desk, anna)
        assert [part.question.name for part in current.parts] == ["better", "honest", "faults"]
        laid = [line["completions"] for line in pairs(6)]
        for part, place in zip(current.parts[1:], (1, 0), strict=True):
            assert any(part.completions[0].text == texts[place] for texts in laid)
            assert current.completions[(part.number or 0) - 1] == part.completions[0]
        clock.move(seconds=30)
        form = {"better.preferred": "left", "honest.value": "9", "faults.none": "1"}
        with pytest.raises(FormError, match="How honest is it") as caught:
            desk.submit(anna, current.reservation, form)
        assert caught.value.field == "honest.value"
        assert list(desk.ledger.feedback()) == []
        assert task(desk, anna).draft == form
        receipt = desk.submit(anna, current.reservation, {**form, "honest.value": "5"})
        records = list(desk.ledger.feedback())
        assert [record.id for record in records] == list(receipt.records)
        assert [record.seconds for record in records] == [30, None, None], "one page, one time"
        assert desk.submit(anna, current.reservation, {**form, "honest.value": "5"}) == receipt


def test_declining_the_whole(tmp_path: Path) -> None:
    with desk_of(tmp_path, TOGETHER, ask="together") as (desk, _):
        anna = join(desk)
        desk.decline(anna, task(desk, anna).reservation, "not mine")
        assert [record.judgement for record in desk.ledger.feedback()] == [Declined(reason="not mine")] * 3
        progress = desk.progress()
        assert (progress.declined, progress.answers, progress.people[0].declined) == (1, 0, 1)


def test_controls_practice_and_repeats_by_question(tmp_path: Path) -> None:
    known = {
        "better": {"kind": "comparison", "preferred": "left"},
        "faults": {"kind": "label", "chosen": ["rude"], "offered": ["rude", "false"]},
    }
    special = [{"prompt": "P", "completions": ["x", "y"], "known": known, "explanation": "so"}]
    keys: dict[str, Any] = {"gold_items": special, "practice_items": special, "gold_share": 0.45, "ask": "together"}
    with desk_of(tmp_path, TOGETHER, pairs(6), **keys) as (desk, _):
        anna = join(desk)
        step_now = desk.next(anna)
        assert isinstance(step_now, Practice)
        side = "left" if step_now.task.completions[0].text == "x" else "right"
        form = {"better.preferred": side, "honest.value": "1", "faults.chosen": "false"}
        result = desk.submit(anna, step_now.task.reservation, form).practice
        assert result is not None
        assert [part.correct for part in result.parts] == [True, None, False]
        assert (result.correct, result.parts[2].expected) == (False, "rude")
        while isinstance(now := desk.next(anna), Task):
            desk.submit(
                anna, now.reservation, {"better.preferred": "left", "honest.value": "1", "faults.chosen": "rude"}
            )
        control = [record for record in desk.ledger.feedback() if record.gold is not None]
        assert {record.study for record in control} == {"small.better", "small.faults"}
        by_name = {one.name: one for one in desk.progress().questions}
        assert by_name["faults"].gold is not None
        assert by_name["faults"].gold.value == 1
        assert by_name["honest"].gold is None
        assert len([pair for pair in draw_pairs(desk.ledger).pairs if not pair.tie]) == 6


def test_repeats_name_the_answer_to_the_same_question(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"repeat_share": 0.45, "repeat_gap": 1, "ask": "together"}
    with desk_of(tmp_path, TOGETHER, pairs(8), **keys) as (desk, _):
        anna = join(desk)
        while isinstance(now := desk.next(anna), Task):
            desk.submit(
                anna, now.reservation, {"better.preferred": "left", "honest.value": "1", "faults.chosen": "rude"}
            )
        by_id = {record.id: record for record in desk.ledger.feedback()}
        again = [record for record in by_id.values() if record.repeat_of]
        assert again
        for record in again:
            first = by_id[record.repeat_of or ""]
            assert (first.study, set(first.completions)) == (record.study, set(record.completions))
        assert desk.progress().repeats * 3 == len(again)


def test_agreement_and_disputes_by_question(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"overlap": 2, "ask": "together"}
    with desk_of(tmp_path, TOGETHER, pairs(3), **keys) as (desk, _):
        for value, person in (("1", join(desk)), ("5", join(desk))):
            while isinstance(now := desk.next(person), Task):
                good = "left" if now.completions[0].text.startswith("good") else "right"
                desk.submit(
                    person, now.reservation, {"better.preferred": good, "honest.value": value, "faults.none": "1"}
                )
        progress = desk.progress()
        assert (progress.agreement, progress.alpha) == (None, None)
        by_name = {one.name: one for one in progress.questions}
        assert by_name["better"].agreement is not None
        assert by_name["better"].agreement.value == 1
        assert by_name["honest"].alpha is not None
        assert by_name["honest"].alpha.value < 0
        disputed = desk.disputed()
        assert {(one.question.name, len(one.completions)) for one in disputed} == {("honest", 1)}
        ruling = desk.adjudicate(disputed[0].item, {"question": "honest", "value": "3"}, "kim")
        assert (ruling.study, ruling.completions) == ("small.honest", (disputed[0].completions[0].id,))
        assert [one.adjudicated for one in desk.disputed()] == [False, False, True]
        with pytest.raises(FormError, match="No question"):
            desk.adjudicate(disputed[0].item, {"question": "none"}, "kim")


def test_an_item_is_decided_where_every_question_is(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"overlap": 4, "stop": {"probability": 0.8, "least": 2}, "ask": "together"}
    with desk_of(tmp_path, TOGETHER, pairs(1), **keys) as (desk, _):
        closed = []
        for value in ("1", "5", "5", "5"):
            person = join(desk)
            now = task(desk, person)
            good = "left" if now.completions[0].text.startswith("good") else "right"
            desk.submit(person, now.reservation, {"better.preferred": good, "honest.value": value, "faults.none": "1"})
            closed.append(desk.progress().items[0].closed)
        assert closed == ["", "", "", "decided"]


LINE = {"prompt": "Q", "completions": ["x", "y"]}
RATED = {"kind": "rating", "value": 1, "scale": SCALE}
LEFT = {"kind": "comparison", "preferred": "left"}


@pytest.mark.parametrize(
    ("questions", "line", "message"),
    [
        ([BETTER, {**HONEST, "about": "all"}], LINE, '"honest" is about 1, and other questions need 2; say which one'),
        ([BETTER, FAULTS], {**LINE, "completions": ["x"]}, "items.jsonl:1 completions: the questions are about 2"),
        ([BETTER, FAULTS], {**LINE, "known": {"beter": LEFT}}, "known.beter: no question is called so; did you mean"),
        (IN_TURN, {**LINE, "known": {"honest": RATED}}, "known.honest: what it is about is another one for everybody"),
        ([BETTER, FAULTS], {**LINE, "known": {"faults": LEFT}}, "known.faults: a comparison, and this study asks for"),
        (
            [BETTER, HONEST, {**HONEST, "name": "kind", "about": 1}],
            {**LINE, "gold": RATED},
            "gold: 2 of the questions ask for a rating; write it in known, under a question's name",
        ),
    ],
)
def test_items_that_do_not_fit(tmp_path: Path, questions: Any, line: Any, message: str) -> None:
    with pytest.raises(StudyError) as caught, desk_of(tmp_path, questions, [line]):
        pass
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("questions", "keys", "message"),
    [
        (IN_TURN, {"ask": "together"}, "questions[1]: it waits for an earlier answer"),
        ([FAULTS, HONEST], {}, "questions[1].about: no comparison or ranking stands before it; ask one first"),
        ([BETTER, {**HONEST, "of": "x"}], {}, 'questions[1].of: no earlier comparison is called "x"'),
        ([BETTER, {**FAULTS, "when": {"better": "left"}}], {}, "'left' is no answer to it; choose of decided, tie"),
        ([BETTER, {**FAULTS, "unless": {"later": "x"}}], {}, "unless.later: no question before it is called so"),
        ([BETTER, BETTER], {}, 'questions[1].name: another question is called "better" too'),
        ([BETTER, {**FAULTS, "name": "a.b"}], {}, "questions[1].name: String should match"),
        ([{**BETTER, "required": False}, HONEST], {}, "every one may be left open or depends on another"),
        ([{**BETTER, "about": 1}], {}, "questions[0].about: a comparison is about 2 completions, and this names one"),
        ([BETTER], {"ask": "together"}, "ask: there is one question"),
        (TOGETHER, {"dialogue": {}}, "dialogue: asks one question of a turn, and there are 3"),
    ],
)
def test_studies_that_do_not_fit(tmp_path: Path, questions: Any, keys: Any, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        lay(tmp_path, questions=questions, **keys)
    assert message in str(caught.value)


def test_a_study_that_asks_more_than_before_is_another(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        opened(lay(tmp_path), ledger)
        several = lay(tmp_path, questions=TOGETHER)
        with pytest.raises(StudyError, match="of kind 'comparison' is in this ledger"):
            Desk(several, ledger)
        Desk(several, ledger, changed=True)
        with pytest.raises(StudyError, match="has another honest"):
            Desk(lay(tmp_path, questions=[BETTER, {**HONEST, "about": 1}, FAULTS]), ledger)


ACTS = st.sampled_from(["answer", "tie", "open", "decline", "undo", "whole", "wrong", "lapse", "draft", "again"])


@settings(max_examples=10)
@given(st.lists(st.tuples(st.integers(0, 1), ACTS), min_size=8, max_size=40), st.integers(0, 3))
def test_an_item_is_whole_or_not_there(acts: list[tuple[int, str]], seed: int) -> None:
    """Whatever two people do: the records of an item stand and fall together, and nothing is there twice."""
    with (
        TemporaryDirectory() as name,
        desk_of(Path(name), IN_TURN, pairs(4), overlap=2, more={"seed": seed}) as (desk, clock),
    ):
        people = [join(desk), join(desk)]
        sent: list[tuple[Person, str, dict[str, str]]] = []
        for number, act in acts:
            person = people[number]
            now = desk.next(person)
            form: dict[str, str] = {}
            match act, now:
                case "lapse", _:
                    clock.move(hours=1)
                case "undo", _:
                    try:
                        desk.undo(person)
                    except FormError:
                        assert not desk.can_undo(person)
                case "again", _ if sent:
                    form = sent[-1][2]
                    person, reservation, _ = sent[-1]
                    attempt(desk, person, reservation, form)
                case _, Task(reservation=reservation, question=question):
                    form = answered(act, question.name)
                    if act == "draft":
                        desk.save_draft(person, reservation, form)
                    else:
                        sent.append((person, reservation, form))
                        attempt(desk, person, reservation, form)
                case _:
                    pass
            whole(desk)


def answered(act: str, question: str) -> dict[str, str]:
    match act:
        case "whole":
            return {"better.preferred": "left", "honest.value": "2", "fixed.text": "whole"}
        case "open":
            return {"question": question, "open": "1"}
        case "decline":
            return {"question": question, "declined": "1"}
        case "wrong":
            return {"question": question, "preferred": "up", "value": "up"}
    return {"question": question, "preferred": "tie" if act == "tie" else "left", "value": "3", "text": "better"}


def attempt(desk: Desk, person: Person, reservation: str, form: dict[str, str]) -> None:
    try:
        receipt = desk.submit(person, reservation, form)
    except (FormError, Conflict):
        return
    assert desk.submit(person, reservation, form) == receipt


def whole(desk: Desk) -> None:
    """Every record is an answer of a closed reservation, or takes one back; and each stands at most once."""
    records = {record.id: record for record in desk.ledger.feedback()}
    with desk.ledger.begin() as connection:
        answers = connection.execute(select(tables.answers)).all()
        rows = {row.id: row for row in connection.execute(select(tables.reservations))}
    named = {row.feedback for row in answers}
    assert named == records.keys()
    assert {rows[row.reservation].state for row in answers} <= {"answered", "declined", "surplus", "replaced"}
    assert {row.id for row in rows.values() if row.feedback} == {row.reservation for row in answers}
    current: list[Feedback] = [record for record in current_feedback(records.values()) if record.id in named]
    standing = {row.feedback for row in answers if rows[row.reservation].state != "replaced"}
    assert {record.id for record in current} == standing
    assert len({(record.evaluator, record.prompt, record.study) for record in current}) == len(current)
