"""The desk: an answer is taken in once and for good, whatever happens on the way."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from small_desks import Clock, answer, join, lay, opened, pairs, task
from sqlalchemy import select

from accord.collect import Break, ClientTelemetry, Done, Paused, Practice, Task, shown_digest
from accord.collect.desk import tables
from accord.errors import AccessError, Conflict, FormError, LedgerError, StudyError
from accord.feedback import Ledger, draw_pairs, is_order_known
from accord.feedback.store.ledger_writer import LedgerWriter
from accord.interfaces import Scores
from accord.records import Comparison, Completion, Declined, Prompt

LEFT = {"preferred": "left"}


def states(ledger: Ledger) -> list[tuple[str, str]]:
    with ledger.begin() as connection:
        columns = tables.reservations.c
        return [(row.state, row.purpose) for row in connection.execute(select(columns.state, columns.purpose))]


def test_a_comparison_becomes_a_pair_that_knows_its_evaluator(tmp_path: Path, where: Path | str) -> None:
    clock = Clock()
    with Ledger(where) as ledger:
        desk = opened(lay(tmp_path), ledger, clock)
        anna = join(desk)
        current = task(desk, anna)
        assert desk.next(anna) == current, "a reload gives the same task"
        clock.move(seconds=12)
        receipt = desk.submit(anna, current.reservation, LEFT | {"_token": "x"}, ClientTelemetry(focus_lost=2))
        [record] = list(ledger.feedback())
        [pair] = draw_pairs(ledger).pairs
    assert record.id == receipt.feedback
    assert (pair.evaluator, pair.feedback_ids, pair.session) == (anna.evaluator, (record.id,), record.session)
    assert (pair.chosen, pair.rejected) == record.completions
    assert (record.seconds, record.position_in_session, record.study) == (12.0, 0, "small")
    assert record.time == clock.now
    assert record.instructions == desk.study.guideline_digest
    assert record.shown_digest == record.available_digest == shown_digest(current.prompt, current.completions)
    assert record.telemetry is not None
    assert (record.telemetry.focus_lost, record.telemetry.pasted) == (2, None)
    assert is_order_known(record)


def test_sides_are_drawn_and_recorded(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(60)), ledger)
        anna = join(desk)
        tasks = [answer(desk, anna) for _ in range(50)]
        feedback = list(ledger.feedback())
    assert [tuple(c.id for c in shown.completions) for shown in tasks] == [record.completions for record in feedback]
    assert 12 < sum(shown.completions[0].text.startswith("good") for shown in tasks) < 38


def test_a_double_submit_is_one_answer(tmp_path: Path, where: Path | str) -> None:
    with Ledger(where) as ledger:
        desk = opened(lay(tmp_path), ledger)
        anna = join(desk)
        current = task(desk, anna)
        first = desk.submit(anna, current.reservation, LEFT)
        assert desk.submit(anna, current.reservation, LEFT | {"strength": ""}) == first
        with pytest.raises(Conflict, match="take it back first") as caught:
            desk.submit(anna, current.reservation, {"preferred": "right"})
        assert caught.value.reason == "already answered"
        assert ledger.rows() == 1


def test_feedback_and_reservation_are_one_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path), ledger)
        anna = join(desk)
        current = task(desk, anna)
        finish = LedgerWriter.finish

        def broken(self: LedgerWriter) -> None:
            finish(self)
            raise OSError("the power went")

        monkeypatch.setattr(LedgerWriter, "finish", broken)
        with pytest.raises(OSError, match="power"):
            desk.submit(anna, current.reservation, LEFT)
        monkeypatch.setattr(LedgerWriter, "finish", finish)
        assert ledger.rows() == 0
        assert states(ledger) == [("open", "item")]
        assert desk.next(anna) == current
        desk.submit(anna, current.reservation, LEFT)
        assert ledger.rows() == 1


def test_a_form_that_cannot_be_read_is_kept_as_the_draft(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path), ledger)
        anna = join(desk)
        current = task(desk, anna)
        for form, field in (
            ({}, "preferred"),
            ({"preferred": "lft"}, "preferred"),
            (LEFT | {"strength": "0.5"}, "strength"),
        ):
            with pytest.raises(FormError) as caught:
                desk.submit(anna, current.reservation, form)
            assert caught.value.field == field
            assert task(desk, anna).draft == form
        assert ledger.rows() == 0
        with pytest.raises(FormError, match="not in your hands"):
            desk.submit(anna, "r-nothing", LEFT)
        with pytest.raises(FormError, match="not in your hands"):
            desk.submit(join(desk), current.reservation, LEFT)


def test_after_a_lapse_an_answer_is_taken_while_there_is_room(tmp_path: Path, where: Path | str) -> None:
    clock = Clock()
    with Ledger(where) as ledger:
        desk = opened(lay(tmp_path, pairs(1)), ledger, clock)
        anna, ben = join(desk), join(desk)
        current = task(desk, anna)
        waiting = desk.next(ben)
        assert isinstance(waiting, Break)
        assert waiting.reason == "waiting"
        clock.move(minutes=31)
        assert isinstance(desk.next(join(desk)), Task), "the place is free again"
        clock.move(minutes=31)
        receipt = desk.submit(anna, current.reservation, LEFT)
        assert not receipt.surplus
        assert ledger.rows() == 1
        assert isinstance(desk.next(ben), Done)
        assert desk.progress().answers == 1


def test_a_late_answer_to_a_full_item_is_kept_as_surplus(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(1)), ledger, clock)
        anna, ben = join(desk), join(desk)
        current = task(desk, anna)
        clock.move(minutes=31)
        answer(desk, ben)
        late = desk.submit(anna, current.reservation, LEFT)
        assert late.surplus
        assert "kept" in late.message
        assert desk.submit(anna, current.reservation, LEFT) == late
        progress = desk.progress()
        assert (progress.answers, progress.surplus, progress.rows) == (1, 1, 2)
        assert [item.answered for item in progress.items] == [1]
        assert isinstance(desk.next(anna), Done)


def test_a_lapsed_draft_is_handed_out_again(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path), ledger, clock)
        anna = join(desk)
        current = task(desk, anna)
        desk.save_draft(anna, current.reservation, {"preferred": "left", "strange": "x"})
        clock.move(days=2)
        again = task(desk, anna)
        assert again.reservation == current.reservation
        assert again.draft == LEFT
        assert again.completions == current.completions


def test_after_a_pause_what_was_sent_is_kept(tmp_path: Path, where: Path | str) -> None:
    with Ledger(where) as ledger:
        desk = opened(lay(tmp_path), ledger)
        anna = join(desk)
        current = task(desk, anna)
        desk.pause(anna.pseudonym, "answers too fast")
        with pytest.raises(FormError, match="cannot be kept"):
            desk.submit(anna, current.reservation, {"preferred": "\ud800"})
        with pytest.raises(Conflict, match="What you wrote is kept") as caught:
            desk.submit(anna, current.reservation, LEFT)
        assert caught.value.reason == "paused"
        assert ledger.rows() == 0
        assert isinstance(desk.next(anna), Paused)
        desk.resume(anna.pseudonym)
        back = task(desk, anna)
        assert (back.reservation, back.draft) == (current.reservation, LEFT)
        desk.submit(anna, back.reservation, back.draft or {})
        assert ledger.rows() == 1
        assert [note.kind for note in desk.progress().notes] == ["active", "paused"]


def test_a_clock_that_jumps_back_gives_no_seconds_and_is_told_of(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path), ledger, clock)
        anna = join(desk)
        current = task(desk, anna)
        clock.move(hours=-3)
        assert desk.next(anna) == current
        desk.submit(anna, current.reservation, LEFT)
        [record] = list(ledger.feedback())
        assert record.seconds is None  # unknown is not zero
        [note] = desk.progress().notes
        assert (note.kind, note.person) == ("clock", anna.pseudonym)
        assert "went back 10800 s" in note.message
        assert isinstance(desk.next(anna), Task)


def test_undo_replaces_the_last_answer(tmp_path: Path, where: Path | str) -> None:
    with Ledger(where) as ledger:
        desk = opened(lay(tmp_path, pairs(3)), ledger)
        anna = join(desk)
        with pytest.raises(FormError, match="no answer of this session"):
            desk.undo(anna)
        first = answer(desk, anna)
        after = task(desk, anna)
        back = desk.undo(anna)
        assert desk.undo(anna) == back == desk.next(anna), "asked again it is the same"
        assert (back.redo, back.draft, back.item, back.completions) == (True, LEFT, first.item, first.completions)
        desk.submit(anna, back.reservation, {"preferred": "right"})
        assert desk.next(anna) == after, "and then it goes on where it was"
        old, new = list(ledger.feedback())
        assert new.replaces == old.id
        assert (new.session, new.position_in_session) == (old.session, old.position_in_session)
        assert [pair.feedback_ids for pair in draw_pairs(ledger).pairs] == [(new.id,)]
        progress = desk.progress()
        assert (progress.rows, progress.answers, progress.replaced) == (2, 1, 1)
        twice = desk.undo(anna)
        desk.submit(anna, twice.reservation, {"preferred": "tie"})
        assert [record.replaces for record in ledger.feedback()] == [None, old.id, new.id]
        person = desk.person(anna.pseudonym)
        assert person is not None
        assert (person.done, person.position_in_session) == (1, 1)


def test_an_answer_taken_back_and_left_still_stands(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(1)), ledger, clock)
        anna = join(desk)
        answer(desk, anna)
        back = desk.undo(anna)
        clock.move(hours=1)
        assert isinstance(desk.next(anna), Done)
        assert desk.progress().answers == 1
        desk.submit(anna, back.reservation, {"preferred": "right"})
        assert [record.replaces is not None for record in ledger.feedback()] == [False, True]
        assert desk.progress().answers == 1


def test_declining_is_an_answer_that_frees_the_place(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(1)), ledger)
        anna, ben = join(desk), join(desk)
        current = task(desk, anna)
        receipt = desk.decline(anna, current.reservation, "content warning")
        assert desk.decline(anna, current.reservation, "content warning") == receipt
        assert isinstance(desk.next(anna), Done)
        answer(desk, ben)
        back = desk.undo(anna)
        assert desk.submit(anna, back.reservation, LEFT).surplus, "others have filled it meanwhile"
        first, second, third = (record.judgement for record in ledger.feedback())
        assert first == Declined(reason="content warning")
        assert second == third == Comparison(preferred="left")
        progress = desk.progress()
        assert (progress.rows, progress.declined, progress.replaced, progress.surplus) == (3, 0, 1, 1)


def test_practice_is_explained_and_never_becomes_data(tmp_path: Path) -> None:
    practice = [
        {
            "prompt": f"Practice {i}",
            "completions": ["right one", "wrong one"],
            "gold": {"kind": "comparison", "preferred": "left"},
            "explanation": "The first is right.",
        }
        for i in range(2)
    ]
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, practice_items=practice), ledger)
        anna = join(desk)
        for number in (1, 2):
            step = desk.next(anna)
            assert isinstance(step, Practice)
            assert (step.number, step.total, step.task.practice) == (number, 2, True)
            right = "left" if step.task.completions[0].text == "right one" else "right"
            form = {"preferred": right if number == 1 else "tie"}
            receipt = desk.submit(anna, step.task.reservation, form)
            assert desk.submit(anna, step.task.reservation, form) == receipt
            assert receipt.practice is not None
            assert receipt.practice.correct == (number == 1)
            assert receipt.practice.expected == Comparison(preferred=right)
            assert receipt.practice.explanation == "The first is right."
        person = desk.person(anna.pseudonym)
        assert person is not None
        assert person.practised
        assert isinstance(desk.next(anna), Task)
        assert ledger.rows() == 0


def test_gold_and_repeats_come_unseen_and_are_recorded(tmp_path: Path) -> None:
    gold = pairs(30, gold={"kind": "comparison", "preferred": "left"})
    for number, line in enumerate(gold):
        line["prompt"] = f"Control {number}"
    with Ledger(tmp_path / "l.db") as ledger:
        study = lay(tmp_path, pairs(120), gold_items=gold, gold_share=0.2, repeat_share=0.2, session_items=200)
        desk = opened(study, ledger)
        anna = join(desk)
        for _ in range(100):
            current = task(desk, anna)
            side = "left" if current.completions[0].text.startswith("good") else "right"
            desk.submit(anna, current.reservation, {"preferred": side})
        feedback = list(ledger.feedback())
        controls = [record for record in feedback if record.gold is not None]
        repeats = [record for record in feedback if record.repeat_of is not None]
        assert 8 < len(controls) < 35
        assert 8 < len(repeats) < 35
        assert all(record.gold == record.judgement for record in controls), "gold is written as it was shown"
        by_id = {record.id: record for record in feedback}
        originals = [by_id[record.repeat_of or ""] for record in repeats]
        assert all(set(a.completions) == set(b.completions) for a, b in zip(repeats, originals, strict=True))
        assert any(a.completions != b.completions for a, b in zip(repeats, originals, strict=True)), (
            "sides are drawn anew"
        )
        assert all(feedback.index(a) - feedback.index(b) >= 5 for a, b in zip(repeats, originals, strict=True))
        assert len({record.repeat_of for record in repeats}) == len(repeats)
        sample = draw_pairs(ledger)
        progress = desk.progress()
        assert len(sample.pairs) == progress.answers == len(feedback) - len(controls) - len(repeats)
        assert sample.unused == {"asked again": len(repeats), "control question": len(controls)}
        assert progress.gold is not None
        assert (progress.gold.value, progress.gold.n) == (1.0, len(controls))
        assert progress.rows == progress.answers + progress.gold_answers + progress.repeats == 100


def test_sessions_breaks_and_days(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(tmp_path / "l.db") as ledger:
        study = lay(tmp_path, pairs(40), session_items=5, break_minutes=10, daily_items=12)
        desk = opened(study, ledger, clock)
        anna = join(desk)
        for _ in range(5):
            answer(desk, anna)
            clock.move(seconds=30)
        rest = desk.next(anna)
        assert isinstance(rest, Break)
        assert (rest.reason, (rest.until - clock.now).total_seconds()) == ("session", 570)
        clock.move(minutes=10)
        for _ in range(2):
            answer(desk, anna)
        clock.move(minutes=11)
        for _ in range(5):
            answer(desk, anna)
        clock.move(minutes=11)
        night = desk.next(anna)
        assert isinstance(night, Break)
        assert (night.reason, night.until.isoformat()) == ("daily", "2026-03-02T00:00:00+00:00")
        clock.now = night.until
        answer(desk, anna)
        sessions = [(record.session or "").rsplit("/", 1)[1] for record in ledger.feedback()]
        assert sessions == ["1"] * 5 + ["2"] * 2 + ["3"] * 5 + ["4"]
        assert [record.position_in_session for record in ledger.feedback()] == [0, 1, 2, 3, 4, 0, 1, 0, 1, 2, 3, 4, 0]


def test_a_budget_ends_the_study(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(5), answers=3), ledger)
        anna = join(desk)
        for _ in range(3):
            answer(desk, anna)
        done = desk.next(anna)
        assert isinstance(done, Done)
        assert done.reason == "budget"
        assert desk.progress().target == 3


def test_nobody_comes_back_to_more_than_the_budget(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(5), answers=1), ledger, clock)
        anna, ben, cleo = join(desk), join(desk), join(desk)
        for person in (anna, cleo):
            current = task(desk, person)
            desk.save_draft(person, current.reservation, LEFT)
            clock.move(hours=1)
        answer(desk, ben)
        assert isinstance(desk.next(anna), Done)
        assert desk.submit(cleo, current.reservation, LEFT).surplus, "there is room on the item, not in the study"
        assert desk.progress().answers == 1


def test_an_answer_taken_back_is_one_of_the_day(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, daily_items=2), ledger)
        anna = join(desk)
        for _ in range(2):
            answer(desk, anna)
            back = desk.undo(anna)
            desk.submit(anna, back.reservation, {"preferred": "right"})
        assert isinstance(desk.next(anna), Break)


def test_an_item_that_is_decided_asks_for_no_more(tmp_path: Path) -> None:
    stop = {"probability": 0.9, "least": 3}
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(1), overlap=9, stop=stop), ledger)
        for number in range(3):
            person = join(desk)
            current = task(desk, person)
            side = "left" if current.completions[0].text.startswith("good") else "right"
            desk.submit(person, current.reservation, {"preferred": side})
            assert desk.progress().items[0].closed == ("decided" if number == 2 else "")
        assert isinstance(desk.next(join(desk)), Done)
        assert desk.progress().target == 3


class Lengths:
    """A judge that is certain of question 0 and knows nothing of the others."""

    name = "lengths"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        sure = [prompt.text.endswith("0") for prompt in prompts]
        good = [completion.text.startswith("good") for completion in completions]
        value_N = np.array([9.0 * (known and better) for known, better in zip(sure, good, strict=True)])
        return Scores(value_N, np.where(sure, 0.1, 1.0))


def test_by_disagreement_the_widest_gap_comes_first(tmp_path: Path) -> None:
    """People agree on question 1, of which the model is unsure, and split on the others."""
    with Ledger(tmp_path / "l.db") as ledger:
        study = lay(tmp_path, pairs(4), overlap=6, choose="disagreement")
        with pytest.raises(StudyError, match="needs a judge"):
            opened(study, ledger)
        desk = opened(study, ledger, judge=Lengths())
        for turn in range(3):
            person = join(desk)
            seen = []
            for _ in range(4):
                current = task(desk, person)
                seen.append(current.prompt.text)
                good = "left" if current.completions[0].text.startswith("good") else "right"
                bad = {"left": "right", "right": "left"}[good]
                split = turn % 2 and current.prompt.text != "Question 1"
                desk.submit(person, current.reservation, {"preferred": bad if split else good})
            assert sorted(seen) == [f"Question {n}" for n in range(4)]
        assert task(desk, join(desk)).prompt.text == "Question 0", "the model is certain, and people are not"


def test_adjudication_stands_beside_what_people_said(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(2), overlap=2), ledger)
        for side in ("good", "bad"):
            person = join(desk)
            for _ in range(2):
                current = task(desk, person)
                disputed = current.prompt.text == "Question 0"
                preferred = side if disputed else "good"
                place = "left" if current.completions[0].text.startswith(preferred) else "right"
                desk.submit(person, current.reservation, {"preferred": place})
        [item] = desk.disputed()
        assert item.prompt.text == "Question 0"
        assert sorted(item.votes.values()) == [1, 1]
        ruling = desk.adjudicate(item.item, LEFT, "the editor")
        assert ruling.completions == tuple(completion.id for completion in item.completions)
        assert desk.disputed()[0].adjudicated
        assert ledger.evaluators()[ruling.evaluator].pool == "adjudication"
        second = desk.adjudicate(item.item, {"preferred": "tie"}, "the editor")
        assert second.replaces == ruling.id
        progress = desk.progress()
        assert (progress.rows, progress.answers, progress.adjudicated) == (6, 4, 2)
        with pytest.raises(FormError, match="No item"):
            desk.adjudicate("i-none", LEFT, "the editor")


def test_what_is_asked_of_the_wrong_one(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path), ledger)
        with pytest.raises(AccessError, match="does not know you"):
            desk.next("p-nobody")
        assert desk.person("p-nobody") is None
        other = opened(lay(tmp_path, name="another"), ledger)
        anna = join(other)
        with pytest.raises(AccessError, match="does not know you"):
            desk.next(anna)
        with pytest.raises(StudyError, match="of kind 'comparison' is in this ledger"):
            opened(lay(tmp_path, question={"kind": "demonstration"}), ledger)
        with pytest.raises(StudyError, match="no time zone"):
            opened(lay(tmp_path), ledger, lambda: desk.context.clock().replace(tzinfo=None)).invite()  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "\0", "\ud800", "x" * 100_000, "r-1' OR '1'='1"])
def test_names_that_nobody_has(tmp_path: Path, where: Path | str, name: str) -> None:
    with Ledger(where) as ledger:
        desk = opened(lay(tmp_path), ledger)
        anna = join(desk)
        for ask in (lambda: desk.submit(anna, name, LEFT), lambda: desk.adjudicate(name, LEFT, "x")):
            with pytest.raises(FormError):
                ask()
        for refuse in (lambda: desk.next(name), lambda: desk.pause(name, ""), lambda: desk.link(name)):
            with pytest.raises(AccessError):
                refuse()
        assert desk.person(name) is None
        assert desk.sessions.find(name) is None
        assert not desk.check_admin(name, name)


def test_a_ledger_that_only_reads_opens_no_desk(tmp_path: Path) -> None:
    study = lay(tmp_path)
    Ledger(tmp_path / "l.db").close()
    with Ledger(tmp_path / "l.db", write=False) as ledger, pytest.raises(LedgerError, match="reading only"):
        opened(study, ledger)
