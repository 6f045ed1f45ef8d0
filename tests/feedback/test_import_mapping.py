"""Any table by a mapping, said by flags or kept beside the file; and what `--dry-run` shows of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from test_import_shapes import imported, lines

from accord.cli import run
from accord.errors import LedgerError, RecordError
from accord.feedback import ImportSettings, Ledger, is_order_known, open_feedback
from accord.feedback.formats.accord_jsonl import line_of
from accord.records import Comparison, Completion, Evaluator, Feedback, Label, Prompt, Rating, Scale

VOTES = (
    "question,answer_a,answer_b,winner,worker_id,conf,when\n"
    '"Which, of\nthe two?",A,B,answer_b,w1,3,2026-05-04T10:00:00Z\n'
    '"Which, of\nthe two?",A,B,no preference,w2,0,\n'
)


@pytest.fixture
def votes(tmp_path: Path) -> Path:
    path = tmp_path / "votes.csv"
    path.write_text(VOTES)
    return path


MAP = ["prompt=question", "left=answer_a", "right=answer_b", "evaluator=worker_id", "strength=conf", "time=when"]


def test_a_table_is_read_by_flags(votes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = str(votes.with_name("l.db"))
    assert run(["import", str(votes), "--ledger", ledger, "--map", *MAP, "--strength-max", "3", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["format"], printed["reason"]) == ("table", "the columns `prompt`, `left`, `right`, `winner`")
    assert (printed["not_read"], printed["judgements"]["new"]) == ([], {"comparison": 2})


def test_a_mapping_kept_beside_the_file_is_the_same(votes: Path) -> None:
    settings = {"columns": dict(pair.split("=") for pair in MAP), "strength_max": 3.0}
    by_flags = imported(votes, **settings)
    columns = "\n".join(f'{target} = "{column}"' for target, column in settings["columns"].items())  # type: ignore[attr-defined]
    votes.with_name("votes.csv.import.toml").write_text(f"[import]\nstrength_max = 3.0\n[import.columns]\n{columns}\n")
    by_file = imported(votes)
    assert [item.feedback.id for item in by_file] == [item.feedback.id for item in by_flags]
    assert by_file[0].feedback.judgement == Comparison(preferred="right", strength=1.0)
    assert by_file[1].feedback.judgement == Comparison(preferred="tie", strength=0.0)
    assert (by_file[0].prompt.text, by_file[0].evaluator.pseudonym) == ("Which, of\nthe two?", "w1")
    assert (str(by_file[0].feedback.time), by_file[1].feedback.time) == ("2026-05-04 10:00:00+00:00", None)


def test_of_a_column_only_the_mapped_part_is_taken(tmp_path: Path) -> None:
    said = {"worker": "w1", "comment": "Why not?", "code": 7, "more": [{"at": 3.5, "mood": "fine"}]}
    path = lines(tmp_path / "f.jsonl", {"prompt": "q", "chosen": "a", "rejected": "b", "annotation": said})
    columns = {"evaluator": "annotation.worker", "seconds": "annotation.more.0.at"}
    with pytest.raises(LedgerError, match=r"annotation\.comment looks like a remark.*--ignore annotation.comment"):
        imported(path, columns=columns)
    for ignore in ("annotation.comment", "annotation"):
        (item,) = imported(path, columns=columns, ignore=[ignore])
        assert (item.evaluator.pseudonym, item.feedback.seconds) == ("w1", 3.5)
    file = open_feedback(path, ImportSettings(columns=columns))
    assert file.columns.unread == ["annotation.comment", "annotation.code", "annotation.more.0.mood"]
    with pytest.raises(LedgerError, match=r"--ignore annotation\.coment: the first rows have no such column"):
        imported(path, columns=columns, ignore=["annotation.coment"])


def test_texts_that_look_like_lists_are_texts_and_the_order_shown_is_kept(tmp_path: Path) -> None:
    row = {"prompt": "[1, 2]", "left": '{"a": 1}', "right": "[]", "winner": "B", "evaluator": 7.0}
    (item,) = imported(lines(tmp_path / "f.jsonl", row))
    assert (item.prompt.text, [answer.text for answer in item.completions]) == ("[1, 2]", ['{"a": 1}', "[]"])
    assert (item.evaluator.pseudonym, is_order_known(item.feedback)) == ("7", True)
    listed = json.dumps([{"role": "system", "content": "Hm."}, {"role": "user", "content": "q"}])
    (item,) = imported(lines(tmp_path / "f.jsonl", {**row, "prompt": listed}))
    assert [message.role for message in item.prompt.messages] == ["system", "user"]


def test_summaries_with_their_words_below_columns(tmp_path: Path) -> None:
    """As comparisons of summaries are published: all below columns, the choice a number, the confidence from 1 to 9."""
    row = {
        "info": {"post": "A long post.", "subreddit": "r"},
        "summaries": [{"text": "Short.", "policy": "a"}, {"text": "Shorter.", "policy": "b"}],
        "choice": 1,
        "worker": "w1",
        "extra": {"confidence": 7},
    }
    path = lines(tmp_path / "f.jsonl", row, {**row, "choice": 0, "worker": "w2", "extra": {"confidence": None}})
    (tmp_path / "kept.toml").write_text('[import]\nstrength_max = 9\n[import.values.winner]\n0 = "left"\n1 = "right"\n')
    pairs = ["prompt=info.post", "left=summaries.0.text", "right=summaries.1.text", "winner=choice"]
    more = ["evaluator=worker", "strength=extra.confidence"]
    command = ["import", str(path), "--ledger", str(tmp_path / "l.db"), "--mapping", str(tmp_path / "kept.toml")]
    assert run([*command, "--map", *pairs, *more]) == 0
    with Ledger(tmp_path / "l.db", write=False) as ledger:
        judgements = [feedback.judgement for feedback in ledger.feedback()]
    assert judgements == [Comparison(preferred="right", strength=7 / 9), Comparison(preferred="left")]


@pytest.mark.parametrize(("left", "right", "preferred"), [(1, 0, "left"), ("0", "1", "right"), (False, False, "tie")])
def test_a_winner_in_two_columns(left: Any, right: Any, preferred: str, tmp_path: Path) -> None:
    row = {"prompt": "q", "response_a": "A", "response_b": "B", "winner_model_a": left, "winner_model_b": right}
    columns = {"left": "response_a", "right": "response_b"}
    winners = {"winner_left": "winner_model_a", "winner_right": "winner_model_b"}
    (item,) = imported(lines(tmp_path / "f.jsonl", row), columns={**columns, **winners})
    assert item.feedback.judgement.preferred == preferred
    both = {**row, "winner_model_a": 1, "winner_model_b": 1}
    with pytest.raises(RecordError, match="both cannot win"):
        imported(lines(tmp_path / "g.jsonl", both), columns={**columns, **winners})


def test_rows_of_one_id_are_as_many_votes(tmp_path: Path) -> None:
    """Records are named by their content: an id that rows state is not read, and says nothing of them."""
    rows = [{"id": "x", "prompt": "q", "chosen": a, "rejected": b} for a, b in ("AB", "BA", "AB")]
    assert len(imported(lines(tmp_path / "f.jsonl", *rows))) == 3


def test_an_answer_to_another_prompt_is_refused(tmp_path: Path) -> None:
    asked, other, by = Prompt.ask("q"), Prompt.ask("r"), Evaluator(kind="person", pseudonym="w")
    answer = Completion(prompt=other.id, text="A")
    rating = Rating(value=1.0, scale=Scale(low=0.0, high=1.0))
    vote = Feedback(evaluator=by.id, prompt=asked.id, completions=(answer.id,), judgement=rating)
    path = tmp_path / "f.jsonl"
    path.write_text("".join(line_of(record) for record in (asked, other, by, answer, vote)))
    with pytest.raises(LedgerError, match=f"{vote.id} is about {asked.id}, but {answer.id} answers {other.id}"):
        imported(path)
    assert not list(tmp_path.glob("*.db*"))


def test_columns_below_columns_and_values_by_name(tmp_path: Path) -> None:
    row = {"input": {"text": "q"}, "outs": ["A", "B"], "choice": 0, "by": {"id": 7}}
    path = lines(tmp_path / "f.jsonl", row, {**row, "choice": 1})
    (tmp_path / "f.jsonl.import.toml").write_text(
        '[import.columns]\nprompt = "input.text"\nleft = "outs.0"\nright = "outs.1"\nwinner = "choice"\n'
        'evaluator = "by.id"\n[import.values.winner]\n0 = "left"\n1 = "right"\n'
    )
    items = imported(path)
    assert [item.feedback.judgement.preferred for item in items] == ["left", "right"]
    assert {item.evaluator.pseudonym for item in items} == {"7"}


def test_ratings_labels_and_the_rest_of_one_answer(tmp_path: Path) -> None:
    row = {"prompt": "q", "completion": "A", "rating": "4", "label": "ok", "critique": "Short.", "correction": "AA"}
    path = lines(tmp_path / "f.jsonl", {**row, "demonstration": "AAA", "writer": "m"})
    with pytest.raises(LedgerError, match=r"rating looks like .*: --format table or --ignore rating"):
        imported(path)
    with pytest.raises(RecordError, match=r"rating: on which scale is not said; say it: --scale LOW HIGH"):
        imported(path, format="table")
    with pytest.raises(RecordError, match=r"label: which labels were offered is not said: --options NAME NAME"):
        imported(path, format="table", scale=[1, 5])
    with pytest.raises(RecordError, match=r"rating: 4 is not on the scale 1..3"):
        imported(path, format="table", scale=[1, 3])
    with pytest.raises(RecordError, match=r"label: 'ok' was not offered; the options are good, bad"):
        imported(path, format="table", scale=[1, 5], options=["good", "bad"])
    ledger = str(tmp_path / "l.db")
    command = [
        "import",
        str(path),
        "--ledger",
        ledger,
        "--format",
        "table",
        "--scale",
        "1",
        "5",
        "--options",
        "ok",
        "bad",
    ]
    assert run(command) == 0
    rated, labelled = imported(path, format="table", scale=[1, 5], options=["ok", "bad"])
    assert rated.feedback.judgement == Rating(value=4.0, scale=Scale(low=1.0, high=5.0))
    assert labelled.feedback.judgement == Label(selected=("ok",), options=("ok", "bad"))
    assert rated.completions[0].writer == "m"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"columns": {"prompt": "qestion"}},
            r"--map prompt=qestion: .* no column 'qestion'; did you mean 'question'\?",
        ),
        ({"ignore": ["winer"]}, r"--ignore winer: .*no such column; did you mean 'winner'\?"),
        (
            {"columns": {"prompt": "question", "lft": "answer_a"}, "format": "table"},
            r"the format table reads no column 'lft'; did you mean 'left'\?",
        ),
        ({"columns": {"winner": "question"}}, "the file has a column 'winner' of its own beside 'question'"),
    ],
)
def test_a_mapping_of_what_is_not_there(settings: dict[str, Any], problem: str, votes: Path) -> None:
    with pytest.raises(LedgerError, match=problem):
        imported(votes, **settings)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[import]\nformt = 'table'", r"import.formt: no such key; did you mean 'format'"),
        ("[import]\nscale = [5, 1]", "import.scale: the low end 5.0 is not below"),
        ("[export]", "'export' is not known here"),
        ("[import", "no TOML"),
        ("[import]\nignore = 3", "import.ignore"),
    ],
)
def test_a_mapping_file_that_cannot_be(text: str, problem: str, votes: Path) -> None:
    votes.with_name("votes.csv.import.toml").write_text(text)
    with pytest.raises(LedgerError, match=problem):
        imported(votes)


@pytest.mark.parametrize("pair", ["prompt", "=question", "prompt="])
def test_a_pair_that_is_none(pair: str, votes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", str(votes), "--ledger", "l.db", "--map", pair]) == 2
    assert "expected NAME=COLUMN" in capsys.readouterr().err


def test_a_word_that_names_no_side(votes: Path) -> None:
    votes.write_text(VOTES.replace("answer_b,w1", "0,w1"))
    with pytest.raises(RecordError, match=r'winner: \'0\' is none of left, right, tie; .*"0" = "left"'):
        imported(votes, columns=dict(pair.split("=") for pair in MAP), strength_max=3.0)


def test_a_dry_run_shows_and_writes_nothing(votes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["import", str(votes), "--ledger", str(votes.with_name("l.db")), "--dry-run", "--strength-max", "3"]
    assert run([*command, "--map", *(pair for pair in MAP if "worker" not in pair)]) == 2
    out = capsys.readouterr().out
    assert "read as table (the columns `prompt`, `left`, `right`, `winner`), under the name table" in out
    assert "record 2" in out
    assert "not read: worker_id (of the first 2 rows)" in out
    assert "say what becomes of it: votes.csv:2 worker_id looks like who judged: --map evaluator=worker_id" in out
    assert run([*command, "--map", *MAP, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["records"][0]["prompt"] == [{"role": "user", "content": "Which, of\nthe two?"}]
    assert shown["records"][0]["evaluator"]["pseudonym"] == "w1"
    assert (shown["not_read"], shown["lost"], shown["rows"]) == ([], {}, 2)
    assert {path.name for path in votes.parent.iterdir()} == {"votes.csv"}


def test_scores_beside_a_pair_of_a_table_agree_with_the_choice(tmp_path: Path) -> None:
    def read(**scores: float) -> Comparison:
        row = {"prompt": "q", "chosen": "a", "rejected": "b", **scores}
        (item,) = imported(lines(tmp_path / "f.jsonl", row), format="table")
        assert isinstance(item.feedback.judgement, Comparison)
        return item.feedback.judgement

    assert read(score_chosen=3, score_rejected=3).preferred == "tie"
    with pytest.raises(RecordError, match="1 is below score_rejected 5, which contradicts chosen"):
        read(score_chosen=1, score_rejected=5)
    with pytest.raises(RecordError, match="score_rejected: missing"):
        read(score_chosen=3)


def test_a_date_of_eight_figures_is_one_as_a_number_too(tmp_path: Path) -> None:
    row = {"prompt": "q", "chosen": "a", "rejected": "b"}
    (item,) = imported(lines(tmp_path / "f.jsonl", {**row, "time": 20260101}))
    assert str(item.feedback.time) == "2026-01-01 00:00:00+00:00"
    with pytest.raises(RecordError, match="expected a time as ISO 8601 has it, not 5"):
        imported(lines(tmp_path / "f.jsonl", {**row, "time": 5}))


def test_a_prompt_that_answers_share_ends_with_a_word(tmp_path: Path) -> None:
    (item,) = imported(lines(tmp_path / "f.jsonl", {"chosen": "Say yes", "rejected": "Say yesterday"}))
    assert (item.prompt.text, sorted(each.text for each in item.completions)) == ("Say", ["yes", "yesterday"])
