"""OpenAssistant's trees, nested and flat: the same records, refused by name, written and read again."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from foreign_rows import MISSING, changed, imported, refusal, round_trip, written
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.feedback import Ledger, export_feedback, import_feedback, is_known
from accord.records import Ranking, Rating, Scale


def node(name: str, role: str, *replies: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"message_id": name, "role": role, "text": f"text {name}", "lang": "en", "replies": list(replies), **fields}


QUALITY = {"quality": {"value": 0.75, "count": 3}, "spam": {"value": 0.0, "count": 3}}
TREE: dict[str, Any] = {
    "message_tree_id": "r",
    "tree_state": "ready_for_export",
    "prompt": node(
        "r",
        "prompter",
        node("a", "assistant", node("a1", "prompter", node("a2", "assistant", rank=None)), rank=1, labels=QUALITY),
        node("b", "assistant", rank=0, synthetic=True, model_name="oasst-sft-1"),
        node("c", "assistant", rank=1),
        node("d", "assistant", rank=2, deleted=True),
        node("e", "prompter"),
    ),
}


def flat(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of a tree as rows, its labels as parallel lists."""
    rows, waiting = [], [(tree["prompt"], None)]
    while waiting:
        message, parent = waiting.pop(0)
        fields = {name: value for name, value in message.items() if name != "replies"}
        labels = message.get("labels")
        if labels:
            fields["labels"] = {
                "name": list(labels),
                "value": [label["value"] for label in labels.values()],
                "count": [label["count"] for label in labels.values()],
            }
        rows.append({**fields, "parent_id": parent, "message_tree_id": tree["message_tree_id"]})
        waiting += [(reply, message["message_id"]) for reply in message["replies"]]
    return rows


def test_replies_are_ranked_and_labelled_by_nobody_in_particular(tmp_path: Path) -> None:
    got = imported(tmp_path, TREE, expect="oasst")
    assert {tuple(message.content for message in prompt.messages) for prompt in got.prompts} == {
        ("text r",),
        ("text r", "text a", "text a1"),
        ("text r", "text e"),
    }
    assert {each.text: each.writer for each in got.completions} == {
        "text a": None,
        "text b": "oasst-sft-1",
        "text c": None,
        "text a2": None,
    }
    (ranking,) = [each for each in got.feedback if each.judgement.kind == "ranking"]
    assert isinstance(ranking.judgement, Ranking)
    texts = got.texts(ranking)
    assert [{texts[place] for place in tier} for tier in ranking.judgement.tiers] == [{"text b"}, {"text a", "text c"}]
    ratings = [each for each in got.feedback if each.judgement.kind == "rating"]
    assert [(each.study, each.judgement) for each in ratings] == [
        ("oasst.quality", Rating(value=0.75, scale=Scale(low=0, high=1))),
        ("oasst.spam", Rating(value=0.0, scale=Scale(low=0, high=1))),
    ]
    assert {got.texts(each)[0] for each in ratings} == {"text a"}
    assert {each.conversation for each in got.feedback} == {"r"}
    assert not any(is_known(got.who(each)) for each in got.feedback)


def test_flat_rows_are_the_same_tree(tmp_path: Path) -> None:
    nested, rows = imported(tmp_path, TREE), imported(tmp_path, *flat(TREE), expect="oasst")
    assert nested.records.keys() == rows.records.keys()


def test_of_replies_with_one_text_the_best_rank_counts(tmp_path: Path) -> None:
    same = [node(name, "assistant", rank=rank, text="same") for name, rank in (("a", 2), ("b", 0))]
    tree = {"message_tree_id": "r", "prompt": node("r", "prompter", *same, node("c", "assistant", rank=1))}
    (ranking,) = imported(tmp_path, tree).feedback
    assert isinstance(ranking.judgement, Ranking)
    assert len(ranking.completions) == 2


