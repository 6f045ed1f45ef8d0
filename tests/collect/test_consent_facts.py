"""The consent page says what this study does: each sentence where it is so, and nowhere else."""

from pathlib import Path
from typing import Any

import pytest
from small_desks import lay, pairs
from small_studies import lay_out, opened, visiting

from accord.collect.web import consent_facts as facts
from accord.collect.web.consent_facts import consent_facts

GOLD = [{**pairs(1)[0], "gold": {"kind": "comparison", "preferred": "left"}}]
PRACTICE = [{**GOLD[0], "explanation": "so"}]
CORRECTION = {"kind": "correction", "text": "Put it right."}
TALK = {"least": 1, "most": 2}
TOPICS = [{"prompt": "Talk"}]
RATING = {"kind": "rating", "text": "How good?", "scale": {"low": 1, "high": 5, "step": 1}}

CASES: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set()),
    ({"gold_items": GOLD, "gold_share": 0.1}, {facts.GOLD}),
    ({"gold_items": GOLD}, set()),
    ({"repeat_share": 0.1}, {facts.REPEATS}),
    ({"comment": True}, {facts.COMMENT}),
    ({"questions": [CORRECTION], "items": [{"prompt": "Q", "completions": ["one"]}]}, {facts.WRITING}),
    ({"dialogue": TALK, "items": TOPICS}, {facts.DIALOGUE}),
    ({"dialogue": {**TALK, "edits": True}, "questions": [RATING], "items": TOPICS}, {facts.DIALOGUE, facts.WRITING}),
    ({"attributes": {"age": ["young", "old"]}}, {facts.ATTRIBUTES}),
    ({"suggest": {"share": 0.5}}, {facts.SUGGEST}),
    ({"assist": {"by": "remarks.jsonl"}}, {facts.ASSIST}),
]


@pytest.mark.parametrize(("keys", "more"), CASES)
def test_each_sentence_where_it_is_so(tmp_path: Path, keys: dict[str, Any], more: set[str]) -> None:
    (tmp_path / "remarks.jsonl").write_text("")
    assert set(consent_facts(lay(tmp_path, **keys))) == {facts.TIMED} | more


def test_practice_and_who_is_screened_out(tmp_path: Path) -> None:
    (plain,) = set(consent_facts(lay(tmp_path, practice_items=PRACTICE))) - {facts.TIMED}
    assert "explained" in plain
    assert "not asked further" not in plain
    screen = {"right": 0.5, "pay": 1.5, "code": "BYE"}
    (screened,) = set(consent_facts(lay(tmp_path, practice_items=PRACTICE, screen_out=screen))) - {facts.TIMED}
    assert "is not asked further and is paid 1.5 EUR" in screened


def test_the_page_says_it(tmp_path: Path) -> None:
    study = lay_out(tmp_path, top="comment = true")
    with opened(study, tmp_path / "people.db") as desk, visiting(desk) as visitor:
        page = visitor().get(f"/join/{desk.invite().token}").text
    assert facts.COMMENT in page
    assert facts.GOLD not in page
    assert "keystrokes" not in page
    assert "paid" not in page
