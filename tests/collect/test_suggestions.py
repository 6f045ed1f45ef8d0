"""What a file says of items: metadata, shares of items, suggestions to start from; and what people add in words."""

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from in_browser import feedback_in
from several_laid_out import IN_TURN, lay_out_several
from small_desks import join, lay, opened, pairs, task
from small_studies import PASSWORD, Clock, lay_out, visiting
from small_studies import opened as opened_study
from test_several_questions import IN_TURN as QUESTIONS
from test_several_questions import TOGETHER

from accord.collect import Desk, Practice, Task
from accord.feedback import Ledger, assistance_effects, draw_pairs
from accord.records import Comparison

LEFT = {"kind": "comparison", "preferred": "left"}
RIGHT = {"kind": "comparison", "preferred": "right"}
RATED = {"kind": "rating", "value": 1, "scale": {"low": 0, "high": 1}}
CODE = {"by": "topic", "shares": {"code": 1}}


def side(current: Task, start: str) -> str:
    return "left" if current.completions[0].text.startswith(start) else "right"


def test_a_suggestion_is_filled_in_by_lot_and_on_record(tmp_path: Path) -> None:
    items = pairs(30, suggestion=RIGHT, suggested_by="judge-2")
    study = lay(tmp_path, items, suggest={"share": 0.5})
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(study, ledger)
        anna = join(desk)
        shown: list[bool] = []
        while isinstance(current := desk.next(anna), Task):
            assert current.suggested == (current.draft is not None)
            if current.suggested:
                assert current.draft is not None
                assert current.draft["preferred"] == side(current, "bad"), "the suggestion, in the order shown"
            shown.append(current.suggested)
            desk.submit(anna, current.reservation, {"preferred": "left"})
        assert 6 < sum(shown) < 24
        records = list(ledger.feedback())
        answers = [record for record in records if record.study == "small"]
        assert len(answers) == len(records) == len(draw_pairs(ledger).pairs), "nobody learns from a suggestion"
        told = [record.assistance for record in answers if record.assistance is not None]
        assert [one.shown for one in told] == shown
        assert {one.kind for one in told} == {"suggestion"}
        [machine] = [one for one in ledger.evaluators().values() if one.kind == "model"]
        assert (machine.pseudonym, {one.by for one in told}) == ("judge-2", {machine.id})
        for answer in answers:
            assert answer.assistance is not None
            assert isinstance(answer.assistance.suggested, Comparison)
            place = 0 if answer.assistance.suggested.preferred == "left" else 1
            assert ledger.completions()[answer.completions[place]].text.startswith("bad")
        assert desk.progress().answers == 30
        assert Desk(study, ledger, clock=Clock()).load_items().new == 0


def test_what_wrong_suggestions_do_is_told_on_control_questions(tmp_path: Path) -> None:
    gold = [{**line, "prompt": f"C {line['prompt']}", "gold": LEFT, "suggestion": RIGHT} for line in pairs(40)]
    study = lay(tmp_path, pairs(60), gold_items=gold, gold_share=0.5, suggest={}, session_items=500)
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(study, ledger)
        anna = join(desk)
        while isinstance(current := desk.next(anna), Task):
            form = dict(current.draft or {"preferred": side(current, "good")})  # believes whatever is there
            desk.submit(anna, current.reservation, form)
        [effect] = assistance_effects(ledger)
        assert effect.kind == "suggestion"
        assert effect.shown is not None
        assert effect.withheld is not None
        assert (effect.shown.value, effect.withheld.value) == (0, 1)


def test_suggestions_by_question(tmp_path: Path) -> None:
    label = {"kind": "label", "chosen": ["false"], "offered": ["rude", "false"]}
    lines = pairs(2, suggestions={"better": LEFT, "faults": label})
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, lines, questions=TOGETHER, ask="together", suggest={"share": 1}), ledger)
        anna = join(desk)
        current = task(desk, anna)
        assert current.draft is not None
        assert current.draft["faults.chosen"] == "false"
        assert current.draft["better.preferred"] == side(current, "good")
        assert "honest.value" not in current.draft
        desk.save_draft(anna, current.reservation, {"honest.value": "3"})
        assert not task(desk, anna).suggested, "what somebody began is theirs"
        form = {"better.preferred": "left", "honest.value": "1", "faults.none": "1"}
        desk.submit(anna, current.reservation, form)
        kinds = {record.study: record.assistance for record in ledger.feedback() if record.study}
        assert kinds["small.honest"] is None
        assert kinds["small.better"] is not None


def test_suggestions_in_turn_and_undo(tmp_path: Path) -> None:
    questions = [{**QUESTIONS[0]}, {**TOGETHER[2], "name": "faults"}]
    label = {"kind": "label", "chosen": ["rude"], "offered": ["rude", "false"]}
    lines = pairs(2, suggestions={"faults": label})
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, lines, questions=questions, suggest={"share": 1}), ledger)
        anna = join(desk)
        first = task(desk, anna)
        assert (first.suggested, first.draft) == (False, None)
        desk.submit(anna, first.reservation, {"question": "better", "preferred": "left"})
        second = task(desk, anna)
        assert (second.suggested, second.draft) == (True, {"chosen": "rude"})
        desk.submit(anna, first.reservation, {"question": "faults", "chosen": "false"})
        again = desk.undo(anna)
        assert (again.suggested, again.draft) == (False, {"preferred": "left"}), "their own answer, not the machine's"
        redo = {"question": "better", "preferred": "left"}
        desk.submit(anna, again.reservation, redo)
        assert task(desk, anna).draft == {"chosen": "false"}


