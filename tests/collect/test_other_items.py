"""Another study under the name of the first, and files whose lines look alike: said, confirmed or refused."""

from pathlib import Path
from typing import Any

import pytest
from small_desks import Clock, answer, join, lay, opened, pairs, task

from accord.collect import Desk
from accord.errors import StudyError
from accord.feedback import Ledger


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"text": "Which is kinder?"}, r"another question \('Which is better\?', now 'Which is kinder\?'\)"),
        ({"kind": "rating", "scale": {"low": 1, "high": 5}}, "of kind 'comparison' is in this ledger"),
    ],
)
def test_another_question_under_the_same_name_is_refused(
    tmp_path: Path, question: dict[str, Any], message: str, where: Path | str
) -> None:
    with Ledger(where) as ledger:
        answer(desk := opened(lay(tmp_path), ledger), join(desk))
        (tmp_path / "other").mkdir()
        other = lay(tmp_path / "other", question=question)
        with pytest.raises(StudyError, match=message):
            Desk(other, ledger)
        assert Desk(lay(tmp_path / "other", question=question, name="other"), ledger).progress().answers == 0


def test_a_reworded_question_is_confirmed(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        opened(lay(tmp_path), ledger)
        reworded = lay(tmp_path, question={"text": "Which helps more?"})
        Desk(reworded, ledger, changed=True)
        assert Desk(reworded, ledger).load_items().new == 0
        with pytest.raises(StudyError, match="another question"):
            Desk(lay(tmp_path), ledger)


def test_other_items_under_the_same_name_are_refused_or_confirmed(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(4)), ledger)
        anna = join(desk)
        answer(desk, anna)
        others = [{**line, "prompt": f"Other {number}"} for number, line in enumerate(pairs(3))]
        study = lay(tmp_path, others)
        with pytest.raises(StudyError, match="none of the 4 items of the study 'small' in this ledger is in it"):
            Desk(study, ledger, clock=Clock()).load_items()
        assert task(desk, anna).prompt.text.startswith("Question"), "and nothing was withdrawn"
        totals = Desk(study, ledger, clock=Clock(), changed=True).load_items()
        assert (totals.items, totals.new, totals.withdrawn) == (3, 3, 4)


def test_lines_that_are_gone_are_counted(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        opened(lay(tmp_path, pairs(4)), ledger)
        for withdrawn in (1, 0):
            totals = Desk(lay(tmp_path, pairs(3)), ledger).load_items()
            assert (totals.items, totals.new, totals.withdrawn) == (3, 0, withdrawn)


def test_items_that_look_alike_are_said(tmp_path: Path) -> None:
    items: list[dict[str, Any]] = [
        {"prompt": "Q", "completions": ["caf\u00e9", "tea"]},
        {"prompt": "Q", "completions": ["tea", "caf\u00e9"], "overlap": 3},
        {"prompt": "Q", "completions": ["cafe\u0301", "tea"]},
        {"prompt": "Q ", "completions": ["caf\u00e9", "tea"]},
        {"prompt": "R", "completions": ["a b", "a  b"]},
        {"prompt": "S", "completions": ["a b", "a c"]},
        {"prompt": "S", "completions": ["a b", "a c"]},
    ]
    with Ledger(tmp_path / "l.db") as ledger:
        totals = Desk(lay(tmp_path, items), ledger).load_items()
    assert totals.items == 5
    assert totals.remarks == (
        "items.jsonl:2: the same item as items.jsonl:1, which counts (its overlap not)",
        "items.jsonl:3: differs from items.jsonl:1 in blanks or Unicode forms alone; both are asked",
        "items.jsonl:4: differs from items.jsonl:1 in blanks or Unicode forms alone; both are asked",
        "items.jsonl:5: completions 1 and 2 differ in blanks or Unicode forms alone",
        "items.jsonl:7: the same item as items.jsonl:6, which counts",
    )
