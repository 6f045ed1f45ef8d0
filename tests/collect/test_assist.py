"""A machine beside people: remarks from a file or a model, shown by lot, on the record, outside of what is judged."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from in_browser import CHROMIUM, enter, feedback_in, send, shown, violations
from small_desks import join, lay, lines, opened, pairs, task
from small_studies import lay_out, visiting

from accord.cli.answerers import assistant_of
from accord.collect import Desk, Person, Task
from accord.collect.assignment.lots import assistance
from accord.collect.sources.answering import Answer
from accord.errors import ModelError, RecordError, StudyError
from accord.feedback import Ledger, assistance_effects, draw_pairs
from accord.interfaces import Item
from accord.records import Comparison, Critique, Declined, Evaluator, Judgement, Span, Spans, Usage
from talking_server import answer_key, talking

N = 6
WRONG = {"critique": "It is wrong.", "by": "critic"}


def prepared(folder: Path, n: int = N, **more: Any) -> list[dict[str, Any]]:
    """A remark on the second completion of each pair."""
    return [{"prompt": f"Question {i}", "completion": f"bad {i}", **WRONG, **more} for i in range(n)]


def with_remarks(folder: Path, remarks: Sequence[dict[str, Any]] | None = None, share: float = 0.5, **keys: Any) -> Any:
    name = lines(folder / "remarks.jsonl", prepared(folder) if remarks is None else remarks)
    keys.setdefault("items", pairs(N))
    items = keys.pop("items")
    assist = {"by": name, "share": share, **keys.pop("assist", {})}
    return lay(folder, items, assist=assist, overlap=20, session_items=200, **keys)


def judge_all(desk: Desk, person: Person, form: dict[str, str] | None = None) -> list[Task]:
    tasks = []
    for _ in range(N):
        tasks.append(task(desk, person))
        desk.submit(person, tasks[-1].reservation, form or {"preferred": "left"})
    return tasks


def test_a_remark_is_shown_by_lot_and_on_the_record_either_way(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(with_remarks(tmp_path), ledger)
        people = [join(desk) for _ in range(5)]
        tasks = [each for person in people for each in judge_all(desk, person)]
        records = {record.id: record for record in ledger.feedback()}
        evaluators = ledger.evaluators()
        assert len(draw_pairs(ledger).pairs) == 5 * N
    answers = [record for record in records.values() if isinstance(record.judgement, Comparison)]
    shown = [record.assistance.shown for record in answers if record.assistance is not None]
    assert len(answers) == len(shown) == 5 * N, "whether it was shown is on every record"
    assert 0.3 < sum(shown) / len(shown) < 0.7
    assert [bool(each.remarks) for each in tasks] == shown
    for record in answers:
        assert record.assistance is not None
        assert evaluators[record.assistance.by] == Evaluator(kind="model", pseudonym="critic")
        remark = records[record.assistance.digest or ""]
        assert (remark.evaluator, remark.judgement) == (record.assistance.by, Critique(text="It is wrong."))
        assert remark.completions[0] in record.completions
        assert remark.study is None, "it is no answer to the study's question"
    for each in tasks:
        assert all(each.completions[remark.place].text.startswith("bad") for remark in each.remarks)


def test_the_lot_can_be_drawn_again(tmp_path: Path) -> None:
    """It is of seed, person and item alone; whoever takes an answer back or is asked again sees the same."""
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(with_remarks(tmp_path, share=0.4, repeat_share=0.4, repeat_gap=1), ledger, seed=3)
        anna, ben = join(desk), join(desk)
        tasks = {person.pseudonym: judge_all(desk, person) for person in (anna, ben)}
        redo = desk.undo(ben)
        assert redo.remarks == tasks[ben.pseudonym][-1].remarks
        desk.submit(ben, redo.reservation, {"preferred": "right"})
        last = list(ledger.feedback())[-1]
        assert last.replaces
        assert last.assistance is not None
        assert last.assistance.shown is bool(redo.remarks)
    for name, of_person in tasks.items():
        drawn = [assistance(3, name, each.item, assistants=1, share=0.4)[1] for each in of_person]
        assert [bool(each.remarks) for each in of_person] == drawn
        assert len({each.item for each in of_person}) < N, "some are asked twice"
    shares = [assistance(seed, "p", "i", assistants=2, share=0.3) for seed in range(4000)]
    assert abs(sum(shown for _, shown in shares) / 4000 - 0.3) < 0.03
    assert abs(sum(place for place, _ in shares) / 4000 - 0.5) < 0.03


def test_a_share_of_all_or_nothing(tmp_path: Path) -> None:
    for share in (0.0, 1.0):
        with Ledger(tmp_path / f"{share}.db") as ledger:
            desk = opened(with_remarks(tmp_path, share=share), ledger)
            assert {bool(each.remarks) for each in judge_all(desk, join(desk))} == {share == 1}


def test_an_assistant_that_is_wrong_on_purpose_is_told_from_one_that_is_right(tmp_path: Path) -> None:
    """People who believe what they read are right beside the one and wrong beside the other."""
    gold = [{**line, "gold": {"kind": "comparison", "preferred": "left"}} for line in pairs(6)]
    for number, line in enumerate(gold):
        line["prompt"] = f"Known {number}"
    remarks = [
        {"prompt": line["prompt"], "completion": line["completions"][bad], "critique": "This one is bad.", "by": by}
        for line in gold
        for bad, by in ((1, "right"), (0, "wrong on purpose"))
    ]
    study = with_remarks(tmp_path, remarks, items=pairs(20), gold_items=gold, gold_share=0.5, share=0.6)
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(study, ledger)
        for _ in range(4):
            person = join(desk)
            for _ in range(10):
                current = task(desk, person)
                bad = current.remarks[0].place if current.remarks else 0
                desk.submit(person, current.reservation, {"preferred": "right" if bad == 0 else "left"})
        effects = assistance_effects(ledger)
        names = {name: evaluator.pseudonym for name, evaluator in ledger.evaluators().items()}
    shown = {names[effect.by]: effect.shown.value for effect in effects if effect.shown is not None}
    assert shown == {"right": 1.0, "wrong on purpose": 0.0}
    assert all(effect.withheld is not None and 0 < effect.withheld.value < 1 for effect in effects)


def test_practice_has_no_remarks(tmp_path: Path) -> None:
    item = {**pairs(1)[0], "gold": {"kind": "comparison", "preferred": "left"}}
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(with_remarks(tmp_path, share=1.0, practice_items=[item]), ledger)
        person = join(desk)
        practice = task(desk, person)
        assert (practice.practice, practice.remarks) == (True, ())
        desk.submit(person, practice.reservation, {"preferred": "left"})
        assert task(desk, person).remarks


def test_the_file_may_change(tmp_path: Path) -> None:
    """What is gone is shown no more; what somebody has in hands stays as it was drawn; strangers are told of."""
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(with_remarks(tmp_path, share=1.0), ledger)
        person = join(desk)
        first = task(desk, person)
        rows = ledger.rows()
        assert desk.load_items().remarks == ()
        assert ledger.rows() == rows, "the same file adds nothing"
        strange = {"prompt": "Another", "completion": "A stranger.", "critique": "?"}
        desk = opened(with_remarks(tmp_path, [strange], share=1.0), ledger)
        [told] = desk.load_items().remarks
        assert told == "remarks.jsonl: 1 remarks are about completions of no item of this study; they are not shown"
        assert task(desk, person).remarks == first.remarks != ()
        desk.submit(person, first.reservation, {"preferred": "left"})
        assert task(desk, person).remarks == ()
        assert list(ledger.feedback())[-1].assistance is not None


@pytest.mark.parametrize(
    ("remark", "error", "problem"),
    [
        (
            {"spans": []},
            StudyError,
            "remarks.jsonl:1: the study's assist.kind is 'critique'; write that, and that alone",
        ),
        ({}, StudyError, "remarks.jsonl:1: the study's assist.kind is 'critique'"),
        ({"critique": "x", "spans": []}, StudyError, "remarks.jsonl:1: the study's assist.kind is 'critique'"),
        ({"critique": ""}, RecordError, "remarks.jsonl:1: String should have at least 1 character"),
        (
            {"critique": "x", "start": 0, "end": 99},
            RecordError,
            "remarks.jsonl:1 critique: 0..99 is no stretch of the completion, which has 5 characters",
        ),
        ({"critique": "x", "who": "me"}, RecordError, "remarks.jsonl:1 who"),
        ({"critique": "x", "completion": {"id": "c-nobody"}}, RecordError, "c-nobody is not in the ledger"),
    ],
)
def test_a_remark_that_says_nothing_is_refused(
    tmp_path: Path, remark: dict[str, Any], error: type[Exception], problem: str
) -> None:
    study = with_remarks(tmp_path, [{"prompt": "Question 0", "completion": "bad 0", **remark}])
    with Ledger(tmp_path / "l.db") as ledger:
        with pytest.raises(error) as raised:
            opened(study, ledger)
        assert problem in str(raised.value)
        assert sum(ledger.counts().values()) == 0, "nothing of the files enters"


def test_studies_that_remarks_do_not_go_with(tmp_path: Path) -> None:
    with pytest.raises(
        StudyError, match=r"study.assist: remarks are about completions, and a demonstration is about no"
    ):
        with_remarks(tmp_path, question={"kind": "demonstration"})
    with pytest.raises(StudyError, match=r"study.assist: no remarks stand beside a dialogue"):
        with_remarks(tmp_path, dialogue={})
    with pytest.raises(StudyError, match=r"study.assist.by: http://\S+ is an endpoint, and nobody asks it"):
        opened(lay(tmp_path, assist={"by": "http://localhost:1/v1"}), Ledger(tmp_path / "l.db"))


# -- a model ------------------------------------------------------------------------------------------------------


CRITIC = Evaluator(kind="model", pseudonym="critic")


@dataclass
class Critic:
    """An assistant; what it says of a text, or raises. Several threads may ask at once."""

    says: dict[str, Judgement | Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    evaluator: Evaluator = CRITIC
    depends_on_order: bool = False

    def most_tokens(self, item: Item) -> int:
        return len(item.completions)

    def answer(self, item: Item) -> Answer:
        [completion] = item.completions
        self.asked.append(completion.text)
        judgement = self.says.get(completion.text, Critique(text=f"On {completion.text}."))
        if isinstance(judgement, Exception):
            raise judgement
        return Answer(judgement, Usage(input_tokens=7, output_tokens=3))


ENDPOINT = {"assist": {"by": "http://localhost:1/v1", "share": 1.0}, "session_items": 100}


def test_a_model_is_asked_once_about_each_completion(tmp_path: Path) -> None:
    critic = Critic({"bad 1": Declined(reason="no idea")})
    study = lay(tmp_path, pairs(3), **ENDPOINT)
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(study, ledger, assistant=critic)
        assert sorted(critic.asked) == sorted(f"{word} {n}" for n in range(3) for word in ("good", "bad"))
        desk.load_items()
        opened(study, ledger, assistant=critic)
        assert len(critic.asked) == 6, "what was said is not asked again"
        person = join(desk)
        for _ in range(3):
            current = task(desk, person)
            texts = [current.completions[remark.place].text for remark in current.remarks]
            said = [remark.judgement.text for remark in current.remarks if isinstance(remark.judgement, Critique)]
            assert said == [f"On {text}." for text in texts]
            assert texts == [each.text for each in current.completions if each.text != "bad 1"]
            desk.submit(person, current.reservation, {"preferred": "left"})
        remarks = [record for record in ledger.feedback() if record.evaluator == critic.evaluator.id]
    assert len(remarks) == 5
    assert all(record.usage == Usage(input_tokens=7, output_tokens=3) and record.time for record in remarks)


def test_an_assistant_that_fails_costs_nobody_an_item(tmp_path: Path) -> None:
    critic = Critic({f"{word} {n}": ModelError("it is down") for n in range(12) for word in ("good", "bad")})
    study = lay(tmp_path, pairs(12), **ENDPOINT)
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(study, ledger, assistant=critic)
        assert len(critic.asked) == 4, "several failures in a row end the asking"
        assert {note.kind for note in desk.progress().notes} == {"assistant"}
        assert "it is down" in desk.progress().notes[0].message
        person = join(desk)
        current = task(desk, person)
        assert current.remarks == ()
        receipt = desk.submit(person, current.reservation, {"preferred": "left"})
        critic.says.clear()
        desk.load_items()
        assert len(critic.asked) == 4 + 24, "it is asked another time"
        assert len(task(desk, person).remarks) == 2
        [record] = [each for each in ledger.feedback() if each.id == receipt.feedback]
        assert record.assistance is None


def test_completions_that_are_written_live_have_remarks_too(tmp_path: Path) -> None:
    from test_live_candidates import BARE, Policy

    critic = Critic()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, BARE, **ENDPOINT), ledger, writer=Policy(), assistant=critic)
        assert critic.asked == []
        current = task(desk, join(desk))
        assert sorted(critic.asked) == sorted(each.text for each in current.completions)
        assert len(current.remarks) == 2


# -- the page -----------------------------------------------------------------------------------------------------

HOSTILE = "<script>alert(1)</script> **bold** \u202e</aside> {{ 7 * 7 }}"
SPANS = {"kind": "spans", "text": "Mark what is wrong.", "span_types": ["wrong"]}


def test_the_page_tells_that_a_machine_wrote_it_and_escapes_it(tmp_path: Path) -> None:
    remark = [{"prompt": "Q", "completion": "bad", "critique": HOSTILE, "by": "wrong on purpose"}]
    item = [{"prompt": "Q", "completions": ["good", "bad"]}]
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        desk = opened(with_remarks(tmp_path, remark, share=1.0, items=item), ledger)
        with visiting(desk) as visitors:
            anna = visitors()
            anna.join(desk.invite().token)
            page = anna.get("/work").text
            assert "A language model wrote this, not a person" in page
            assert "&lt;script&gt;alert(1)&lt;/script&gt; **bold** " in page
            assert "<script>alert" not in page
            assert "U+202E" in page
            assert "wrong on purpose" not in page, "who it is by could tell what to think of it"
            assert "On answer" in page
            assert anna.answer(preferred="left").status_code == 200
        [record] = [each for each in ledger.feedback() if isinstance(each.judgement, Comparison)]
    assert record.assistance is not None
    assert record.assistance.shown
    assert record.shown_digest == record.available_digest, "what is judged is what it was"


def test_marked_stretches_stand_beside_the_text_and_shift_nothing(tmp_path: Path) -> None:
    text = "The moon landing was in 1968.\r\nIt was \u202eon a Sunday."
    spans = [{"start": 24, "end": 28, "type": "wrong", "note": "it was 1969"}]
    remark = [{"prompt": "Q", "completion": text, "spans": spans, "by": "m"}]
    bodies = []
    for share in (1.0, 0.0):
        folder = tmp_path / str(share)
        folder.mkdir()
        study = with_remarks(
            folder, remark, share=share, items=[{"prompt": "Q", "completions": [text]}], question=SPANS,
            assist={"kind": "spans"},
        )  # fmt: skip
        with Ledger(folder / "l.db", pooled=True) as ledger:
            desk = opened(study, ledger)
            with visiting(desk) as visitors:
                anna = visitors()
                anna.join(desk.invite().token)
                page = anna.get("/work").text
                assert ("it was 1969" in page) is ("<aside" in page) is (share == 1)
                bodies.append(
                    page.partition('<div class="raw marks"')[2].partition("<h2>Marked</h2>")[0].partition("<aside")[0]
                )
                assert anna.answer(**{"start-0": "24", "end-0": "28", "type-0": "wrong"}).status_code == 200
            own = [each for each in ledger.feedback() if each.study == "small"]
        assert [each.judgement for each in own] == [Spans(spans=(Span(start=24, end=28, type="wrong"),))]
    assert bodies[0] == bodies[1] != ""


@pytest.mark.parametrize(
    ("kind", "reply", "judgement"),
    [
        ("critique", "\nQUOTE: bad\nIt says nothing.", Critique(text="It says nothing.", start=0, end=3)),
        ("spans", '[{"type": "misleading", "quote": "bad"}]', Spans(spans=(Span(start=0, end=3, type="misleading"),))),
    ],
)
def test_the_model_of_an_endpoint_makes_the_remarks(
    tmp_path: Path, kind: str, reply: str, judgement: Judgement
) -> None:
    def answers(body: dict[str, Any]) -> str:
        about_bad = "bad" in body["messages"][0]["content"]
        return f"ANSWER {answer_key(body)}: {reply}" if about_bad else "I would rather say nothing."

    with talking(answers) as (url, bodies), Ledger(tmp_path / "l.db") as ledger:
        study = lay(tmp_path, pairs(1), assist={"by": url, "kind": kind, "share": 1.0})
        desk = opened(study, ledger, assistant=assistant_of(study))
        current = task(desk, join(desk))
        assert [(current.completions[each.place].text, each.judgement) for each in current.remarks] == [
            ("bad 0", judgement)
        ]
        assert len(bodies) == 3, "what could not be read is asked once more, and is no remark"
        assert all("What is wrong or misleading in this answer?" in body["messages"][0]["content"] for body in bodies)
    assert assistant_of(lay(tmp_path)) is None


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, so no page can be seen as people do")
def test_in_a_browser_marks_beside_remarks_are_where_they_were_set(browser: Any, tmp_path: Path) -> None:
    """Words are marked by keyboard in the text, not in what the machine marked; the page is accessible."""
    remark = {"spans": [{"start": 24, "end": 28, "type": "wrong", "note": "it was 1969"}], "by": "m"}
    study = lay_out(tmp_path, "spans", more='[assist]\nby = "remarks.jsonl"\nkind = "spans"\nshare = 1.0')
    items = [json.loads(line) for line in (study.parent / "items.jsonl").read_text().splitlines()]
    lines(
        study.parent / "remarks.jsonl",
        [{"prompt": each["prompt"], "completion": each["completions"][0], **remark} for each in items],
    )
    with shown(browser, study) as (desk, page):
        enter(page, desk)
        assert page.locator(".remarks q").first.inner_text() == "1968"
        assert page.locator(".remarks").bounding_box()["y"] > page.locator(".marks").bounding_box()["y"]
        assert violations(page) == []
        page.keyboard.press("t")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("1")
        send(page)
    *_, record = feedback_in(tmp_path / "people.db")
    assert isinstance(record.judgement, Spans)
    [span] = record.judgement.spans
    assert (span.start, items[0]["completions"][0][span.start : span.end].strip()) == (0, "The")
    assert record.assistance is not None
    assert record.assistance.shown
