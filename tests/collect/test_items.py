"""Files of items: read whole or not at all, again without harm."""

from pathlib import Path
from typing import Any

import pytest
from small_desks import answer, join, lay, lines, opened, pairs, task

from accord.collect import Desk, Done, ItemTotals, Task
from accord.errors import AccordError, RecordError, StudyError
from accord.feedback import Ledger
from accord.records import Completion, Prompt, Sampling

GOLD = {"kind": "comparison", "preferred": "left"}


def test_reading_again_changes_nothing(tmp_path: Path, where: Path | str) -> None:
    with Ledger(where) as ledger:
        desk = opened(lay(tmp_path, [*pairs(4), pairs(1)[0]]), ledger)
        before = ledger.counts()
        twice = "items.jsonl:5: the same item as items.jsonl:1, which counts"
        assert desk.load_items() == ItemTotals(items=4, gold=0, practice=0, new=0, remarks=(twice,))
        assert ledger.counts() == before
        again = Desk(desk.study, ledger)
        assert again.load_items().new == 0


def test_what_the_file_no_longer_holds_is_not_asked_and_stays(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(2)), ledger)
        anna = join(desk)
        first = answer(desk, anna)
        left = [line for line in pairs(2) if line["prompt"] == first.prompt.text]
        lines(tmp_path / "items.jsonl", left)
        desk.load_items()
        assert isinstance(desk.next(anna), Done)
        assert {item.closed for item in desk.progress().items} == {"full", "withdrawn"}
        lines(tmp_path / "items.jsonl", pairs(3))
        assert desk.load_items().new == 1
        assert isinstance(desk.next(anna), Task)


def test_a_higher_overlap_opens_items_again(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(1)), ledger)
        answer(desk, join(desk))
        assert isinstance(desk.next(join(desk)), Done)
        more = opened(lay(tmp_path, pairs(1), overlap=2), ledger)
        assert isinstance(more.next(join(more)), Task)


def test_records_prompts_and_completions_by_id(tmp_path: Path) -> None:
    prompt = Prompt.ask("Who are you?", system="Be brief.")
    completion = Completion(prompt=prompt.id, text="Nobody.", writer="policy-3", sampling=Sampling(temperature=0.7))
    with Ledger(tmp_path / "l.db") as ledger:
        ledger.add(prompt, completion)
        items = [
            {
                "prompt": {"id": prompt.id},
                "completions": [
                    {"id": completion.id},
                    {"prompt": prompt.id, "text": "Somebody.", "writer": "policy-4", "sampling": {"temperature": 0.5}},
                ],
                "priority": 2,
                "overlap": 3,
                "warning": "identity",
            },
            {
                "prompt": {"messages": [{"role": "user", "content": "And I?"}], "mode": "creative"},
                "completions": ["You.", "I."],
            },
        ]
        desk = opened(lay(tmp_path, items), ledger)
        current = task(desk, join(desk))
        assert (current.prompt, current.warning) == (prompt, "identity")
        assert completion in current.completions
        assert {shown.writer for shown in current.completions} == {"policy-3", "policy-4"}
        assert desk.progress().items[0].overlap == 3


BAD: list[tuple[list[dict[str, Any]], str]] = [
    ([], "items.jsonl: holds no item; write one JSON object a line"),
    ([*pairs(1), {"prompt": "Q", "completions": ["a"]}], "items.jsonl:2 completions: a comparison is about 2, not 1"),
    ([{"prompt": "Q", "completions": ["a", "a"]}], "items.jsonl:1 completions: two are the same"),
    ([{"prompt": "Q"}], "items.jsonl:1 completions: missing, and nobody writes them"),
    ([{"completions": ["a", "b"]}], "items.jsonl:1 prompt: Field required"),
    ([{"prompt": " ", "completions": ["a", "b"]}], "items.jsonl:1 prompt: is empty"),
    ([{"prompt": {}, "completions": ["a", "b"]}], "items.jsonl:1 prompt: missing; give messages"),
    ([{"prompt": {"id": "p-1"}, "completions": ["a", "b"]}], "items.jsonl:1 prompt.id: p-1 is not in the ledger"),
    ([{"prompt": "Q", "completions": ["a", {"id": "c-1"}]}], "items.jsonl:1 completions: c-1 is not in the ledger"),
    ([{"prompt": "Q", "completions": ["a", {"writer": "x"}]}], "items.jsonl:1 completions: has no text"),
    ([{"prompt": "Q", "completions": ["a", "b"], "prioritty": 1}], "items.jsonl:1 prioritty: Extra inputs"),
    ([{"prompt": "Q", "completions": ["a", "b"], "overlap": 0}], "items.jsonl:1 overlap: Input should be greater"),
    (
        [*pairs(2), {"prompt": "Q", "completions": ["a", {"prompt": "p-other", "text": "b"}]}],
        "answers the prompt p-other, and this line's is",
    ),
    ([{"prompt": "Q", "completions": ["a", "b"], "gold": {"kind": "rating"}}], "items.jsonl:1 gold"),
    (
        [{"prompt": "Q", "completions": ["a", "b"], "gold": {"kind": "ranking", "tiers": [[0], [1]]}}],
        "items.jsonl:1 gold: a ranking, and this study asks for a comparison",
    ),
]


@pytest.mark.parametrize(("items", "message"), BAD)
def test_what_is_wrong_is_named_with_its_line_and_nothing_enters(
    tmp_path: Path, items: list[dict[str, Any]], message: str
) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        with pytest.raises(AccordError) as caught:
            opened(lay(tmp_path, items), ledger)
        assert message in str(caught.value)
        assert ledger.counts()["prompts"] == 0
        assert Desk(lay(tmp_path), ledger).progress().items == ()


def test_a_completion_of_another_prompt_in_the_ledger_is_named_with_its_line(tmp_path: Path) -> None:
    prompt, other = Prompt.ask("One?"), Prompt.ask("Another?")
    wrong = Completion(prompt=other.id, text="About another.")
    with Ledger(tmp_path / "l.db") as ledger:
        ledger.add(prompt, other, wrong)
        items = [*pairs(2), {"prompt": "One?", "completions": ["a", {"id": wrong.id}]}]
        with pytest.raises(RecordError, match=rf"items.jsonl:3 completions: {wrong.id} answers the prompt {other.id}"):
            opened(lay(tmp_path, items), ledger)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"prompt": "caf\xe9", "completions": ["a", "b"]}\n', "items.jsonl:1"),
        (b'{"prompt": "Q", "completions": ["a", "b"]}\nnot json\n', "items.jsonl:2"),
        (b"[]\n", "items.jsonl:1"),
        (b"\n\n", "items.jsonl: holds no item"),
    ],
)
def test_bytes_that_are_no_lines(tmp_path: Path, content: bytes, message: str) -> None:
    study = lay(tmp_path)
    (tmp_path / "items.jsonl").write_bytes(content)
    with Ledger(tmp_path / "l.db") as ledger, pytest.raises(AccordError) as caught:
        opened(study, ledger)
    assert message in str(caught.value)


def test_practice_and_gold_need_what_they_are_for(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        with pytest.raises(StudyError, match=r"gold.jsonl:1 gold: missing; write the answer"):
            opened(lay(tmp_path, gold_items=pairs(1)), ledger)
        with pytest.raises(StudyError, match=r"practice.jsonl:1 completions: missing; a practice question"):
            opened(lay(tmp_path, practice_items=[{"prompt": "Q", "gold": GOLD}]), ledger)
        with pytest.raises(StudyError, match="items_file: missing"):
            Desk(lay(tmp_path).model_copy(update={"items_file": None}), ledger).load_items()