@pytest.mark.parametrize(
    ("line", "keys", "message"),
    [
        ({"suggestion": LEFT}, {}, "items.jsonl:1 suggestion: the study has no section [suggest]; add it"),
        (
            {"suggestion": {"kind": "rating", "value": 1, "scale": {"low": 0, "high": 1}}},
            {"suggest": {}},
            "a rating, and",
        ),
        ({"suggestions": {"x": LEFT}}, {"suggest": {}}, "items.jsonl:1 suggestions.x: no question is called so"),
        (
            {"metadata": {"topic": "law"}},
            {"item_quota": {"by": "topic", "shares": {"code": 1}}},
            "'law' has no share in",
        ),
        ({}, {"item_quota": {"by": "topic", "shares": {"code": 1}}}, "metadata.topic: missing; item_quota goes by it"),
        ({}, {"item_quota": {"by": "topic", "shares": {"code": 0.4}}}, "item_quota.shares: they sum to 0.4"),
        ({}, {"suggest": {}, "assist": {"by": "x.jsonl"}}, "suggest: what an answer comes of could not be told"),
        ({"metadata": {"topic": ["a"]}}, {}, "items.jsonl:1 metadata.topic"),
    ],
)
def test_what_is_refused(tmp_path: Path, line: Any, keys: Any, message: str) -> None:
    with pytest.raises(Exception) as caught, Ledger(tmp_path / "l.db") as ledger:  # noqa: PT011
        opened(lay(tmp_path, pairs(1, **line), **keys), ledger)
    assert message in str(caught.value)


def test_shares_of_items(tmp_path: Path) -> None:
    """What there is much of does not push out what there is little of."""
    items = pairs(30, metadata={"topic": "code"})[:24] + [
        {"prompt": f"L{i}", "completions": ["a", "b"], "metadata": {"topic": "law"}} for i in range(8)
    ]
    quota = {"by": "topic", "shares": {"code": 0.5, "law": 0.5}}
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, items, item_quota=quota, answers=12), ledger)
        anna, topics = join(desk), Counter[str]()
        while isinstance(current := desk.next(anna), Task):
            topics["law" if current.prompt.text.startswith("L") else "code"] += 1
            desk.submit(anna, current.reservation, {"preferred": "left"})
        assert topics == {"code": 6, "law": 6}
        more = opened(lay(tmp_path, items, item_quota=quota, answers=20), ledger)
        while isinstance(current := more.next(anna), Task):
            topics["law" if current.prompt.text.startswith("L") else "code"] += 1
            more.submit(anna, current.reservation, {"preferred": "left"})
        assert topics == {"code": 12, "law": 8}, "nobody waits for items that are not there"


def test_items_as_a_table(tmp_path: Path) -> None:
    items = [{**line, "metadata": {"source": "=A1", "hard": True}} for line in pairs(2)] + pairs(3)[2:]
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, items, show=["hard"]), ledger)
        anna = join(desk)
        assert task(desk, anna).metadata in ({"hard": True}, {})
        desk.submit(anna, task(desk, anna).reservation, {"preferred": "left"})
        rows = list(csv.DictReader(io.StringIO(desk.item_table())))
        assert [row["metadata.source"] for row in rows] == ["'=A1", "'=A1", ""]
        assert sum(int(row["answered"]) for row in rows) == 1


def test_a_comment_stands_with_the_answer(tmp_path: Path) -> None:
    study = lay_out(tmp_path, top='comment = true\nshow = ["source"]', metadata={"source": "<b>exam", "level": 3})
    with opened_study(study, tmp_path / "people.db", Clock()) as desk, visiting(desk, Clock()) as visitor:
        desk.set_admin("kim", PASSWORD)
        person = visitor()
        person.join(desk.invite().token)
        page = person.get("/work").text
        assert "Anything to add?" in page
        assert "&lt;b&gt;exam" in page
        assert "level" not in page
        assert person.answer(comment="x" * 2001, preferred="left").status_code == 400
        bad = person.answer(comment="kept?", preferred="up")
        assert "kept?" in bad.text
        person.answer(comment=" Both are odd. ", preferred="left")
        person.answer(comment="  ", preferred="left")
        person.sign_in()
        table = person.post("/admin/items", seen="/admin/export")
        assert "metadata.level" in table.text
    first, second = feedback_in(tmp_path / "people.db")
    assert (first.comment, second.comment) == ("Both are odd.", None)


def test_comments_are_of_each_question_in_turn(tmp_path: Path) -> None:
    study = lay_out_several(tmp_path, IN_TURN, top="comment = true")
    with opened_study(study, tmp_path / "people.db", Clock()) as desk, visiting(desk, Clock()) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        person.answer(comment="first", preferred="left")
        assert person.work()[1]["comment"] == "", "the field is empty again"
        person.answer(value="6")
        person.answer(comment="third", text="Better.")
    assert [record.comment for record in feedback_in(tmp_path / "people.db")] == ["first", None, "third"]


def test_the_page_says_what_a_machine_filled_in(tmp_path: Path) -> None:
    line = {"suggestion": {"kind": "comparison", "preferred": "left"}}
    study = lay_out(tmp_path, top="[suggest]\nshare = 1", **line)
    with opened_study(study, tmp_path / "people.db", Clock()) as desk, visiting(desk, Clock()) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        page = person.get("/work").text
        assert "Filled in by a machine." in page
        assert person.work()[1]["preferred"] in {"left", "right"}
        assert person.answer().status_code == 200
    records = [record for record in feedback_in(tmp_path / "people.db") if record.study]
    assert isinstance(records[0].judgement, Comparison)


def test_practice_has_no_suggestions(tmp_path: Path) -> None:
    line = {"prompt": "P", "completions": ["x", "y"], "gold": LEFT, "suggestion": RIGHT}
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, practice_items=[line], suggest={"share": 1}), ledger)
        step = desk.next(join(desk))
        assert isinstance(step, Practice)
        assert not step.task.suggested
