"""The desk, the statistics of the ledger and the audit say the same of the same answers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_desks import join, lay, opened, task
from test_answerable import SCALE, question_of

from accord.collect import Desk, Person
from accord.feedback import Ledger, same_judgement, summarise_evaluators
from accord.records import Comparison, Completion, Judgement, Label, Ranking, Rating, Scale, Steps

QUESTIONS: dict[str, dict[str, Any]] = {
    "comparison": {},
    "ranking": {},
    "rating": {"scale": SCALE},
    "label": {"labels": ["a", "b", "c"]},
    "spans": {"span_types": ["wrong", "rude"]},
    "steps": {},
}
TEXTS = {"comparison": ["long text", "text"], "ranking": ["1", "22", "333", "4444"]}


def form_of(kind: str, completions: Sequence[Completion], again: bool) -> dict[str, str]:
    """What a steady person answers; asked `again`, the same in other words where the kind has some."""
    places = sorted(range(len(completions)), key=lambda place: len(completions[place].text))
    match kind:
        case "comparison":
            return {"preferred": ["left", "right"][places[-1]]}
        case "ranking":  # the two shortest are tied, named in either order
            first = places[1::-1] if again else places[:2]
            return {"tiers": f"{first[0]},{first[1]}|{places[2]}|{places[3]}"}
        case "rating":
            return {"value": "7.0" if again else "7"}
        case "label":
            return {"chosen": "c,a" if again else "a,c"}
        case "spans":
            marks = [{"start": 0, "end": 4, "type": "wrong"}, {"start": 5, "end": 9, "type": "rude"}]
            moved = [{"start": 6, "end": 8, "type": "rude"}, {"start": 1, "end": 3, "type": "wrong"}]
            return {"spans": json.dumps(moved if again else marks)}
        case _:
            return {"verdicts": "right,wrong,right" if again else "right,wrong,wrong"}


def work_through(desk: Desk, person: Person, kind: str, n: int) -> None:
    seen: set[str] = set()
    for _ in range(n):
        current = task(desk, person)
        desk.submit(person, current.reservation, form_of(kind, current.completions, current.item in seen))
        seen.add(current.item)


@pytest.mark.parametrize("kind", list(QUESTIONS))
def test_what_is_asked_again_and_answered_the_same_is_the_same_everywhere(tmp_path: Path, kind: str) -> None:
    texts = TEXTS.get(kind, ["one two\nthree\nfour"])
    items = [{"prompt": f"Q{n}", "completions": texts} for n in range(30)]
    with Ledger(tmp_path / "l.db") as ledger:
        question = {"kind": kind, "text": "Q?", **QUESTIONS[kind]}
        desk = opened(lay(tmp_path, items, question=question, repeat_share=0.4, repeat_gap=1), ledger)
        anna = join(desk)
        work_through(desk, anna, kind, 30)
        (person,) = desk.progress().people
        (summary,) = summarise_evaluators(ledger)
        assert person.repeats is not None
        assert person.repeats.n == summary.controls.repeats > 4
        assert person.repeats.value == summary.controls.repeat_same == 1


def test_an_answer_that_was_taken_back_is_compared_with_nothing(tmp_path: Path) -> None:
    items = [{"prompt": f"Q{n}", "completions": ["long text", "text"]} for n in range(40)]
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, items, repeat_share=0.4, repeat_gap=1), ledger)
        anna = join(desk)
        work_through(desk, anna, "comparison", 30)
        before = summarise_evaluators(ledger)[0].controls.repeats
        first = next(record.repeat_of for record in ledger.feedback() if record.repeat_of)
        while (back := desk.undo(anna)) and desk.can_undo(anna):
            if any(r.id == first and r.completions == tuple(c.id for c in back.completions) for r in ledger.feedback()):
                break
        desk.submit(anna, back.reservation, {"preferred": "tie"})
        (person,), (summary,) = desk.progress().people, summarise_evaluators(ledger)
        assert first in {record.replaces for record in ledger.feedback()}
        assert person.repeats is not None
        assert person.repeats.n == summary.controls.repeats == before - 1
        assert person.repeats.value == summary.controls.repeat_same == 1


def gold_of(kind: str) -> dict[str, Any]:
    """The right answer, written otherwise than the page writes it."""
    match kind:
        case "rating":
            return {"kind": "rating", "value": 7, "scale": {"low": 1, "high": 7}}
        case "label":
            return {"kind": "label", "chosen": ["c", "a"], "offered": ["c", "b", "a"]}
        case "ranking":
            return {"kind": "ranking", "tiers": [[1, 0], [2], [3]]}
        case "steps":
            return {"kind": "steps", "verdicts": ["right", "wrong", "right"]}
        case _:
            return {"kind": "comparison", "preferred": "left"}


@pytest.mark.parametrize("kind", [kind for kind in QUESTIONS if kind != "spans"])
def test_control_questions_are_right_or_declined_everywhere(tmp_path: Path, kind: str) -> None:
    texts = TEXTS.get(kind, ["one two\nthree\nfour"])
    items = [{"prompt": f"Q{n}", "completions": texts} for n in range(30)]
    gold = [{"prompt": f"G{n}", "completions": texts, "gold": gold_of(kind)} for n in range(12)]
    with Ledger(tmp_path / "l.db") as ledger:
        question = {"kind": kind, "text": "Q?", **QUESTIONS[kind]}
        desk = opened(lay(tmp_path, items, question=question, gold_items=gold, gold_share=0.4), ledger)
        anna = join(desk)
        declined = 0
        for _ in range(30):
            current = task(desk, anna)
            if current.prompt.text.startswith("G") and not declined:
                desk.decline(anna, current.reservation)
                declined += 1
            else:
                desk.submit(anna, current.reservation, form_of(kind, current.completions, again=False))
        progress = desk.progress()
        (person,), (summary,) = progress.people, summarise_evaluators(ledger)
        assert declined == 1
        assert person.gold is not None
        assert progress.gold is not None
        assert person.gold.n == progress.gold.n == summary.controls.gold > 4
        assert person.gold.value == progress.gold.value == summary.controls.gold_right == 1


ABC = ("a", "b", "c")
ANSWERS: dict[str, st.SearchStrategy[Judgement]] = {
    "comparison": st.builds(Comparison, preferred=st.sampled_from(["left", "right", "tie"])),
    "ranking": st.sampled_from(
        [((0,), (1,), (2,)), ((1,), (0,), (2,)), ((0, 1), (2,)), ((1, 0), (2,)), ((2,), (0, 1)), ((2,), (1, 0))]
    ).map(lambda tiers: Ranking(tiers=tiers)),
    "rating": st.builds(Rating, value=st.sampled_from([1.0, 2.0, 7.0]), scale=st.just(Scale.model_validate(SCALE))),
    "label": st.sets(st.sampled_from("abc")).map(lambda on: Label(selected=tuple(sorted(on)), options=ABC)),
    "steps": st.lists(st.sampled_from(["right", "wrong", "unsure"]), min_size=3, max_size=3).map(
        lambda verdicts: Steps(verdicts=tuple(verdicts))
    ),
}


@pytest.mark.parametrize("kind", list(ANSWERS))
@given(data=st.data())
def test_votes_are_counted_together_exactly_where_answers_say_the_same(kind: str, data: st.DataObject) -> None:
    question = question_of(kind, **QUESTIONS[kind])
    orders = st.permutations(["a", "b"] if kind == "comparison" else ["a", "b", "c"] if kind == "ranking" else ["a"])
    one, other = data.draw(ANSWERS[kind]), data.draw(ANSWERS[kind])
    first, second = data.draw(orders), data.draw(orders)
    same = question.vote(one, first) == question.vote(other, second)
    assert same == same_judgement(one, other, first, second)
    assert question.agree(question.reorder(other, second, first), one) == same