@pytest.mark.parametrize(
    ("rows", "path", "value", "message"),
    [
        ([TREE], "prompt/replies/0/role", "judge", "f.jsonl:1 prompt replies.0 role: 'judge' is not one of"),
        ([TREE], "prompt/replies/0/text", None, "f.jsonl:1 prompt replies.0 text: null"),
        ([TREE], "prompt/replies/0/rank", 0.5, "f.jsonl:1 prompt replies.0 rank: expected a whole number, not 0.5"),
        ([TREE], "prompt/replies/0/labels/quality/value", 1.5, "labels quality: 1.5 is not on the scale 0..1"),
        ([TREE], "prompt/replies/0/labels/quality", 1, "labels quality: expected names and values"),
        ([TREE], "prompt/replies/1", "x", "f.jsonl:1 prompt replies.1: expected names and values"),
        ([TREE], "message_tree_id", None, "f.jsonl:1 message_tree_id: null"),
        (flat(TREE), "parent_id", "z", "f.jsonl:1 parent_id: 'z' is no message of the rows of its tree"),
        (flat(TREE), "message_id", "b", "message_id: 'b' stands twice in its tree"),
        (flat(TREE), "parent_id", "a", "f.jsonl:1 parent_id: messages of its tree are each other's parents"),
        (flat(TREE), "text", MISSING, "f.jsonl:1 text: missing"),
    ],
)
def test_a_malformed_field_is_named(tmp_path: Path, rows: list[Any], path: str, value: Any, message: str) -> None:
    first, *others = rows
    assert message in refusal(tmp_path, "oasst", changed(first, path, value), *others)


def test_trees_deeper_than_the_stack_are_read(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {
            "message_tree_id": "r",
            "message_id": str(number),
            "parent_id": None if number == 0 else str(number - 1),
            "role": "assistant" if number % 2 else "prompter",
            "text": str(number),
        }
        for number in range(1_200)
    ]
    got = imported(tmp_path, *rows)
    assert (len(got.prompts), len(got.completions)) == (600, 600)


texts = st.text(min_size=1, max_size=5)
ranks = st.none() | st.integers(0, 3)
labels = st.dictionaries(
    st.sampled_from(["quality", "spam", "humor"]), st.fixed_dictionaries({"value": st.none() | st.floats(0, 1)})
)
models = st.none() | st.sampled_from(["sft-1", "sft-2"])


def nodes(role: str, replies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    fields = {"role": st.just(role), "text": texts, "replies": replies}
    if role == "assistant":
        fields |= {"rank": ranks, "labels": labels, "model_name": models}
    return st.fixed_dictionaries(fields)


leaves = nodes("assistant", st.just([]))
questions = nodes("prompter", st.lists(leaves, max_size=3))
answers = nodes("assistant", st.lists(questions, max_size=2))
trees = st.builds(
    lambda name, prompt: {"message_tree_id": name, "prompt": prompt},
    st.sampled_from(["t-1", "t-2"]),
    nodes("prompter", st.lists(answers, max_size=3)),
)


@settings(max_examples=8)
@given(st.lists(trees, min_size=1, max_size=4))
def test_rankings_and_labels_come_back_under_the_same_ids(rows: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trip = round_trip(Path(folder), "oasst", *rows)
        assert trip.same
        assert trip.lost == {}


def test_what_a_tree_cannot_hold_is_counted(tmp_path: Path) -> None:
    system = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "2 + 3?"}]
    rows = [
        {"prompt": system, "completion": "5", "label": True},
        {"prompt": "2 + 3?", "completion": "5", "label": False},
    ]
    with Ledger(tmp_path / "ledger.db") as ledger:
        import_feedback(written(tmp_path, *rows), "trl_unpaired", ledger)
        counts = export_feedback(ledger, tmp_path / "trees.jsonl", "oasst")
    assert counts.records == 0
    assert counts.lost["prompts with a system message, tools or attachments"] == 1
    assert counts.lost["ratings that are no labels from 0 to 1"] == 1
