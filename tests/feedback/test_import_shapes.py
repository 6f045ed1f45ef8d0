"""Files in the shapes that people really have: each is read as it is meant, or refused with what to say of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from accord.cli import run
from accord.errors import LedgerError, RecordError
from accord.feedback import ImportSettings, Ledger, Outgoing, import_into, is_known
from accord.records import Comparison, Message, ToolCall

ASK = [{"role": "user", "content": "What is 2+2?"}]
FOUR, FIVE = [{"role": "assistant", "content": "4."}], [{"role": "assistant", "content": "5."}]
PLAIN = {"prompt": "What is 2+2?", "chosen": "4.", "rejected": "5."}
PARTS = [{"role": "user", "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "2+2?"}]}]
IMAGE = {"type": "image_url", "image_url": {"url": "a.png"}}
NULLS = [{"role": "user", "content": "What is 2+2?", "name": None, "tool_calls": None}]


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def imported(path: Path, **settings: Any) -> list[Any]:
    """What stands in a new ledger behind the import of a file, joined."""
    location = path.with_name(f"{len(list(path.parent.iterdir()))}.db")
    import_into(location, path, ImportSettings(**settings))
    with Ledger(location, write=False) as ledger:
        return list(Outgoing(ledger, carries=frozenset({"comparison", "rating", "label"})).judged())


def answers(item: Any) -> tuple[str, str]:
    """What was chosen and what was rejected."""
    chosen, rejected = item.completions
    if item.feedback.judgement.preferred == "right":
        chosen, rejected = rejected, chosen
    return chosen.text, rejected.text


@pytest.mark.parametrize(
    "row",
    [
        PLAIN,
        {"prompt": ASK, "chosen": FOUR, "rejected": FIVE},
        {
            "prompt": "What is 2+2?",
            "chosen": ASK + FOUR,
            "rejected": ASK + FIVE,
            "prompt_id": "x",
            "messages": ASK + FOUR,
        },
        {"chosen": ASK + FOUR, "rejected": ASK + FIVE, "score_chosen": 8.0, "score_rejected": 3.5},
        {"prompt": ASK, "chosen": ASK + FOUR, "rejected": ASK + FIVE},
        {"prompt": "What is 2+2?", "chosen": "What is 2+2?4.", "rejected": "What is 2+2?5."},
        {"prompt": ASK, "chosen": "4.", "rejected": "5."},
        {"prompt": PARTS, "chosen": FOUR, "rejected": FIVE},
        {"prompt": NULLS, "chosen": FOUR, "rejected": FIVE},
        {"prompt": ASK[0], "chosen": FOUR, "rejected": FIVE},
        {"prompt": [{"from": "human", "value": "What is 2+2?"}], "chosen": FOUR, "rejected": FIVE},
    ],
)
def test_one_preference_in_every_shape(row: dict[str, Any], tmp_path: Path) -> None:
    (item,) = imported(lines(tmp_path / "f.jsonl", row))
    assert item.prompt.messages == (Message(role="user", content="What is 2+2?"),)
    assert answers(item) == ("4.", "5.")
    assert not is_known(item.evaluator)
    assert all(completion.turns is None for completion in item.completions)


def test_scores_stand_beside_the_comparison_on_their_own_sides(tmp_path: Path) -> None:
    rows = [{**PLAIN, "chosen": f"good {n}", "score_chosen": 8.0, "score_rejected": 3.5} for n in range(12)]
    items = imported(lines(tmp_path / "f.jsonl", *rows))
    sides = {(item.feedback.judgement.preferred, item.feedback.judgement.scores) for item in items}
    assert sides == {("left", (8.0, 3.5)), ("right", (3.5, 8.0))}


def test_three_workers_are_three_records(tmp_path: Path) -> None:
    votes = [("A", "B", "w1"), ("A", "B", "w2"), ("B", "A", "w3")]
    rows = [{"prompt": "q", "chosen": a, "rejected": b, "annotator": who} for a, b, who in votes]
    path = lines(tmp_path / "f.jsonl", *rows)
    with pytest.raises(LedgerError, match="--map evaluator=annotator or --ignore annotator"):
        imported(path)
    items = imported(path, columns={"evaluator": "annotator"})
    assert [(answers(item), item.evaluator.pseudonym) for item in items] == [((a, b), who) for a, b, who in votes]


def test_votes_without_a_voter_are_as_many_records(tmp_path: Path) -> None:
    rows = [PLAIN, PLAIN, {**PLAIN, "chosen": "5.", "rejected": "4."}, PLAIN]
    items = imported(lines(tmp_path / "f.jsonl", *rows))
    assert [(answers(item)[0], item.feedback.occurrence) for item in items] == [
        ("4.", None),
        ("4.", 1),
        ("5.", None),
        ("4.", 2),
    ]


def test_the_same_file_under_another_name_adds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = str(tmp_path / "l.db")
    for name in ("a.jsonl", "b.jsonl"):
        assert run(["import", str(lines(tmp_path / name, PLAIN, PLAIN)), "--ledger", ledger]) == 0
    assert "nothing is new: the ledger has all of it under this name already" in capsys.readouterr().out
    assert run(["import", str(tmp_path / "b.jsonl"), "--ledger", ledger, "--name", "other", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["judgements"] == {"read": {"comparison": 2}, "new": {"comparison": 2}}
    assert (printed["source"], printed["known"]) == ("other", {"trl_preference": 1})


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"question": "q", "chosen": "The a", "rejected": "The b"}, "--map prompt=question or --ignore question"),
        (
            {**PLAIN, "label": 0.5, "tie": True, "winner": "tie"},
            r"f.jsonl:1 label looks like which one was better: .*--ignore label; f.jsonl:1 winner",
        ),
        ({"prompt": "q", "choosen": "A", "rejected": "B"}, r"--map chosen=choosen"),
        ({**PLAIN, "score_choosen": 3}, r"looks like 'score_chosen', misspelt: --map score_chosen=score_choosen"),
        ({**PLAIN, "WorkerId": "w"}, "--map evaluator=WorkerId or --ignore WorkerId"),
        ({**PLAIN, "margin": 2}, "--map strength=margin or --ignore margin"),
        ({**PLAIN, "annotation.created_at": 2}, r"--map time=annotation.created_at"),
        ({**PLAIN, "Answer.rating": 2}, r"--ignore Answer.rating"),
        ({**PLAIN, "passage": "So it goes."}, "--map context=passage or --ignore passage"),
    ],
)
def test_a_column_that_means_something_is_never_dropped_unsaid(
    row: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(LedgerError, match=problem):
        imported(lines(tmp_path / "f.jsonl", row))
    assert not list(tmp_path.glob("*.db"))


def test_such_a_column_is_met_far_down_too(tmp_path: Path) -> None:
    rows = [{**PLAIN, "chosen": str(n), "margin": None} for n in range(50)]
    path = lines(tmp_path / "f.jsonl", *rows, {**PLAIN, "margin": 0.5})
    with pytest.raises(LedgerError, match=r"f\.jsonl:51 margin looks like by how much"):
        imported(path)
    assert imported(path, columns={"strength": "margin"})[-1].feedback.judgement.strength == 0.5


def test_columns_that_mean_nothing_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = lines(tmp_path / "f.jsonl", {**PLAIN, "uuid": "1"}, {**PLAIN, "subset": "s", "margin": 1})
    assert run(["import", str(path), "--ledger", str(tmp_path / "l.db"), "--ignore", "margin"]) == 0
    assert "not read: uuid, subset, margin" in capsys.readouterr().out


def test_rows_that_differ_in_any_part_of_the_prompt_are_never_one_prompt(tmp_path: Path) -> None:
    parts: list[dict[str, Any]] = [
        {},
        {"system": "Be brief."},
        {"history": [["Hello?", "Yes?"]]},
        {"context": "A passage."},
        {"history": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "No?"}]},
        {"system": "Be brief.", "context": "A passage."},
    ]
    items = imported(lines(tmp_path / "f.jsonl", *({**PLAIN, **part} for part in parts)))
    assert len({item.prompt.id for item in items}) == len(parts)
    assert [message.role for message in items[2].prompt.messages] == ["user", "assistant", "user"]
    assert items[3].prompt.text == "A passage.\n\nWhat is 2+2?"


def test_tools_and_images_are_kept(tmp_path: Path) -> None:
    asked = [
        {"role": "user", "content": [{"type": "text", "text": "Where?"}, IMAGE]},
        {"role": "assistant", "content": None, "tool_calls": [{"name": "w"}]},
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"q": 1}}}]},
        {"role": "tool", "content": "sunny", "tool_call_id": "c1"},
    ]  # fmt: skip
    (item,) = imported(lines(tmp_path / "f.jsonl", {**PLAIN, "prompt": asked}))
    user, _, call, tool = item.prompt.messages
    assert [(each.kind, each.uri, each.place) for each in user.attachments] == [("image", "a.png", 6)]
    assert call.tool_calls == (ToolCall(name="f", arguments='{"q": 1}', id="c1"),)
    assert (tool.role, tool.tool_call_id) == ("tool", "c1")


def test_pictures_beside_the_messages_make_prompts_of_their_own(tmp_path: Path) -> None:
    place = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}]
    pictures: list[Any] = [["a.png"], [{"path": "b.png", "bytes": None}], [{"bytes": "x" * 3_000, "path": None}]]
    rows = [{**PLAIN, "prompt": place, "images": each} for each in pictures] + [{**PLAIN, "images": ["a.png"]}]
    items = imported(lines(tmp_path / "f.jsonl", *rows))
    uris = [attachment.uri for item in items for message in item.prompt.messages for attachment in message.attachments]
    assert (uris[:2], uris[2][:7], uris[3]) == (["a.png", "b.png"], "sha256:", "a.png")
    assert len({item.prompt.id for item in items}) == 4
    for row in ({**PLAIN, "prompt": place}, {**PLAIN, "prompt": place, "images": ["a", "b"]}):
        with pytest.raises(RecordError, match=r"images: \d pictures for 1 places in the messages"):
            imported(lines(tmp_path / "g.jsonl", row))


def test_an_answer_of_several_turns_is_kept_whole(tmp_path: Path) -> None:
    turns = [{"role": "assistant", "content": "Let me look.", "tool_calls": [{"name": "w"}]},
             {"role": "tool", "content": "sunny"}, {"role": "assistant", "content": "Sunny."}]  # fmt: skip
    (item,) = imported(lines(tmp_path / "f.jsonl", {**PLAIN, "prompt": ASK, "chosen": turns, "rejected": FIVE}))
    (several,) = [completion for completion in item.completions if completion.turns]
    assert (several.text, [turn.role for turn in several.turns]) == (
        "Let me look.\n\nSunny.",
        ["assistant", "tool", "assistant"],
    )


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({**PLAIN, "chosen": None}, r"f.jsonl:2 chosen: null"),
        ({**PLAIN, "rejected": "4."}, r"f.jsonl:2 rejected: the same as chosen"),
        (
            {**PLAIN, "prompt": [{"role": "user", "content": [{"type": "hologram"}]}]},
            "'hologram' is no part of a content",
        ),
        ({**PLAIN, "prompt": [{"role": "user", "content": "q", "mood": "sad"}]}, "a message has no field 'mood'"),
        ({**PLAIN, "prompt": [{"role": "user", "content": "q", "tool_calls": [{"name": "x"}]}]}, "user calls no tool"),
        ({**PLAIN, "prompt": [{"role": "owl", "content": "q"}]}, "'owl' is not one of system"),
        ({**PLAIN, "prompt": " "}, "prompt: empty"),
        ({**PLAIN, "prompt": "q", "chosen": "\ud800"}, "lone surrogate"),
        ({**PLAIN, "strength": 2}, r"strength: expected a number from 0 to 1, not 2; --strength-max"),
        ({**PLAIN, "time": "yesterday"}, "time: expected a time as ISO 8601"),
        ({**PLAIN, "evaluator": "w", "evaluator_kind": "robot"}, "evaluator_kind: 'robot' is not one of person"),
    ],
)
def test_a_bad_row_is_named_and_keeps_the_whole_file_out(row: dict[str, Any], problem: str, tmp_path: Path) -> None:
    path = lines(tmp_path / "f.jsonl", PLAIN, row, PLAIN)
    with pytest.raises(RecordError, match=problem):
        imported(path)
    assert not list(tmp_path.glob("*.db*"))


def test_bad_rows_are_set_aside_and_the_rest_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    equal = {"question": "q", "chosen": "a", "rejected": "a"}
    path = lines(tmp_path / "f.jsonl", PLAIN, equal, {**PLAIN, "chosen": "6"})
    with path.open("a") as file:
        file.write("{broken\n")
    ledger = tmp_path / "l.db"
    command = ["import", str(path), "--ledger", str(ledger), "--skip-bad", "--json", "--ignore", "question"]
    assert run(command) == 0
    printed = json.loads(capsys.readouterr().out)
    beside = tmp_path / "f.jsonl.bad.jsonl"
    assert (printed["rows"], printed["bad"]) == (4, {"rows": 2, "file": str(beside)})
    assert printed["judgements"]["new"] == {"comparison": 2}
    one, other = map(json.loads, beside.read_text().splitlines())
    assert one == {
        "place": "f.jsonl:2 rejected",
        "reason": "the same as chosen, so it is no preference",
        "row": equal,
    }
    assert (other["place"], other["row"]) == ("f.jsonl:4", "{broken")
    assert beside.stat().st_mode & 0o077 == 0


def test_where_all_rows_are_bad_nothing_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = lines(tmp_path / "f.jsonl", {**PLAIN, "rejected": "4."})
    assert run(["import", str(path), "--ledger", str(tmp_path / "l.db"), "--skip-bad"]) == 2
    assert "no records: all of its 1 rows are bad" in capsys.readouterr().err
    assert not (tmp_path / "l.db").exists()
    assert (tmp_path / "f.jsonl.bad.jsonl").is_file()


def test_a_million_rows_are_not_needed_to_lose_none(tmp_path: Path) -> None:
    """One bad row behind more than a transaction's worth: without --skip-bad nothing enters, with it all the rest."""
    rows = [{**PLAIN, "chosen": str(n)} for n in range(4_100)]
    path = lines(tmp_path / "f.jsonl", *rows, {**PLAIN, "chosen": 7})
    with pytest.raises(RecordError, match=r"f.jsonl:4101 chosen"):
        imported(path)
    assert not list(tmp_path.glob("*.db*"))
    file, counts = import_into(tmp_path / "l.db", path, ImportSettings(), bad_rows=tmp_path / "bad.jsonl")
    assert (file.bad_rows, counts.new["feedback"]) == (1, 4_100)


@pytest.mark.parametrize("content", ["", "\n\n  \n", "[]", "[\n]", "prompt,chosen,rejected\n"])
def test_a_file_without_rows_has_no_records(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "f.csv"
    path.write_text(content)
    assert run(["import", str(path), "--ledger", str(tmp_path / "l.db")]) == 2
    assert "f.csv: no records: the file is empty" in capsys.readouterr().err
    assert not list(tmp_path.glob("l.db*"))


def test_what_a_ledger_holds_is_not_taken_away_by_a_failed_import(tmp_path: Path) -> None:
    ledger = str(tmp_path / "l.db")
    assert run(["import", str(lines(tmp_path / "a.jsonl", PLAIN)), "--ledger", ledger]) == 0
    assert run(["import", str(lines(tmp_path / "b.jsonl", {**PLAIN, "chosen": "5."})), "--ledger", ledger]) == 2
    with Ledger(ledger, write=False) as opened:
        assert opened.rows() == 1


def test_a_tie_is_one(tmp_path: Path) -> None:
    (item,) = imported(lines(tmp_path / "f.jsonl", {**PLAIN, "tie": True}))
    assert item.feedback.judgement == Comparison(preferred="tie")
